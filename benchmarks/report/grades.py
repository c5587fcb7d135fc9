"""Grades by condition, read from agreement records: ill-conditioned input, unusual batches, arithmetic of 16 bits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from benchmarks.report.errors import SIXTEEN_BITS, severity
from benchmarks.report.parameters import Key, key_of
from benchmarks.report.run import Record

MEANS = {"mean_1e2": 100, "mean_1e3": 1_000, "mean_1e4": 10_000, "mean_1e6": 1_000_000}  # in deviations
SIDE_BY_SIDE = (*MEANS, "variance_near_epsilon", "constant", "huge")
POISONS = ("nan", "infinity")
ONE_VALUE, EMPTY = "one_value", "empty"
CONDITIONS = (*SIDE_BY_SIDE, *POISONS, ONE_VALUE, EMPTY)
UNUSUAL = (ONE_VALUE, EMPTY)
MATTERS = 4.0  # times the bound: more than a different order of the same operations brings about
PARAMETERS = ("dtype", "style", "device")


@dataclass(frozen=True)
class Graded:
    """What one implementation does under the conditions, over records of one dtype, style and device."""

    records: tuple[Record, ...]

    @cached_property
    def implementation(self) -> str:
        """Whose grades they are."""
        return self.records[0].implementation

    def holder(self, condition: str) -> Record | None:
        """The record with the worst grade under a condition."""
        found = [record for record in self.records if record.number(f"{condition}_error_over_bound") is not None]
        return max(found, key=lambda one: severity(one.number(f"{condition}_error_over_bound")), default=None)

    def over_bound(self, condition: str) -> float | None:
        """The worst error over its bound."""
        holder = self.holder(condition)
        return None if holder is None else holder.number(f"{condition}_error_over_bound")

    def quantity(self, condition: str) -> str:
        """Whose error it is."""
        holder = self.holder(condition)
        return "" if holder is None else str(holder.metrics.get(f"{condition}_worst_quantity", ""))

    def lost(self, condition: str) -> bool:
        """Whether an error is as large as what it is an error of."""
        errors = [record.number(f"{condition}_error_rel") for record in self.records]
        return any(error is not None and not error < 1 for error in errors)

    def pattern(self, condition: str, kind: str) -> list[str] | None:
        """Quantities that differ in what is not finite: ``hidden``, ``spread`` or ``other_kind``; None: unseen."""
        lists = [record.metrics.get(f"{condition}_{kind}") for record in self.records]
        present = [each for each in lists if isinstance(each, list)]
        return list(dict.fromkeys(str(quantity) for each in present for quantity in each)) if present else None

    def of_empty(self, part: str) -> list[str]:
        """What an empty batch did to the ``statistics`` or the ``gradients``, a word each."""
        return list(dict.fromkeys(text for record in self.records if (text := record.text(f"empty_{part}"))))

    def refused(self, condition: str) -> str | None:
        """Why an unusual batch is refused."""
        reasons = [r.reason for r in self.records if r.text("input") == condition and r.status == "unsupported"]
        return next((reason for reason in reasons if reason), None)


def usual(grades: Sequence[Graded]) -> dict[str, list[Graded]]:
    """By implementation, without 16 bits, whose errors stand in a table of their own."""
    found: dict[str, list[Graded]] = defaultdict(list)
    for graded in grades:
        if graded.records[0].text("dtype") not in SIXTEEN_BITS:
            found[graded.implementation].append(graded)
    return dict(found)


def worst_of(of: Sequence[Graded], *conditions: str) -> float | None:
    """The worst error over its bound under some conditions, or under all."""
    found = [value for graded in of for c in conditions or CONDITIONS if (value := graded.over_bound(c)) is not None]
    return max(found, key=severity, default=None)


def collect(records: Sequence[Record]) -> list[Graded]:
    """Grades by implementation, dtype, style and device, in the order of the plan.

    Args:
        records: of the agreement axis, refused ones included.
    """
    groups: dict[Key, list[Record]] = defaultdict(list)
    for record in records:
        refused = record.status == "unsupported" and record.text("input") in UNUSUAL
        if record.text("input") in ("conditions", *UNUSUAL) and (record.measured or refused):
            groups[record.implementation, *key_of(record, PARAMETERS)].append(record)
    return [Graded(tuple(members)) for members in groups.values()]
