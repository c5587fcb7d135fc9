"""Verdicts over paired seeds: the interval against SciPy's, and the words on both sides of each border."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from benchmarks.verdicts.paired_seeds import SeedVerdict, judge_seeds


def judged(first: list[float | None], second: list[float | None], **options: bool | int) -> SeedVerdict:
    """Figures of seeds 0, 1, ..."""
    options = {"higher_is_better": True} | options
    a, b = ({str(seed): value for seed, value in enumerate(values)} for values in (first, second))
    return judge_seeds(a, b, **options)  # type: ignore[arg-type]  # each test passes the type of its name


SECOND = [0.90, 0.91, 0.92, 0.93, 0.94]
BAND = float(np.std(SECOND, ddof=1))


def test_the_interval_is_that_of_scipys_paired_test() -> None:
    """Five seeds, alone and as one of eight comparisons."""
    first = [0.92, 0.90, 0.95, 0.93, 0.97]
    for comparisons in (1, 8):
        found = judged(first, list(SECOND), comparisons=comparisons)
        interval = stats.ttest_rel(first, SECOND).confidence_interval(0.95 ** (1 / comparisons))
        assert (found.low, found.high) == (pytest.approx(interval.low), pytest.approx(interval.high))
        assert (found.band, found.seeds) == (pytest.approx(BAND), 5)


@pytest.mark.parametrize(
    ("shift", "word"),
    [(0.0, "same"), (0.9 * BAND, "same"), (1.1 * BAND, "better"), (-1.1 * BAND, "worse")],
)
def test_a_shift_is_judged_by_the_band(shift: float, word: str) -> None:
    """The same on every seed, so that the interval has no width; of a loss, higher is worse."""
    first: list[float | None] = [value + shift for value in SECOND]
    assert judged(first, list(SECOND)).word == word
    opposite = {"better": "worse", "worse": "better"}.get(word, word)
    assert judged(first, list(SECOND), higher_is_better=False).word == opposite


def test_scattered_differences_are_undecided() -> None:
    """Neither within the band for certain, nor outside."""
    first: list[float | None] = [value + s * 3 * BAND for value, s in zip(SECOND, (1, -1, 1, -1, 1), strict=True)]
    assert judged(first, list(SECOND)).word == "undecided"


def test_few_and_broken_figures() -> None:
    """One pair is undecided, none too; a pair of which both figures are missing says nothing."""
    assert judged([0.9], [0.8]).word == "undecided"
    assert judged([], []).difference is None
    found = judged([0.9, None, math.nan, 0.9], [0.9, math.nan, None, 0.9])
    assert (found.seeds, found.left_out, found.word) == (2, 2, "same")


@pytest.mark.parametrize(
    ("first", "second", "word"),
    [
        ([0.9] * 3 + [math.nan] * 7, [0.9] * 10, "worse"),
        ([0.9] * 9 + [None], [0.9] * 10, "worse"),
        ([math.nan] * 3, [0.9] * 3, "worse"),
        ([0.9] * 10, [0.9] * 3 + [math.nan] * 7, "undecided"),
        ([0.5] * 10, [0.9] * 3 + [math.nan] * 7, "undecided"),
        ([0.95] * 10, [0.9] * 3 + [math.nan] * 7, "better"),
        ([0.9] * 8 + [math.nan, 0.9], [0.9] * 9 + [math.nan], "undecided"),
    ],
)
def test_what_diverged_in_one_of_them_alone_is_not_judged_by_the_rest(
    first: list[float | None], second: list[float | None], word: str
) -> None:
    """Each left-out pair is counted."""
    found = judged(first, second)
    assert found.word == word
    assert found.left_out == 10 - found.seeds if len(first) == 10 else found.left_out == 3
