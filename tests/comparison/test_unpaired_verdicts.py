"""Welch's interval between rounds of two runs, by value and by its false alarms."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.verdicts.unpaired import judge_unpaired, round_values


def test_the_interval_is_welchs() -> None:
    """By hand: means 2 and 1, squared standard errors 1 and 1, so 2 degrees of freedom and t = 4.302653."""
    verdict = judge_unpaired(np.array([1.0, 3.0]), np.array([0.0, 2.0]))
    assert verdict is not None
    half = 4.302652729911275 * math.sqrt(2)
    assert verdict.ratio == pytest.approx(math.e)
    assert (verdict.low, verdict.high) == pytest.approx((math.exp(1 - half), math.exp(1 + half)))
    assert (verdict.word, verdict.rounds) == ("undecided", 2)


def test_unequal_spread_costs_degrees_of_freedom() -> None:
    """By hand: squared standard errors 4/3 and 0, so 2 degrees, not the 4 of a pooled variance."""
    verdict = judge_unpaired(np.array([-2.0, 0.0, 2.0]), np.array([1.0, 1.0, 1.0]))
    assert verdict is not None and verdict.low is not None
    assert math.log(verdict.low) == pytest.approx(-1 - 4.302652729911275 * math.sqrt(4 / 3))


def test_rounds_that_are_all_alike_have_no_interval_to_speak_of() -> None:
    """And raise no warning."""
    verdict = judge_unpaired(np.log([1.2, 1.2, 1.2]), np.log([1.0, 1.0, 1.0]))
    assert verdict is not None
    assert (verdict.word, verdict.low, verdict.high) == ("slower", pytest.approx(1.2), pytest.approx(1.2))


@pytest.mark.parametrize("sides", [([0.0], [0.5, 0.5]), ([0.1, 0.1], [math.nan, 0.5])])
def test_one_round_gives_a_ratio_and_no_interval(sides: tuple[list[float], list[float]]) -> None:
    """Nothing is said of one process."""
    verdict = judge_unpaired(np.array(sides[0]), np.array(sides[1]))
    assert verdict is not None
    assert (verdict.word, verdict.low, verdict.high, verdict.rounds) == ("undecided", None, None, 1)


def test_no_round_gives_no_verdict() -> None:
    """Also where all of them are missing."""
    assert judge_unpaired(np.array([]), np.array([1.0])) is None
    assert judge_unpaired(np.array([1.0]), np.array([math.nan])) is None


def test_a_round_is_its_shortest_pass() -> None:
    """In logarithms, in the order of the rounds."""
    values = {(2, 0): 8.0, (0, 0): 3.0, (0, 1): 2.0, (0, 2): 100.0}
    assert np.exp(round_values(values)) == pytest.approx([2.0, 8.0])


def test_false_alarms_stay_below_what_the_confidence_says() -> None:
    """Ten comparisons of equal rounds, 400 times: at most 5 % of the families hold one that is told apart."""
    random = np.random.default_rng(5)
    draws = random.normal(0, 0.05, (400, 10, 2, 5))
    alarms = sum(
        any(judge_unpaired(a, b, margin=1e-9, comparisons=10).word != "undecided" for a, b in family)  # type: ignore[union-attr]
        for family in draws
    )
    assert alarms <= 0.05 * len(draws) + 2 * math.sqrt(0.05 * 0.95 * len(draws))
    assert judge_unpaired(draws[0, 0, 0] + 1, draws[0, 0, 1], comparisons=10).word == "slower"  # type: ignore[union-attr]
