"""Speeds of two runs: on one machine, on two, and without what is wrong."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.comparison.comparing import Comparison
from tests.comparison.runs import BEFORE, OTHER_MACHINE, passes, speed, times
from tests.report import synthetic

Compare = Callable[..., Comparison]


@pytest.mark.parametrize(
    ("factor", "word", "regression"),
    [(1.2, "slower", True), (1.001, "same", False), (0.8, "faster", False), (1.02, "undecided", False)],
)
def test_a_case_is_compared_with_itself(compared: Compare, factor: float, word: str, regression: bool) -> None:
    """B over A; only what is slower for certain by more than the margin is a regression."""
    found = compared(speed("keras", BEFORE), speed("keras", times(factor)))
    (change,) = found.speeds.changes
    assert change.verdict.word == word
    assert change.verdict.ratio == pytest.approx(factor)
    assert (change.a_ns, change.b_ns) == (990.0, pytest.approx(990.0 * factor, abs=0.1))
    assert change.a == pytest.approx(math.prod(BEFORE) ** (1 / len(BEFORE)))
    assert change.b / change.a == pytest.approx(change.verdict.ratio)
    assert change.regression is regression
    assert found.regressions == ([change.case_id] if regression else [])


def test_slower_but_not_for_certain_by_more_than_the_margin_is_no_regression(compared: Compare) -> None:
    """The ratio is beyond 3 % and the interval leaves out 1, but not all of it is beyond 3 %."""
    found = compared(speed("keras", BEFORE), speed("keras", times(1.035)))
    (change,) = found.speeds.changes
    assert change.verdict.word == "slower" and change.verdict.low is not None and 1 < change.verdict.low < 1.03
    assert found.regressions == []


def test_the_margin_is_the_users(compared: Compare) -> None:
    """20 % slower is the same for who accepts 50 %."""
    found = compared(speed("keras", BEFORE), speed("keras", times(1.2)), margin=0.5)
    assert [change.verdict.word for change in found.speeds.changes] == ["same"]
    assert found.regressions == []


def test_between_machines_the_ratio_to_the_baseline_is_compared(compared: Compare) -> None:
    """B's machine is twice as slow; torch lost another 50 % against Keras there, which decides nothing."""
    a = speed("keras", BEFORE) + speed("torch", times(2))
    b = speed("keras", times(2)) + speed("torch", times(6))
    found = compared(a, b, b=OTHER_MACHINE)
    assert (found.machines.same, found.speeds.measure) == (False, "ratio to the baseline")
    (change,) = found.speeds.changes
    assert "torch" in change.case_id
    assert change.verdict.ratio == pytest.approx(1.5)
    assert change.verdict.word == "slower"
    assert found.regressions == []


def test_a_ratio_within_each_run_cancels_what_hit_all_of_a_run(compared: Compare) -> None:
    """The same machine, but everything 30 % slower: four regressions, or none relative to the baseline."""
    a = speed("keras", BEFORE) + speed("torch", times(2))
    b = speed("keras", times(1.3)) + speed("torch", times(2.6))
    assert len(compared(a, b).regressions) == 2
    assert compared(a, b).speeds.shift == pytest.approx(1.3)
    found = compared(a, b, relative=True)
    assert found.regressions == []
    assert [change.verdict.word for change in found.speeds.changes] == ["same"]
    slower = compared(a, speed("keras", times(1.3)) + speed("torch", times(4)), relative=True)
    assert len(slower.regressions) == 1


def test_without_the_baseline_nothing_is_compared_and_it_is_said(compared: Compare) -> None:
    """On different machines."""
    found = compared(speed("torch", BEFORE), speed("torch", BEFORE), b=OTHER_MACHINE)
    assert found.speeds.changes == ()
    assert any("keras was not timed on the same work in both runs" in gap for gap in found.gaps)


def test_a_withheld_speed_is_not_compared(compared: Compare) -> None:
    """The agreement beside it disagrees in B."""
    wrong = [synthetic.agreement("keras", 40.0, "disagrees", reason="beyond the limit"), speed("keras", times(2))[1]]
    found = compared(speed("keras", BEFORE), wrong)
    assert found.speeds.changes == ()
    assert any("B: no speed: disagrees: beyond the limit" in gap for gap in found.gaps)
    assert len(found.regressions) == 1  # the agreement


@pytest.mark.parametrize("spoil", [lambda samples: samples.clear(), lambda samples: samples.update(passes=[{}])])
def test_a_record_without_usable_samples_is_a_gap(compared: Compare, spoil: Callable[[Any], Any]) -> None:
    """Not an error."""
    after = speed("keras", BEFORE)
    spoil(after[1]["samples"])
    found = compared(speed("keras", BEFORE), after)
    assert found.speeds.changes == ()
    assert any("no usable sample" in gap for gap in found.gaps)


def test_one_round_decides_nothing(compared: Compare) -> None:
    """However large the ratio is."""
    found = compared(speed("keras", BEFORE), speed("keras", [9000.0]))
    assert [change.verdict.word for change in found.speeds.changes] == ["undecided"]
    assert found.regressions == []


def test_more_cases_make_wider_intervals(compared: Compare) -> None:
    """The confidence holds for all of them at once."""
    alone = compared(speed("keras", BEFORE), speed("keras", times(1.2)))
    names = [f"other-{number}" for number in range(30)]
    crowd = [entry for name in names for entry in speed(name, BEFORE)]
    among = compared(speed("keras", BEFORE) + crowd, speed("keras", times(1.2)) + crowd)
    (mine,) = [change for change in among.speeds.changes if "keras" in change.case_id]
    assert mine.verdict.low is not None and alone.speeds.changes[0].verdict.low is not None
    assert mine.verdict.low < alone.speeds.changes[0].verdict.low


def test_the_two_works_of_an_implementation_are_two_cases(compared: Compare) -> None:
    """Each is compared with itself, and against the baseline's same work."""
    both = [
        *speed("keras", BEFORE), synthetic.throughput("keras", passes(times(0.1)), "inference"),
        *speed("torch", BEFORE), synthetic.throughput("torch", passes(times(0.2)), "inference"),
    ]  # fmt: skip
    found = compared(both, both, b=OTHER_MACHINE)
    assert sorted(round(change.verdict.ratio, 9) for change in found.speeds.changes) == [1.0, 1.0]
