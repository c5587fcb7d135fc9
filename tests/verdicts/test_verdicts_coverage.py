"""What the verdicts promise, by simulation with fixed seeds: coverage, false alarms, detection, price."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from benchmarks.verdicts.judging import judge
from benchmarks.verdicts.price import ASSURANCE, rounds_of_fresh_run, rounds_to_decide
from benchmarks.verdicts.ranking import family_of
from benchmarks.verdicts.ratios import log_ratios_to

TRIALS = 2000
ROUNDS = 5


def tally(effect: float, deviation: float, **options: int) -> Counter[str]:
    """Words over trials of five normally distributed rounds around log(1 + effect)."""
    random = np.random.default_rng(17)
    drawn = random.normal(np.log1p(effect), deviation, (TRIALS, ROUNDS))
    return Counter(found.word for logs in drawn if (found := judge(logs, **options)))


def share(words: Counter[str], *of: str) -> float:
    """Share of these words."""
    return sum(words[word] for word in of) / TRIALS


def test_intervals_of_a_family_hold_together() -> None:
    """Six cases against one, whose noise they share: all five intervals hold in at least 95 % of the runs."""
    random = np.random.default_rng(7)
    truth = np.log([1.0, 1.0, 1.02, 0.9, 1.3, 2.0])
    held = 0
    for _ in range(TRIALS):
        logs = truth[:, None] + random.normal(0, 0.02, (6, ROUNDS))
        cases = [{(r, 0): float(np.exp(value)) for r, value in enumerate(case)} for case in logs]
        verdicts = [judge(d, comparisons=family_of(6)) for d in log_ratios_to(cases, 0)[1:]]
        bounds = [(np.log(found.low), np.log(found.high)) for found in verdicts if found and found.low and found.high]
        held += all(low <= true - truth[0] <= high for (low, high), true in zip(bounds, truth[1:], strict=True))
    assert held / TRIALS >= 0.95


@pytest.mark.parametrize("deviation", [0.005, 0.01, 0.02])
def test_identical_workers_are_called_different_in_at_most_2_percent(deviation: float) -> None:
    """On machines whose rounds repeat within 0.5, 1 and 2 %."""
    assert share(tally(0.0, deviation), "faster", "slower") <= 0.02


@pytest.mark.parametrize("deviation", [0.05, 0.2, 1.0])
def test_a_noisy_machine_raises_no_more_alarms_than_its_intervals_allow(deviation: float) -> None:
    """5 % for a single look, 2.5 % where a second may follow; two standard errors of the simulation beside."""
    error = 2 * np.sqrt(0.05 * 0.95 / TRIALS)
    assert share(tally(0.0, deviation), "faster", "slower") <= 0.05 + error
    assert share(tally(0.0, deviation, looks=2), "faster", "slower") <= 0.0255 + error


def test_slowdowns_are_found_and_never_turned_round() -> None:
    """Where rounds repeat within 2 %: 10 % in at least 95 %, 5 % in at least 80 %, and none called faster."""
    ten, five = tally(0.10, 0.02), tally(0.05, 0.02)
    assert share(ten, "slower") >= 0.95
    assert share(five, "slower") >= 0.80
    assert share(ten, "faster") == share(five, "faster") == 0
    assert share(five, "same") <= 0.001


@pytest.mark.parametrize("effect", [0.03, 0.05])
def test_what_is_not_the_same_is_seldom_called_so(effect: float) -> None:
    """On the border of the margin at most 2.5 % of the time, which is the level of each one-sided test."""
    assert share(tally(effect, 0.015), "same") <= 0.025 + 2 * np.sqrt(0.025 / TRIALS)


def test_the_price_is_kept() -> None:
    """After as many further rounds as are asked for, the share of decisions is about what the price promises."""
    random = np.random.default_rng(23)
    paid = kept = 0
    while paid < 300:
        logs = random.normal(0.06, 0.04, ROUNDS)
        further = rounds_to_decide(logs, comparisons=3)
        found = judge(logs, comparisons=3)
        if found is None or found.word != "undecided" or further is None:
            continue
        more = random.normal(logs.mean(), logs.std(ddof=1), further)  # the rounds stay what they are
        after = judge(np.concatenate([logs, more]), comparisons=3)
        paid += 1
        kept += after is not None and after.word != "undecided"
    assert kept / paid == pytest.approx(ASSURANCE, abs=0.12)


def test_the_price_of_a_fresh_run_is_kept() -> None:
    """A run of its own with as many rounds as are asked for decides about as often as the price promises."""
    random = np.random.default_rng(29)
    paid = kept = 0
    while paid < 300:
        logs = random.normal(0.06, 0.04, ROUNDS)
        rounds = rounds_of_fresh_run(logs)
        found = judge(logs, comparisons=3)
        if found is None or found.word != "undecided" or rounds is None:
            continue
        fresh = judge(random.normal(logs.mean(), logs.std(ddof=1), rounds))  # the rounds stay what they are
        paid += 1
        kept += fresh is not None and fresh.word != "undecided"
    assert kept / paid == pytest.approx(ASSURANCE, abs=0.12)
