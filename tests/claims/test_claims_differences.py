"""Paired differences and the words that they allow, by value."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from benchmarks.claims.judging import combined, every, holds, log_ratio, mean_of, needed, paired
from benchmarks.claims.model import Verdict

VALUES = [0.11, 0.14, 0.09, 0.12, 0.10]


def test_the_interval_is_students() -> None:
    """Of the differences seed by seed; a seed that one side lacks is left out."""
    first = dict(enumerate(1 + value for value in VALUES)) | {9: 5.0}
    found = paired(first, dict.fromkeys(range(5), 1.0))
    expected = stats.t.interval(0.95, 4, np.mean(VALUES), stats.sem(VALUES))
    assert (found.mean, found.pairs) == (pytest.approx(np.mean(VALUES)), 5)
    assert (found.low, found.high) == pytest.approx(expected)


def test_a_family_of_intervals_is_wider() -> None:
    """Šidák: each of four holds with 0.95 ** (1 / 4)."""
    found = mean_of(VALUES, family=4)
    assert (found.low, found.high) == pytest.approx(
        stats.t.interval(0.95 ** (1 / 4), 4, np.mean(VALUES), stats.sem(VALUES))
    )


@pytest.mark.parametrize(
    ("values", "margin", "sign"),
    [
        (VALUES, 0.0, "above"),
        ([-value for value in VALUES], 0.0, "below"),
        (VALUES, 0.5, "same"),
        (VALUES, 0.12, "undecided"),  # leaves out 0, but neither all within the margin nor beyond it
        ([0.5, -0.4, 0.3, -0.6, 0.1], 0.0, "undecided"),
        (VALUES[:4], 0.0, "undecided"),  # four seeds, however clear
        ([*VALUES, math.nan], 0.0, "undecided"),
        ([], 0.0, "undecided"),
    ],
)
def test_the_sign_follows_from_interval_and_margin(values: list[float], margin: float, sign: str) -> None:
    """Above, below, the same, or nothing yet."""
    assert mean_of(values, margin=margin).sign == sign


def test_the_seeds_that_deciding_needs_would_decide() -> None:
    """As many as the interval needs to leave out 0, at the same mean and spread; one fewer is too few."""
    values = [0.5, -0.4, 0.3, -0.6, 0.6]
    mean, deviation = np.mean(values), np.std(values, ddof=1)
    needs = mean_of(values).seeds_needed
    assert needs is not None

    def half(n: int) -> float:
        return float(stats.t.ppf(0.975, n - 1) * deviation / math.sqrt(n))

    assert half(needs) < mean <= half(needs - 1)
    assert needed([mean_of(VALUES), mean_of(values)]) == f"needs {needs} seeds instead of 5"
    assert "more than 1000" in needed([mean_of([1e-9, 1.0, -1.0, 1.0, -1.0])])


def test_ratios_are_logarithms_by_seed() -> None:
    """What differs by factors."""
    assert log_ratio({0: 4.0, 1: 1.0}, {0: 2.0, 2: 1.0}) == {0: pytest.approx(math.log(2))}


def test_conditions_are_combined() -> None:
    """One that is open leaves the verdict open; a part that fails decides its whole."""
    assert [combined(True, True), combined(False, False), combined(True, False), combined(True, None)] == [
        "confirmed", "refuted", "depends", "undecided",
    ]  # fmt: skip
    assert [every(True, True), every(True, None), every(None, False)] == [True, None, False]
    assert [holds(mean_of(VALUES), "above"), holds(mean_of(VALUES), "below"), holds(mean_of([1.0]), "above")] == [
        True, False, None,
    ]  # fmt: skip


@pytest.mark.parametrize(("kind", "on"), [("depends", ""), ("undecided", ""), ("confirmed", "the weather")])
def test_a_verdict_says_on_what_it_depends_and_only_then(kind: str, on: str) -> None:
    """A `depends` without an `on` helps nobody."""
    with pytest.raises(ValueError, match="only depends and undecided say on what"):
        Verdict(kind=kind, on=on, sentence="It is so.")  # type: ignore[arg-type]
