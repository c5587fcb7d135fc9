"""The README says what its sources say, and the scripts that measure our own costs run."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.costs.interface_cost import DESIGNS, compared, decision, measure
from benchmarks.costs.interleave import interleaved
from benchmarks.harness.workers import CHECKOUT
from benchmarks.pages.readme import COLUMNS, PUBLISHED, SHOWN_SHAPES, load, speed_of, speed_text
from benchmarks.report.reading import read_run
from benchmarks.report.run import Record
from benchmarks.report.speeds import Speed
from benchmarks.report.view import look
from benchmarks.verdicts.judging import Verdict
from tests.docs.processes import run_module
from tests.report.synthetic import agreement, write_run

TRAINING = "training_forward_backward"
SHOWN = (*((TRAINING, shape) for shape in SHOWN_SHAPES), ("network_training_step", None))


def test_the_readme_shows_the_reports_own_speeds() -> None:
    """Step time, ratio, interval and verdict are those of the report, where it trusts them; undecided rows say so."""
    view = look(read_run(PUBLISHED))
    groups = view.speeds.groups
    text = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    shown = [speed for group in groups for speed in group.published
             if view.trusts(speed) and list(group.shape) in SHOWN_SHAPES and group.work == "training_forward_backward"
             and speed_of(groups, speed.record.implementation, group.work, list(group.shape)) is speed]  # fmt: skip
    assert len(shown) > 20
    for speed in shown:
        told = speed_text(speed)
        assert told in text
        assert speed.step_ns == speed.record.number("step_ns_min")
        assert speed.verdict is not None
        assert told.endswith(f", {speed.verdict.word})") or speed.is_baseline


def test_the_readme_tells_no_ratio_that_the_report_distrusts() -> None:
    """In each column: the step time stands alone."""
    view = look(read_run(PUBLISHED))
    distrusted = [
        (speed, cell(view, speed.record.implementation))
        for (_, cell), (work, shape) in zip(COLUMNS[1:4], SHOWN, strict=True)
        for name in view.implementations
        if (speed := speed_of(view.speeds.groups, name, work, shape)) and not view.trusts(speed)
    ]
    assert distrusted
    for speed, told in distrusted:
        assert told == speed_text(speed, trusted=False)
        assert told.endswith("s (not to be trusted)")


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (Verdict("undecided", 1.004, 0.84, 1.19, 5, 0.03), "(1.004, 0.840 to 1.19, undecided)"),
        (Verdict("slower", 1.5, 1.25, 1.8, 5, 0.03), "(1.50, 1.25 to 1.80, slower)"),
        (Verdict("undecided", 1.5, None, None, 1, 0.03), "(1.50, one round)"),
    ],
)
def test_a_speed_of_the_readme_by_value(found: Verdict, told: str) -> None:
    """A ratio near 1 keeps its third decimal."""
    record = Record("", "throughput", "a", {}, "ok", None, {}, {}, {}, {})
    text = speed_text(Speed(record, {(0, 0): 130e3, (0, 1): 127e3}, None, found))
    assert text == f"127 µs {told}"


@pytest.mark.parametrize(("loads", "told"), [([1.0, 0.5], ""), ([4.4, 1.2, 2.0], ", at a load average of 2.0 ")])
def test_the_readme_names_a_load_above_half_of_the_cores(tmp_path: Path, loads: list[float], told: str) -> None:
    """Of two cores: the median over the run."""
    folder = write_run(tmp_path / "run", [agreement("a")])
    lines = [json.dumps({"round": 0, "pass": place, "load_1min": load}) for place, load in enumerate(loads)]
    (folder / "sentinel.jsonl").write_text("\n".join(lines))
    found = load(look(read_run(folder)))
    assert found.startswith(told) and bool(found) == bool(told)


def test_every_form_of_the_interface_cost_is_built_and_compared() -> None:
    """In nanoseconds of a step by hand, and in nanoseconds and percent of what comes on top."""
    figures = measure("numpy-reference", replace(DESIGNS["small"], builds=2, passes=2), seed=0)
    assert set(figures) == {"by_hand_ns", "extra_ns", "extra_percent", "noise_ns", "noise_percent"}
    assert figures["by_hand_ns"] > 0


@pytest.mark.slow
def test_a_replicate_of_the_interface_cost_has_both_sizes_of_each_name() -> None:
    """As the parent process reads it."""
    found = run_module("benchmarks.costs.interface_cost", "--replicate", "0", "--names", "numpy-reference")
    assert {name: set(sizes) for name, sizes in found.items()} == {"numpy-reference": {"small", "millisecond"}}


def test_the_interface_cost_is_compared_pass_by_pass() -> None:
    """The machine takes three times as long in the last passes, which no median of times would forgive: 2 % remain."""
    hand = [100.0, 100.0, 300.0, 300.0, 300.0]
    found = compared({"interface": [102.0, 102.0, 306.0, 306.0, 306.0], "by_hand": hand, "by_hand_again": hand})
    assert found["extra_percent"] == pytest.approx(2)
    assert found["extra_ns"] == pytest.approx(6)
    assert (found["noise_percent"], found["by_hand_ns"]) == (0, 300)


def test_a_pass_is_its_shortest_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock that moves while a call runs and at no other time: two calls a sample, three samples a pass."""
    now = [0]
    monkeypatch.setattr(time, "perf_counter_ns", lambda: now[0])
    left = {"steady": [200] * 7, "uneven": [999, 800, 300, 500, 400, 700, 600]}  # the first of each is not timed

    def call(name: str) -> Callable[[int], None]:
        def run(loops: int) -> None:
            assert loops == 2
            now[0] += left[name].pop(0)

        return run

    found = interleaved({name: call(name) for name in left}, 2, 2, seed=0, samples=3)
    assert found == {"steady": [100, 100], "uneven": [150, 200]}


@pytest.mark.parametrize(
    ("size", "unit", "low", "high", "said"),
    [
        ("millisecond", "percent", -0.5, 0.9, "at most 1 %"),
        ("millisecond", "percent", 0.2, 1.1, "undecided whether at most 1 %"),
        ("millisecond", "percent", 1.2, 1.6, "more than 1 %"),
        ("small", "ns", -300.0, 1999.0, "at most 2000 ns"),
        ("small", "ns", 1900.0, 2100.0, "undecided whether at most 2000 ns"),
    ],
)
def test_the_interval_decides_what_is_said_of_the_cost(
    size: str, unit: str, low: float, high: float, said: str
) -> None:
    """Not its middle."""
    extra = {"mean": (low + high) / 2, "low": low, "high": high}
    assert decision("x", size, {f"extra_{unit}": extra, "by_hand_ns": 1e6}).endswith(f"by hand: {said}")
