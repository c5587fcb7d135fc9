"""Our rule is the verdict engine's, and the rules of others are theirs."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.calibration.other_rules import OTHERS, PytestBenchmark, Samples, significant
from benchmarks.calibration.rules import UNPAIRED, Design, Verdicts, log_ratios, words_of
from benchmarks.calibration.trials import Trials
from benchmarks.verdicts.judging import judge
from tests.calibration import planted


@pytest.mark.parametrize("looks", [1, 2])
def test_many_trials_at_once_get_the_words_that_judge_gives_each(looks: int) -> None:
    """On ratios near every border: no difference to large ones, with little noise and much."""
    generator = np.random.default_rng(3)
    scales = generator.choice([0.001, 0.01, 0.05], (2000, 1))
    ratios = generator.choice([0, 0.02, -0.03, 0.05, -0.2], (2000, 1)) + scales * generator.standard_normal((2000, 5))
    words = words_of(ratios, looks)
    expected = [verdict.word for row in ratios if (verdict := judge(row, looks=looks))]
    assert list(words) == expected
    assert set(words) == {"faster", "slower", "same", "undecided"}


def test_a_top_up_judges_again_what_was_undecided_and_nothing_else() -> None:
    """A decided trial keeps its word, whatever the further rounds say."""
    steady, torn = [0.2, 0.2001, 0.1999, 0.2, 0.2], [0.5, -0.1, 0.4, 0.0, 0.3]
    rule = Verdicts(Design(top_up=3))
    assert rule.rounds == 8
    words = rule.words(np.array([[*steady, -5, -5, -5], [*torn, 0.2, 0.2, 0.2]]))
    assert list(words_of(np.array([steady, torn]), looks=2)) == ["slower", "undecided"]
    assert list(words) == ["slower", "slower"]
    assert list(words_of(np.array([[*steady, -5, -5, -5]]), looks=2)) == ["undecided"]


def by_hand(limit: str, first: list[float], second: list[float]) -> str:
    """The word of one trial: one round of one pass, whose samples are given."""
    durations = np.array([first, second])[:, None, None, :]
    unit = planted.Unit("by hand", "", planted.POOL_WORKERS[:2], (0,), durations)
    trials = Trials(np.array([[0]]), np.array([[0]]), np.array([[1]]))
    return str(PytestBenchmark(limit, Samples(rounds=1, passes=1)).judge(unit)(trials)[0])


def test_pytest_benchmark_compares_one_figure_with_5_percent() -> None:
    """By hand: minima 106 and 100, 104 and 100; means that a single outlier moves."""
    assert by_hand("min:5%", [106, 900], [100, 100]) == "slower"
    assert by_hand("min:5%", [100, 900], [106, 106]) == "faster"
    assert by_hand("min:5%", [104, 900], [100, 100]) == "undecided"
    assert by_hand("mean:5%", [100, 112], [100, 100]) == "slower"
    assert by_hand("mean:5%", [100, 108], [100, 100]) == "undecided"


def test_pyperf_is_students_t_test_with_its_table() -> None:
    """df 8, critical value 2.306 in pyperf's table: variances 2.5, so the border is a difference of 2.306."""
    base = np.array([1.0, 2.0, 3.0, 4.0, 5.0])  # variance 2.5; t = difference / sqrt(2.5 * 2 / 5) = difference
    rows = np.array([base + 2.29, base + 2.32, base - 2.32, base])
    assert list(significant(rows, np.tile(base, (4, 1)))) == ["undecided", "slower", "faster", "undecided"]


def test_pyperf_takes_values_that_are_missing_for_missing() -> None:
    """Two values against three: pooled variance (0.5 + 2) / 3, df 3, critical value 3.182."""
    error = math.sqrt(2.5 / 3 * (1 / 2 + 1 / 3))
    second = np.array([[1.0, 2.0, 3.0]])
    for shift, word in ((3.17 * error, "undecided"), (3.20 * error, "slower")):
        first = np.array([[2 + shift - 0.5, 2 + shift + 0.5, np.nan]])
        assert list(significant(first, second)) == [word]


def test_one_after_the_other_takes_earlier_rounds_of_one_and_later_of_the_other() -> None:
    """Rounds 3 and 9 against 0 and 1, in whatever order they were drawn."""
    durations = np.arange(2 * 10 * 1 * 1, dtype=float).reshape(2, 10, 1, 1)
    unit = planted.Unit("u", "", planted.POOL_WORKERS[:2], tuple(range(10)), durations)
    trials = Trials(np.array([[9, 0, 3, 1]]), np.array([[0, 0, 0, 0]]), np.array([[1, 1, 1, 1]]))
    first, second = Samples(rounds=2, passes=1, in_turn=False).taken(unit, trials)
    assert (sorted(first[0]), sorted(second[0])) == ([3, 9], [10, 11])


def test_a_round_is_summarised_as_its_design_says() -> None:
    """By hand, two passes of two samples: best 2 against 1, paired median of 2 and 8, unpaired mean of all."""
    durations = np.array([[[[2.0, 9.0], [8.0, 9.0]]], [[[1.0, 5.0], [1.0, 5.0]]]])
    unit = planted.Unit("u", "", planted.POOL_WORKERS[:2], (0,), durations)

    def ratio(statistic: str, within: str, passes: int = 2) -> float:
        return float(np.exp(log_ratios(unit, Design(statistic, within, passes=passes))[0, 1, 0]))

    assert ratio("min", "best") == pytest.approx(2)
    assert ratio("min", "paired") == pytest.approx(4)  # the geometric middle of 2 and 8
    assert ratio("mean", UNPAIRED) == pytest.approx(7 / 3)
    assert ratio("mean", UNPAIRED, passes=1) == pytest.approx(5.5 / 3)


def test_the_rules_of_others_stand_in_both_forms() -> None:
    """In turn, and one after the other with rounds of their own."""
    assert [(rule.name, rule.rounds) for rule in OTHERS] == [
        ("pytest-benchmark min:5%", 5),
        ("pytest-benchmark mean:5%", 5),
        ("pyperf compare_to", 5),
        ("pytest-benchmark min:5%, one after the other", 10),
        ("pytest-benchmark mean:5%, one after the other", 10),
        ("pyperf compare_to, one after the other", 10),
    ]
