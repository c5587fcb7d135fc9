"""Paired differences and the words that they allow, by value."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from benchmarks.claims.judging import (
    Sign,
    asking,
    combined,
    every,
    holds,
    holds_not,
    log_ratio,
    mean_of,
    needed,
    paired,
)
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
        ([*VALUES, math.nan], 0.0, "above"),  # what is judged diverged: the worse side of a loss
        ([], 0.0, "undecided"),
    ],
)
def test_the_sign_follows_from_interval_and_margin(values: list[float], margin: float, sign: str) -> None:
    """Above, below, the same, or nothing yet."""
    assert mean_of(values, margin=margin).sign == sign


def lost_in(count: int, shift: float = 0.0, other: int = 0) -> dict[int, float]:
    """Losses of ten seeds, of which the first ``count`` after the first ``other`` are NaN."""
    values = {seed: 1.0 + shift + 0.01 * (seed % 3) for seed in range(10)}
    return values | dict.fromkeys(range(other, other + count), math.nan)


@pytest.mark.parametrize(
    ("first", "second", "as_loss", "as_accuracy"),
    [
        (lost_in(1), lost_in(0), "above", "below"),  # one of ten: worse, as a loss and as an accuracy
        (lost_in(1, -0.5), lost_in(0), "above", "below"),  # though the others are lower by 0.5, and differ by that
        (lost_in(10), lost_in(0), "above", "below"),
        (lost_in(0), lost_in(1), "undecided", "undecided"),  # the second's divergence proves nothing of the first,
        (lost_in(0, -0.5), lost_in(1), "below", "undecided"),  # unless the others are better anyway
        (lost_in(0), lost_in(10), "undecided", "undecided"),
        (lost_in(10), lost_in(10), "undecided", "undecided"),
        (lost_in(1), lost_in(1, other=1), "undecided", "undecided"),  # each in a seed of its own
        (lost_in(1), lost_in(1), "same", "same"),  # both in the same seed: nine are left
        (lost_in(1, -0.5), lost_in(1), "below", "below"),
    ],
)
def test_the_side_that_diverged_loses(
    first: dict[int, float], second: dict[int, float], as_loss: str, as_accuracy: str
) -> None:
    """As in the verdicts of the convergence axis; the means are those of the pairs that are left."""
    found = paired(first, second, margin=0.1)
    assert found.sign == as_loss
    assert paired(first, second, margin=0.1, higher_is_better=True).sign == as_accuracy
    kept = [first[seed] - second[seed] for seed in first if math.isfinite(first[seed] - second[seed])]
    assert found.pairs == 10 and found.left_out == 10 - len(kept)
    assert found.mean == (pytest.approx(np.mean(kept)) if kept else pytest.approx(math.nan, nan_ok=True))
    assert ("pairs left out" in found.told()) == (len(kept) < 10)


def test_the_seeds_that_deciding_needs_would_decide() -> None:
    """As many as the interval needs to leave out 0, at the same mean and spread; one fewer is too few."""
    values = [0.5, -0.4, 0.3, -0.6, 0.6]
    mean, deviation = np.mean(values), np.std(values, ddof=1)
    needs = mean_of(values).seeds_needed("above")
    assert needs is not None

    def half(n: int) -> float:
        return float(stats.t.ppf(0.975, n - 1) * deviation / math.sqrt(n))

    assert half(needs) < mean <= half(needs - 1)
    asked = asking("above", [mean_of(VALUES), mean_of(values)])
    assert needed(asked) == f"needs {needs} seeds instead of 5"
    assert "more than 1000" in needed([(mean_of([1e-9, 1.0, -1.0, 1.0, -1.0]), "above")])


def test_fewer_seeds_exclude_a_gain_than_show_that_there_is_none() -> None:
    """A mean of -0.5 at a margin of 0.5: the same is never decided, more than 0.5 once the half-width is below 1."""
    values = [0.7, -2.0, 0.6, -2.3, 0.5]
    found, deviation = mean_of(values, margin=0.5), np.std(values, ddof=1)
    assert (found.mean, found.sign, holds(found, "above")) == (pytest.approx(-0.5), "undecided", None)
    needs = found.seeds_needed("above")
    assert needs is not None and found.seeds_needed("same") is None
    halves = [float(stats.t.ppf(0.975, n - 1) * deviation / math.sqrt(n)) for n in (needs, needs - 1)]
    assert halves[0] <= 1 < halves[1]


@pytest.mark.parametrize(
    ("values", "wanted", "held"),
    [
        ([0.2, -0.3, 0.4, -0.1, 0.3], "above", False),  # -0.27 to 0.47: nowhere above 0.5, and "same" as well
        ([-0.9, 0.1, -0.8, 0.2, -0.9], "above", False),  # -1.1 to 0.2: not the same, and not above
        ([-0.9, 0.1, -0.8, 0.2, -0.9], "below", None),
        ([0.9, -0.1, 0.8, -0.2, 0.9], "below", False),
        ([0.9, 0.1, 0.8, -0.2, 0.9], "above", None),  # reaches beyond the margin
        ([0.9, 1.0, 0.8, 0.9, 0.8], "above", True),
        ([-0.9, 0.1, -0.8, 0.2, -math.inf, -0.9], "above", None),  # beside a divergence of the second
        ([0.2, -0.3, 0.4, -0.1], "above", None),  # four seeds
    ],
)
def test_a_side_is_asked_one_sidedly(values: list[float], wanted: Sign, held: bool | None) -> None:
    """True beyond the margin, False where the interval nowhere is, else open; and the contrary of it."""
    found = mean_of(values, margin=0.5)
    assert holds(found, wanted) is held
    assert holds_not(found, wanted) is (None if held is None else not held)


def test_ratios_are_logarithms_by_seed() -> None:
    """What differs by factors; infinite where one side alone is not finite."""
    lost, won = {0: math.nan, 1: 2.0, 2: math.nan}, {0: 2.0, 1: math.inf, 2: math.nan}
    assert log_ratio(lost, won) == {0: math.inf, 1: -math.inf}
    assert log_ratio({0: 4.0, 1: 1.0}, {0: 2.0, 2: 1.0}) == {0: pytest.approx(math.log(2))}


def test_conditions_are_combined() -> None:
    """What is open leaves open what it could change: not a depends. A part that fails decides its whole."""
    assert [combined(True, True), combined(False, False), combined(True, False), combined(True, None, False)] == [
        "confirmed", "refuted", "depends", "depends",
    ]  # fmt: skip
    assert [combined(True, None), combined(None, False)] == ["undecided", "undecided"]
    assert [every(True, True), every(True, None), every(None, False)] == [True, None, False]
    assert [holds(mean_of(VALUES), "above"), holds(mean_of(VALUES), "below"), holds(mean_of([1.0]), "above")] == [
        True, False, None,
    ]  # fmt: skip


@pytest.mark.parametrize(("kind", "on"), [("depends", ""), ("undecided", ""), ("confirmed", "the weather")])
def test_a_verdict_says_on_what_it_depends_and_only_then(kind: str, on: str) -> None:
    """A `depends` without an `on` helps nobody."""
    with pytest.raises(ValueError, match="only depends and undecided say on what"):
        Verdict(kind=kind, on=on, sentence="It is so.")  # type: ignore[arg-type]
