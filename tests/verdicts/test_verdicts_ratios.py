"""Paired ratios by value: known durations give known ratios and intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from benchmarks.report.statistics import Estimate
from scipy import stats

from benchmarks.report import statistics
from tests.report.synthetic import throughput

T_975_OF_ONE_DEGREE = 12.706204736  # from the tables of Student's distribution


def minima(*rounds: list[float]) -> dict[tuple[int, int], float]:
    """Pass minima from a list per round."""
    return {(r, p): value for r, passes in enumerate(rounds) for p, value in enumerate(passes)}


def test_the_minimum_of_a_pass_is_per_call() -> None:
    """The shortest duration over the number of loops, whatever its place."""
    samples = {"passes": [{"round": 1, "pass": 4, "loops": 10, "durations_ns": [1500, 1200, 9000]}]}
    assert statistics.pass_minima(samples) == {(1, 4): 120.0}


@pytest.mark.parametrize(
    "entry",
    [
        {"round": 0, "pass": 0, "loops": 0, "durations_ns": [1]},
        {"round": 0, "pass": 0, "loops": 1, "durations_ns": []},
        {"round": 0, "pass": 0, "loops": 1, "durations_ns": [-5, 0, None, "7", float("nan")]},
        {"round": None, "pass": 0, "loops": 1, "durations_ns": [5]},
        {"pass": 0},
        "a pass",
        None,
    ],
)
def test_a_pass_without_a_usable_duration_is_left_out(entry: object) -> None:
    """Damage in one pass does not spoil the others."""
    good = {"round": 0, "pass": 1, "loops": 2, "durations_ns": [50]}
    assert statistics.pass_minima({"passes": [entry, good]}) == {(0, 1): 25.0}


def test_one_round_gives_a_ratio_and_no_interval() -> None:
    """The median over three passes of 2, 3 and 100 times as long is 3 times as long."""
    found = statistics.compare(minima([200, 300, 10_000]), minima([100, 100, 100]))
    assert found is not None
    assert found.ratio == pytest.approx(3)
    assert (found.low, found.high, found.rounds, found.told_apart) == (None, None, 1, False)


def test_two_rounds_give_the_interval_of_student() -> None:
    """Rounds at 2 and 8: geometric mean 4, and the standard error of the logs is exactly log 2."""
    found = statistics.compare(minima([200, 200], [800, 800]), minima([100, 100], [100, 100]))
    assert found is not None
    assert found.ratio == pytest.approx(4)
    assert found.low == pytest.approx(4 * 2**-T_975_OF_ONE_DEGREE)
    assert found.high == pytest.approx(4 * 2**T_975_OF_ONE_DEGREE)
    assert not found.told_apart


def test_the_interval_is_that_of_scipy_stats() -> None:
    """Five rounds of random ratios, against SciPy's own t interval of the logs."""
    logs = np.random.default_rng(3).normal(0.2, 0.1, 5)
    ours = statistics.estimate(logs)
    low, high = stats.t.interval(0.95, 4, loc=logs.mean(), scale=stats.sem(logs))
    assert ours is not None
    assert (ours.low, ours.high) == (pytest.approx(math.exp(low)), pytest.approx(math.exp(high)))


def test_equal_rounds_give_an_interval_without_width() -> None:
    """Nothing varies, so the two are told apart."""
    found = statistics.compare(minima([110], [110], [110]), minima([100], [100], [100]))
    assert found is not None
    assert (found.ratio, found.low, found.high) == (pytest.approx(1.1), pytest.approx(1.1), pytest.approx(1.1))
    assert found.told_apart


def test_drift_that_hits_both_cancels() -> None:
    """A machine that becomes ten times slower in the second pass changes no ratio."""
    found = statistics.compare(minima([300, 3000]), minima([100, 1000]))
    assert found is not None
    assert found.ratio == pytest.approx(3)


def test_only_passes_that_both_have_are_compared() -> None:
    """The second case lost a pass and a whole round."""
    first = minima([200, 900], [500])
    second = {(0, 0): 100.0}
    found = statistics.compare(first, second)
    assert found is not None
    assert (found.ratio, found.rounds) == (pytest.approx(2), 1)


def test_cases_without_a_common_pass_have_no_ratio() -> None:
    """Different rounds cannot be paired."""
    assert statistics.compare({(0, 0): 1.0}, {(1, 0): 1.0}) is None


def test_the_inverse_swaps_the_ends() -> None:
    """Twice as long, the other way round, is half."""
    assert Estimate(2, 1.6, 2.5, 3).inverse() == Estimate(0.5, 0.4, 0.625, 3)


def test_certainly_slower_agrees_with_the_intervals_one_by_one() -> None:
    """The vectorised answer for all pairs is that of each pair alone."""
    random = np.random.default_rng(5)
    cases = [minima(*(random.lognormal(k / 10, 0.1, (4, 3)).tolist())) for k in range(6)]
    per_round = statistics.log_ratios(cases)
    together = statistics.certainly_slower(per_round)
    for a in range(6):
        for b in range(6):
            alone = statistics.estimate(per_round[a, b])
            assert alone is not None
            assert together[a, b] == (alone.low is not None and alone.low > 1)


def test_groups_are_averaged_within_a_round() -> None:
    """2 times on one input and 8 times on another is 4 times overall; a round that lacks an input is left out."""
    wide = [minima([200], [200]), minima([100], [100])]
    narrow = [minima([800]), minima([100])]
    per_round = statistics.log_ratios_over_groups([wide, narrow], base=1)
    found = statistics.estimate(per_round[0])
    assert found is not None
    assert (found.ratio, found.rounds) == (pytest.approx(4), 1)


def test_all_pairs_and_one_base_agree() -> None:
    """The ratios to one case are a column of the ratios of every two; gaps included."""
    cases = [minima([1, 2, 3], [4, 5, 6]), {(0, 1): 7.0, (1, 0): 2.0}, {(1, 2): 3.0}]
    np.testing.assert_array_equal(statistics.log_ratios(cases)[:, 1], statistics.log_ratios_to(cases, 1))


def test_huge_intervals_are_infinite_not_an_error() -> None:
    """Two rounds that differ by a factor of 10^60 still have an interval."""
    found = statistics.estimate(np.array([math.log(1e30), -math.log(1e30)]))
    assert found is not None
    assert found.high == math.inf


def test_the_helper_writes_minima_that_are_read_back() -> None:
    """The tests' own records say what the tests mean."""
    wanted = {(0, 0): 120.0, (1, 0): 150.0}
    assert statistics.pass_minima(throughput("a", wanted)["samples"]) == wanted
