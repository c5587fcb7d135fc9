"""What a pass says, by value, and what of a damaged one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from benchmarks.verdicts.passes import DEFAULT_STATISTIC, STATISTICS, pass_values


def test_the_minimum_of_a_pass_is_per_call() -> None:
    """The shortest duration over the number of loops, whatever its place."""
    samples = {"passes": [{"round": 1, "pass": 4, "loops": 10, "durations_ns": [1500, 1200, 9000]}]}
    assert pass_values(samples) == pass_values(samples, "min") == {(1, 4): 120.0}
    assert DEFAULT_STATISTIC in STATISTICS


@pytest.mark.parametrize(
    ("statistic", "expected"),
    [
        ("min", 10.0),
        ("quantile_10", 14.0),  # 0.4 of the way from the first to the second of five
        ("quantile_25", 20.0),
        ("median", 30.0),
        ("mean", 220.0),
        ("trimmed_mean", 30.0),  # of the middle three
    ],
)
def test_each_statistic_by_value(statistic: str, expected: float) -> None:
    """Of 10, 20, 30, 40 and an outlier, in any order."""
    samples = {"passes": [{"round": 0, "pass": 0, "loops": 1, "durations_ns": [30, 1000, 10, 40, 20]}]}
    assert pass_values(samples, statistic) == {(0, 0): pytest.approx(expected)}


def test_the_trimmed_mean_is_that_of_scipy() -> None:
    """A quarter off each end."""
    durations = np.random.default_rng(0).lognormal(8, 1, 20)
    samples = {"passes": [{"round": 0, "pass": 0, "loops": 1, "durations_ns": durations.tolist()}]}
    assert pass_values(samples, "trimmed_mean")[0, 0] == pytest.approx(stats.trim_mean(durations, 0.25))


@pytest.mark.parametrize(
    "entry",
    [
        {"round": 0, "pass": 0, "loops": 0, "durations_ns": [1]},
        {"round": 0, "pass": 0, "loops": 1, "durations_ns": []},
        {"round": 0, "pass": 0, "loops": 1, "durations_ns": [-5, 0, None, "7", float("nan"), True]},
        {"round": 0, "pass": 0, "loops": 1, "durations_ns": [float("inf")]},
        {"round": None, "pass": 0, "loops": 1, "durations_ns": [5]},
        {"round": 0, "pass": 0, "loops": "NaN", "durations_ns": [5]},
        {"pass": 0},
        "a pass",
        None,
    ],
)
def test_a_pass_without_a_usable_duration_is_left_out(entry: object) -> None:
    """Damage in one pass does not spoil the others."""
    good = {"round": 0, "pass": 1, "loops": 2, "durations_ns": [50]}
    assert pass_values({"passes": [entry, good]}) == {(0, 1): 25.0}


@pytest.mark.parametrize("samples", [{}, {"passes": None}, {"passes": {}}])
def test_samples_without_passes_have_no_values(samples: dict[str, object]) -> None:
    """A record of another axis, or damage."""
    assert pass_values(samples) == {}


def test_an_unknown_statistic_is_refused() -> None:
    """By its name."""
    with pytest.raises(KeyError, match="maximum"):
        pass_values({"passes": []}, "maximum")
