"""Records of what one implementation took up from another: how far off, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.report.run import Record, as_number
from benchmarks.report.wording import significant, visible

ROUNDING = "r"
"""Letter of a difference within rounding; :data:`LETTERS` has those of the conventions."""
LETTERS: Mapping[str, str] = {
    "warm_up": "w",
    "debias": "d",
    "updates": "u",
    "ddof": "n",
    "decay_in_float32": "f",
    "complement_in_float32": "f",
}
PHRASES: Mapping[str, tuple[str, str]] = {
    "warm_up": (
        "the target warms its decay up, the source does not",
        "the source warms its decay up, the target does not",
    ),
    "debias": (
        "the target debiases its averages, the source does not",
        "the source debiases its averages, the target does not",
    ),
}
"""Convention -> what to say where the target has it, and where the source has."""


OTHER_SUMS = "rounding: other kernels, other order of sums"
ROUNDED_STATE = "rounding: the canonical state holds an average, and this implementation the sum behind it"


@dataclass(frozen=True)
class Reason:
    """One convention that makes a difference, and how much the reference says that it makes."""

    field: str
    source: Any
    target: Any
    size: float

    @property
    def letter(self) -> str:
        """Its mark in a heat map."""
        return LETTERS.get(self.field, "o")

    @property
    def text(self) -> str:
        """The reason in words."""
        if self.field in PHRASES:
            return PHRASES[self.field][0 if self.target else 1]
        if self.field == "updates":
            return f"updates run {_when(self.target)} in the target, {_when(self.source)} in the source"
        values = f"{visible(str(self.target))} in the target, {visible(str(self.source))} in the source"
        return f"{visible(self.field).replace('_', ' ')} is {values}"


def _when(updates: Any) -> str:
    return "after the step, by the new weights," if updates == "after" else "within the step"


@dataclass(frozen=True)
class Crossing:
    """One cell of the matrix."""

    record: Record

    @property
    def source(self) -> str:
        """Who trained."""
        return self.record.text("source")

    @property
    def target(self) -> str:
        """Who took it up."""
        return self.record.implementation

    @property
    def trained_on(self) -> bool:
        """Whether the target could train at all."""
        return "resumed_unsupported" not in self.record.metrics

    @property
    def reasons(self) -> list[Reason]:
        """Conventions that move the inference after the training; a converted ddof is none."""
        return [reason for reason in self._all_reasons if reason.field != "ddof"]

    @property
    def conversion(self) -> Reason | None:
        """The ddof that was converted, and what that took away; None where both divide alike."""
        return next((reason for reason in self._all_reasons if reason.field == "ddof"), None)

    @property
    def _all_reasons(self) -> list[Reason]:
        stored = self.record.metrics.get("reasons")
        found = []
        for entry in stored if isinstance(stored, list) else []:
            if isinstance(entry, Mapping) and isinstance(entry.get("field"), str):
                size = as_number(entry.get("size")) or 0.0
                found.append(Reason(entry["field"], entry.get("source"), entry.get("target"), size))
        return found

    @property
    def inference(self) -> tuple[float | None, float | None]:
        """Difference of the inference at once, absolute and over the bound of rounding."""
        return self.record.number("inference_difference_abs"), self.record.number("inference_over_bound")

    @property
    def continued(self) -> tuple[float | None, float | None]:
        """The same after the resumed training."""
        return self.record.number("continued_inference_difference_abs"), self.record.number("continued_over_bound")

    @property
    def share(self) -> float | None:
        """The second one's absolute difference as a share of the largest logit."""
        scale, off = self.record.number("continued_inference_scale"), self.continued[0]
        return off / scale if off is not None and scale else None

    @property
    def explained(self) -> bool:
        """Whether conventions and rounding explain all of it."""
        return self.record.status == "ok"

    @property
    def why(self) -> str:
        """The reason of a cell that is not exact; empty for one that is."""
        if not self.record.measured:
            return f"{self.record.status}: {visible(self.record.reason or '')}"
        if not self.explained:
            return f"unexplained: {visible(self.record.reason or '')}"
        said = [reason.text for reason in self.reasons]
        if self.conversion is not None:
            before, after = (visible(str(value)) for value in (self.conversion.source, self.conversion.target))
            size = significant(self.conversion.size, 2)
            said.append(f"ddof converted from {before} to {after}; without that, {size} off")
        if not self.trained_on:
            said.append(f"no training: {visible(self.record.text('resumed_unsupported'))}")
        if not said and self.exact:
            return ""
        return "; ".join(said or [ROUNDED_STATE if self.source == self.target else OTHER_SUMS])

    @property
    def exact(self) -> bool:
        """Whether everything is the same to the last bit."""
        flags = ("inference_bitwise", "resumed_bitwise") if self.trained_on else ("inference_bitwise",)
        return all(self.record.flag(flag) for flag in flags) and not (self.continued[0] or 0.0)


def matrix(records: Sequence[Record]) -> list[Crossing]:
    """The cells of the canonical matrix, not those of the frameworks' own files."""
    return [Crossing(record) for record in records if "file" not in record.case]
