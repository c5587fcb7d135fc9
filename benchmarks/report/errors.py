"""Errors of the agreement axis, reduced to the worst: by implementation and input, and by implementation."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from benchmarks.report.parameters import Key, key_of
from benchmarks.report.run import Record
from benchmarks.report.wording import QUANTITIES

PARAMETERS = ("shape", "style", "layout", "dtype", "device", "center", "scale", "gradients", "input")
SIXTEEN_BITS = ("float16", "bfloat16")
NOT_JUDGED = ("one_value", "empty", "replicas")  # an API may treat these as it likes, or they have a table
SECOND_ORDER = "second_order"


def severity(value: float | None) -> float:
    """An error for comparing: NaN is worse than anything, a missing one better."""
    if value is None:
        return -1.0
    return math.inf if math.isnan(value) else value


@dataclass(frozen=True)
class Worst:
    """The worst over some agreement records."""

    records: tuple[Record, ...]

    @cached_property
    def implementation(self) -> str:
        """Whose errors they are."""
        return self.records[0].implementation

    @cached_property
    def headline(self) -> tuple[Record, ...]:
        """Those whose errors are compared with others': without 16 bits, which are graded in a table of their own."""
        return tuple(record for record in self.records if record.text("dtype") not in SIXTEEN_BITS) or self.records

    @cached_property
    def disagreeing(self) -> tuple[Record, ...]:
        """Those that are wrong."""
        return tuple(record for record in self.records if record.status == "disagrees")

    def of(self, quantity: str, measure: str) -> float | None:
        """The worst of one quantity: ``ulp``, ``abs``, ``rel``, ``over_bound`` or ``over_limit``."""
        values = [record.number(f"{quantity}_error_{measure}") for record in self.headline]
        present = [value for value in values if value is not None]
        return max(present, key=severity) if present else None

    @cached_property
    def over_bound(self) -> float | None:
        """The worst error of any quantity over its bound."""
        return worst_over_bound(self.worst_record)

    @cached_property
    def over_limit(self) -> float | None:
        """The worst error of any quantity over its limit; above 1 a case disagrees."""
        found = [self.of(quantity, "over_limit") for quantity in QUANTITIES]
        return max((value for value in found if value is not None), key=severity, default=None)

    @cached_property
    def worst_record(self) -> Record:
        """The record that holds it."""
        return max(self.headline, key=lambda record: severity(worst_over_bound(record)))

    @cached_property
    def quantity(self) -> str:
        """The quantity that was the worst."""
        return worst_quantity(self.worst_record)


def judged(records: Sequence[Record]) -> list[Record]:
    """The agreement records that can disagree, first-order ones: second-order gradients have a section of their own."""
    return [
        record
        for record in records
        if record.text("input") not in NOT_JUDGED and record.text("gradients") != SECOND_ORDER
    ]


def worst_over_bound(record: Record) -> float | None:
    """``worst_error_over_bound``; derived from the quantities where it is not recorded."""
    stated = record.number("worst_error_over_bound")
    if stated is not None:
        return stated
    values = [record.number(f"{quantity}_error_over_bound") for quantity in QUANTITIES]
    present = [value for value in values if value is not None]
    return max(present, key=severity) if present else None


def worst_quantity(record: Record) -> str:
    """``worst_quantity``; derived from the quantities where it is not recorded."""
    stated = record.metrics.get("worst_quantity")
    if isinstance(stated, str):
        return stated
    return max(QUANTITIES, key=lambda quantity: severity(record.number(f"{quantity}_error_over_bound")))


def grouped(records: Sequence[Record]) -> list[Worst]:
    """Worst by implementation, input, style, layout, dtype and device, in the order of the plan."""
    groups: dict[Key, list[Record]] = defaultdict(list)
    for record in records:
        groups[record.implementation, *key_of(record, PARAMETERS)].append(record)
    return [Worst(tuple(members)) for members in groups.values()]


def by_implementation(records: Sequence[Record]) -> dict[str, Worst]:
    """Worst by implementation, in the order of the plan."""
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        groups[record.implementation].append(record)
    return {implementation: Worst(tuple(members)) for implementation, members in groups.items()}
