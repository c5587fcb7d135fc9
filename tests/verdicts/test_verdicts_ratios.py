"""Log ratios within rounds, by value."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.verdicts.ratios import WITHIN_ROUND, log_ratios, log_ratios_over_groups, log_ratios_to

Values = dict[tuple[int, int], float]


def values(*rounds: list[float]) -> Values:
    """Pass values from a list per round."""
    return {(r, p): value for r, passes in enumerate(rounds) for p, value in enumerate(passes)}


def ratios(first: Values, second: Values, within: str = "best") -> list[float]:
    """The ratio in every round."""
    return np.exp(log_ratios_to([first, second], 1, within=within)[0]).tolist()


def test_the_best_pass_of_each_counts() -> None:
    """Whichever pass that is: 200 over 100 in the first round, 90 over 30 in the second."""
    first, second = values([900, 200, 300], [90, 100]), values([100, 150, 800], [40, 30])
    assert ratios(first, second) == pytest.approx([2, 3])


def test_paired_takes_the_median_of_the_passes_ratios() -> None:
    """2, 3 and 100 times as long in one pass each."""
    assert ratios(values([200, 300, 10_000]), values([100, 100, 100]), "paired") == pytest.approx([3])


@pytest.mark.parametrize("within", WITHIN_ROUND)
def test_drift_that_hits_both_cancels(within: str) -> None:
    """A machine that becomes ten times slower in the second pass, and again in the second round, changes no ratio."""
    assert ratios(values([300, 3000], [30_000]), values([100, 1000], [10_000]), within) == pytest.approx([3, 3])


@pytest.mark.parametrize("within", WITHIN_ROUND)
def test_only_passes_that_both_have_are_compared(within: str) -> None:
    """The second case lost a pass, in which the first was fast, and a whole round."""
    found = ratios(values([200, 1], [500]), {(0, 0): 100.0}, within)
    assert found == pytest.approx([2, math.nan], nan_ok=True)


@pytest.mark.parametrize("within", WITHIN_ROUND)
def test_all_pairs_and_one_base_agree(within: str) -> None:
    """The ratios to one case are a column of the ratios of every two, gaps included; the other half has other signs."""
    cases = [values([1, 2, 3], [4, 5, 6]), {(0, 1): 7.0, (1, 0): 2.0}, {(1, 2): 3.0}]
    every = log_ratios(cases, within)
    np.testing.assert_array_equal(every[:, 1], log_ratios_to(cases, 1, within=within))
    np.testing.assert_array_equal(every, -every.transpose(1, 0, 2))
    assert every.shape == (3, 3, 2)


def test_groups_are_averaged_within_a_round() -> None:
    """2 times on one input and 8 times on another is 4 times overall; a round that lacks an input has no figure."""
    wide = [values([200], [200]), values([100], [100])]
    narrow = [values([800]), values([100])]
    found = np.exp(log_ratios_over_groups([wide, narrow], base=1)[0])
    assert found.tolist() == pytest.approx([4, math.nan], nan_ok=True)


def test_cases_without_a_pass_have_no_rounds() -> None:
    """And no error."""
    assert log_ratios([{}, {}]).shape == (2, 2, 0)
    assert log_ratios_to([{}, {}], 0).shape == (2, 0)
