"""What a trial is, and how many of them say what."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.calibration.choosing import choose, targets
from benchmarks.calibration.rates import Tally, half_pool_upper, rate, too_small_to_halve
from benchmarks.calibration.rules import Verdicts, log_ratios
from benchmarks.calibration.study import DEFAULT
from benchmarks.calibration.trials import draw
from tests.calibration import planted


@pytest.mark.parametrize("percent", [0, 5])
def test_a_trial_has_different_rounds_and_never_a_process_twice(percent: int) -> None:
    """The first worker is slowed as asked, the second is an equal, and in no round are they the same."""
    unit = planted.unit(9)
    trials = draw(unit, percent, 5, 400, np.random.default_rng(0))
    assert all(len(set(row)) == 5 for row in trials.rounds)
    assert set(trials.rounds.flat) == set(range(9))
    assert {unit.workers[place].percent for place in trials.first.flat} == {percent}
    assert {unit.workers[place].name for place in trials.second.flat} == {"same-1", "same-2", "same-3", "same-4"}
    assert not np.any(trials.first == trials.second)


def test_a_pool_with_too_few_rounds_is_refused() -> None:
    """With what it has and what it should have."""
    with pytest.raises(ValueError, match="has 4 rounds, 4 equal workers and 1 of 5 %, but should have at least 5"):
        draw(planted.unit(4), 5, 5, 1, np.random.default_rng(0))


def test_the_bound_of_a_rate_is_clopper_and_pearsons() -> None:
    """For no event in n trials, by its closed form 1 - 0.025^(1/n); for all, 1."""
    assert rate(0, 3000) == {"count": 0, "trials": 3000, "rate": 0.0, "upper": pytest.approx(1 - 0.025 ** (1 / 3000))}
    assert rate(7, 7)["upper"] == 1.0
    assert rate(0, 0) == {"count": 0, "trials": 0, "rate": None, "upper": None}


def test_words_are_counted_by_what_they_mean_for_a_slowdown() -> None:
    """By hand: `faster` is a false alarm of equals and the wrong direction for slowed workers."""
    tally = Tally()
    tally.add(0, np.array(["faster", "slower", "same", "undecided"]))
    tally.add(5, np.array(["slower", "slower", "same", "faster"]))
    tally.add(10, np.array(["slower", "undecided", "slower", "slower"]))
    found = tally.as_json()
    assert found["false_alarm"]["count"] == 2
    assert {key: value["rate"] for key, value in found["detected"].items()} == {"5": 0.5, "10": 0.75}
    assert {key: value["rate"] for key, value in found["missed"].items()} == {"5": 0.5, "10": 0.0}
    assert (found["wrong_direction"]["count"], found["wrong_direction"]["trials"]) == (1, 8)
    assert found["undecided"]["10"]["rate"] == found["same"]["0"]["rate"] == 0.25


def row(name: str, alarms: int, found5: int) -> dict[str, object]:
    """Rates of a rule, of 1,000 trials each."""
    return {"name": name, "false_alarm": rate(alarms, 1000), "detected": {"5": rate(found5, 1000)}}


def test_the_default_is_the_most_sensitive_of_those_that_are_surely_below_2_percent() -> None:
    """1.9 % are not surely below; equals are told apart by their false alarms."""
    rows = [row("deaf", 0, 10), row("nervous", 19, 990), row("good", 5, 900), row("better", 4, 900)]
    assert choose(rows)["name"] == "better"
    assert choose([row("bad", 400, 990), row("less bad", 300, 10)])["name"] == "less bad"


@pytest.mark.parametrize(
    ("false_alarms", "found", "choice"),
    [(5, 890, "now"), (0, 860, "rival"), (19, 899, "rival")],  # 1,000 trials: 890 may be 91 %, 860 at most 88.1 %
)
def test_the_default_of_now_is_kept_where_the_trials_cannot_tell_it_from_the_best(
    false_alarms: int, found: int, choice: str
) -> None:
    """As long as its own false alarms are surely below 2 %; of the others, the best one is taken."""
    rows = [row("now", false_alarms, found), row("other", 0, 899), row("rival", 9, 900)]
    assert choose(rows)["name"] == choice


def test_what_must_be_reached_is_said_of_each_figure() -> None:
    """A rate that was not tried is not reached."""
    tally = Tally()
    tally.add(0, np.array(["same"] * 99 + ["faster"]))
    tally.add(5, np.array(["slower"] * 85 + ["undecided"] * 15))
    worse = Tally()
    worse.add(0, np.array(["same"] * 97 + ["slower"] * 3))
    found = targets(tally.as_json(), [{"name": "a"} | tally.as_json(), {"name": "b"} | worse.as_json()])
    assert [goal["value"] for goal in found] == [0.01, 0.03, None, 0.85, 0.0, 0.0]
    assert [goal["reached"] for goal in found] == [True, False, False, True, True, True]
    assert found[1]["what"] == "identical workers called faster or slower, worst of all: b"


def test_halves_of_a_pool_show_how_much_the_pool_leaves_open() -> None:
    """Nothing where all rounds are alike; more than the rate itself where they differ; unknown where they are few."""
    rule = Verdicts(DEFAULT)

    def bound(unit: planted.Unit) -> float | None:
        return half_pool_upper({unit: log_ratios(unit, DEFAULT)}, rule, 0)

    assert bound(planted.unit(20)) == 0.0
    assert bound(planted.unit(16)) == 0.0  # two trials of 5 + 3 rounds
    small = planted.unit(15)
    assert bound(small) is None and too_small_to_halve([small, planted.unit(16)], rule) == [small.name]
    both = {unit: log_ratios(unit, DEFAULT) for unit in (planted.unit(20), small)}
    assert half_pool_upper(both, rule, 0) is None  # a bound of one of two is none of both
    noisy = planted.unit(40, noise=0.3)
    trials = draw(noisy, 0, rule.rounds, 5000, np.random.default_rng(0))
    words = rule.words(log_ratios(noisy, DEFAULT)[trials.first, trials.second, trials.rounds])
    upper = bound(noisy)
    assert upper is not None and upper > np.mean(np.isin(words, ["faster", "slower"]))
