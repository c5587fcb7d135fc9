"""Verdicts by value: intervals against SciPy's own functions, and the words on both sides of each border."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from benchmarks.verdicts.judging import MARGIN, Verdict, certainly_slower, judge

EDGE = math.log1p(MARGIN)
T_975_OF_ONE_DEGREE = 12.706204736  # from the tables of Student's distribution


def spread(mean: float, half: float, rounds: int = 5, confidence: float = 0.95) -> np.ndarray:
    """Rounds with this mean and this half width of their interval, exactly."""
    shape = np.linspace(-1, 1, rounds)
    width = stats.t.ppf(0.5 + confidence / 2, rounds - 1) * shape.std(ddof=1) / math.sqrt(rounds)
    return mean + shape * half / width


def word(per_round: np.ndarray, **options: float) -> str:
    """What is said."""
    found = judge(per_round, **options)  # type: ignore[arg-type]  # each test passes the type that belongs to the name
    assert found is not None
    return found.word


def test_the_interval_is_that_of_scipy() -> None:
    """Five rounds, against ``ttest_1samp`` of the logs."""
    logs = np.random.default_rng(3).normal(0.2, 0.1, 5)
    found = judge(logs)
    interval = stats.ttest_1samp(logs, 0).confidence_interval(0.95)
    assert found is not None
    assert found.ratio == pytest.approx(math.exp(logs.mean()))
    assert (found.low, found.high) == (pytest.approx(math.exp(interval.low)), pytest.approx(math.exp(interval.high)))
    assert (found.rounds, found.margin) == (5, 0.03)


@pytest.mark.parametrize(("comparisons", "looks"), [(1, 2), (15, 1), (15, 2), (120, 1)])
def test_the_interval_of_a_family_is_at_the_confidence_of_sidak(comparisons: int, looks: int) -> None:
    """0.95 to the power of one over their number."""
    logs = np.random.default_rng(4).normal(0.0, 0.02, 8)
    found = judge(logs, comparisons=comparisons, looks=looks)
    interval = stats.ttest_1samp(logs, 0).confidence_interval(0.95 ** (1 / (comparisons * looks)))
    assert found is not None
    assert (found.low, found.high) == (pytest.approx(math.exp(interval.low)), pytest.approx(math.exp(interval.high)))


def test_two_rounds_have_the_interval_of_one_degree() -> None:
    """Rounds at 2 and 8: geometric mean 4, and the standard error of the logs is exactly log 2."""
    found = judge(np.log([2.0, 8.0]))
    assert found is not None
    assert (found.ratio, found.word) == (pytest.approx(4), "undecided")
    assert found.low == pytest.approx(4 * 2**-T_975_OF_ONE_DEGREE)
    assert found.high == pytest.approx(4 * 2**T_975_OF_ONE_DEGREE)


@pytest.mark.parametrize(
    ("mean", "half", "expected"),
    [
        (0.10, 0.09, "slower"),
        (-0.10, 0.09, "faster"),
        (0.10, 0.11, "undecided"),  # the interval holds 1
        (EDGE + 1e-6, 0.02, "slower"),
        (EDGE - 1e-6, 0.02, "undecided"),  # certainly slower, but by less than matters or not is open
        (0.0, EDGE - 1e-6, "same"),
        (0.0, EDGE + 1e-6, "undecided"),
        (0.02, 0.005, "same"),  # a difference, and one that does not matter
        (-0.02, 0.005, "same"),
        (0.02, 0.015, "undecided"),
    ],
)
def test_the_words_on_both_sides_of_each_border(mean: float, half: float, expected: str) -> None:
    """Logarithms of the ratio and half widths of its interval."""
    assert word(spread(mean, half)) == expected


def test_same_is_what_two_one_sided_tests_say() -> None:
    """Each at half of 1 - confidence, against SciPy's t tests; 200 random sets of rounds."""
    random = np.random.default_rng(11)
    said = []
    for _ in range(200):
        logs = random.normal(0.0, random.uniform(0.005, 0.04), 5) + random.normal(0, 0.01)
        above = stats.ttest_1samp(logs, -EDGE, alternative="greater").pvalue
        below = stats.ttest_1samp(logs, EDGE, alternative="less").pvalue
        said.append(word(logs) == "same")
        assert said[-1] == (max(above, below) <= 0.025)
    assert 20 < sum(said) < 180


def test_a_margin_moves_the_border() -> None:
    """5 % slower for certain is not worth mentioning where 10 % are the same."""
    logs = spread(math.log(1.05), 0.01)
    assert (word(logs), word(logs, margin=0.10)) == ("slower", "same")


def test_more_comparisons_make_a_verdict_harder() -> None:
    """The same rounds decide alone, and not as one of 15."""
    logs = spread(0.10, 0.09)
    assert (word(logs), word(logs, comparisons=15), word(logs, looks=2)) == ("slower", "undecided", "undecided")


def test_one_round_gives_a_ratio_and_no_interval() -> None:
    """Nor a verdict, however large it is."""
    assert judge(np.log([100.0])) == Verdict("undecided", pytest.approx(100.0), None, None, 1, 0.03)


def test_rounds_without_a_figure_are_left_out() -> None:
    """As if they had never been; without any there is no verdict."""
    logs = np.array([0.1, np.nan, 0.12, 0.11, np.nan])
    assert judge(logs) == judge(np.array([0.1, 0.12, 0.11]))
    assert judge(np.full(3, np.nan)) is None
    assert judge(np.empty(0)) is None


def test_equal_rounds_give_an_interval_without_width() -> None:
    """Nothing varies, so all is decided."""
    assert (word(np.full(3, 0.1)), word(np.zeros(3)), word(np.full(3, -0.1))) == ("slower", "same", "faster")


def test_huge_intervals_are_infinite_and_not_an_error() -> None:
    """Two rounds that differ by a factor of 10^60 still have an interval."""
    found = judge(np.log([1e30, 1e-30]))
    assert found is not None
    assert (found.low, found.high) == (0.0, math.inf)
    assert (found.inverse().low, found.inverse().high) == (0.0, math.inf)


def test_the_inverse_swaps_ends_and_words() -> None:
    """Twice as long, the other way round, is half."""
    slower = Verdict("slower", 2, 1.6, 2.5, 3, 0.03)
    assert slower.inverse() == Verdict("faster", 0.5, 0.4, 0.625, 3, 0.03)
    assert Verdict("undecided", 4, None, None, 1, 0.03).inverse() == Verdict("undecided", 0.25, None, None, 1, 0.03)


def test_many_comparisons_at_once_agree_with_each_alone() -> None:
    """Gaps, single rounds and nothing included."""
    random = np.random.default_rng(5)
    per_round = random.normal(0.03, 0.05, (40, 5))
    per_round[random.random((40, 5)) < 0.3] = np.nan
    per_round[0], per_round[1, 1:] = np.nan, np.nan
    together = certainly_slower(per_round, comparisons=3, looks=2)
    alone = [judge(logs, comparisons=3, looks=2) for logs in per_round]
    assert together.tolist() == [found is not None and found.word == "slower" for found in alone]
    assert 0 < together.sum() < 40
