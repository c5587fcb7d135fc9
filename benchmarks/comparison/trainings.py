"""Convergence: final figures and the first split, where they are not what they were."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.comparison.pairing import Pair
from benchmarks.report.trainings import split_text

FIGURES = (
    "final_test_loss",
    "final_test_accuracy",
    "final_validation_loss",
    "final_validation_accuracy",
    "max_loss_difference_rel",
)


@dataclass(frozen=True)
class TrainingChange:
    """A training that came out otherwise; it decides nothing, because training amplifies rounding.

    Attributes:
        case_id: the case.
        figures: figure -> (in A, in B); None where it was not recorded. Losses without unit, accuracies of 1.
        split_a: where A left the reference, in words.
        split_b: where B left it.
    """

    case_id: str
    figures: dict[str, tuple[float | None, float | None]]
    split_a: str
    split_b: str


def changed_trainings(pairs: Iterable[Pair]) -> list[TrainingChange]:
    """Trainings of which a figure or the first split differs."""
    found = []
    for pair in pairs:
        if pair.b.axis != "convergence" or not (pair.a.measured and pair.b.measured):
            continue
        figures = {name: (pair.a.number(name), pair.b.number(name)) for name in FIGURES}
        splits = split_text(pair.a), split_text(pair.b)
        if splits[0] != splits[1] or any(repr(a) != repr(b) for a, b in figures.values()):  # NaN is NaN here
            found.append(TrainingChange(pair.case_id, figures, *splits))
    return found
