"""Rankings and prices, by value."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from benchmarks.verdicts.judging import judge
from benchmarks.verdicts.looks import looks_within
from benchmarks.verdicts.price import MOST_ROUNDS, rounds_of_fresh_run, rounds_to_decide
from benchmarks.verdicts.ranking import Open, compare, fastest, ranks, undecided, verdicts_on
from benchmarks.verdicts.ratios import log_ratios_to

Values = dict[tuple[int, int], float]


def rounds(*figures: float) -> Values:
    """One pass a round."""
    return {(number, 0): value for number, value in enumerate(figures)}


A, B, C = rounds(100, 101, 100), rounds(101, 100, 100.5), rounds(200, 202, 201)


def test_planted_ratios_come_out() -> None:
    """Twice the time in every round, and half of it the other way round."""
    found = compare(C, rounds(100, 101, 100.5))
    assert found is not None
    assert (found.word, found.ratio, found.low, found.high) == ("slower", *[pytest.approx(2)] * 3)
    assert compare({(0, 0): 1.0}, {(1, 0): 1.0}) is None


def test_the_fastest_has_the_smallest_mean_ratio() -> None:
    """What shares no round with the base cannot be it."""
    assert fastest(log_ratios_to([A, rounds(50, 51, 50), C], 0)) == 1
    assert fastest(log_ratios_to([A, {(9, 0): 1.0}, C], 0)) == 0


def test_a_ranking_counts_its_own_comparisons() -> None:
    """Three cases are two comparisons with one; three such rankings six."""
    per_round = log_ratios_to([A, B, C], 0)
    assert verdicts_on(per_round)[1] == judge(per_round[1], comparisons=2)
    assert verdicts_on(per_round, groups=3, looks=2)[1] == judge(per_round[1], comparisons=6, looks=2)


def test_rows_that_are_not_slower_for_certain_share_a_rank() -> None:
    """A and B cross from round to round; C is slower in each."""
    assert ranks([A, C, B]) == [1, 3, 1]


def test_one_round_ranks_nobody() -> None:
    """Nor does it in groups too large to compare every two."""
    assert ranks([rounds(1), rounds(9)]) == [None, None]
    assert ranks([A] * 301) == [None] * 301


def test_open_comparisons_are_with_the_baseline_and_with_the_fastest() -> None:
    """``near`` is open against both, ``far`` decided against both; the pair of baseline and fastest stands once."""
    base, best = rounds(100, 100, 100, 100, 100), rounds(97, 90, 99, 92, 96)
    near, far = rounds(99, 93, 101, 95, 96), rounds(300, 301, 299, 300, 300)
    found = undecided([base, best, near, far], 0)
    assert [(left.place, left.against) for left in found] == [(1, 0), (2, 0), (2, 1)]
    d = log_ratios_to([base, best, near, far], 0)[1]
    assert found[0] == Open(1, 0, rounds_to_decide(d, comparisons=3))


def test_a_decided_comparison_costs_nothing() -> None:
    """Whichever way."""
    assert rounds_to_decide(np.array([0.2, 0.21, 0.2])) == 0
    assert rounds_to_decide(np.array([0.001, 0.0, -0.001])) == 0


def test_the_price_by_the_normal_distribution() -> None:
    """Mean 0.05, deviation 0.05, five rounds: the smallest n for which the mean of all is beyond its half width."""
    shape = np.array([-1, -0.5, 0, 0.5, 1])
    logs = 0.05 + 0.05 * shape / shape.std(ddof=1)

    def probability(n: int) -> float:
        total = 5 + n
        half = stats.t.ppf(0.975, total - 1) * 0.05 / math.sqrt(total)
        mean = stats.norm(0.05, 0.05 * math.sqrt(n) / total)
        return float(mean.sf(max(half, math.log(1.03))))

    price = rounds_to_decide(logs)
    assert price is not None
    assert price > 1
    assert probability(price) >= 0.8 > probability(price - 1)


def test_the_price_of_a_fresh_run_by_the_normal_distribution() -> None:
    """Nothing of the five rounds is used again: the mean of all n is as uncertain as n rounds make it."""
    shape = np.array([-1, -0.5, 0, 0.5, 1])
    logs = 0.05 + 0.05 * shape / shape.std(ddof=1)

    def probability(n: int) -> float:
        half = stats.t.ppf(0.5 + 0.95 ** (1 / 3) / 2, n - 1) * 0.05 / math.sqrt(n)
        mean = stats.norm(0.05, 0.05 / math.sqrt(n))
        return float(mean.sf(max(half, math.log(1.03))))

    price = rounds_of_fresh_run(logs, comparisons=3)
    assert price is not None
    assert price > 5
    assert probability(price) >= 0.8 > probability(price - 1)
    assert rounds_of_fresh_run(np.array([0.2, 0.2, 0.2])) == 2
    assert rounds_of_fresh_run(np.array([0.3])) is None


def test_what_lies_on_the_border_has_no_price() -> None:
    """A ratio at the margin is not decided within a hundred rounds; nor is anything priced after one round."""
    logs = math.log(1.03) - 1e-4 + np.array([-0.02, 0.0, 0.02, 0.01, -0.01])
    assert rounds_to_decide(logs) is None and rounds_of_fresh_run(logs) is None
    assert rounds_to_decide(np.array([0.3])) is None
    assert MOST_ROUNDS == 100


def test_a_budget_is_a_second_look() -> None:
    """None without one."""
    assert (looks_within(0.0), looks_within(2.0)) == (1, 2)
