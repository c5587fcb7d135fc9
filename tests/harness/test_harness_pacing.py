"""A slow case gets fewer samples, passes and rounds; the others keep theirs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.harness import pacing
from benchmarks.harness.folder import RunFolder

SECOND = 10**9


def passed(number: int, *durations_ns: int, took_s: float = 0.0) -> dict[str, Any]:
    """A line of a pass."""
    return {"round": number, "durations_ns": list(durations_ns), "took_s": took_s}


@pytest.mark.parametrize(
    ("warm_call_ns", "loops", "passes", "samples"),
    [
        (1e6, 4, [], 3),
        (2e8, 1, [], 1),
        (1e6, 200, [], 1),
        (2e8, 1, [passed(0, 4_000_000)], 3),
        (1e6, 4, [passed(0, 10_000_000, 101_000_000)], 1),
    ],
)
def test_a_long_sample_is_taken_once(
    warm_call_ns: float, loops: int, passes: list[dict[str, Any]], samples: int
) -> None:
    """By the warm-up before the first pass, by the last pass afterwards; 0.1 s is long."""
    assert pacing.samples_of_pass({"warm_call_ns": warm_call_ns, "loops": loops}, passes, 3) == samples


def test_lines_of_an_older_run_have_no_warm_call() -> None:
    """It is resumed all the same."""
    assert pacing.samples_of_pass({"loops": 4}, [], 3) == 3


def test_a_round_ends_with_its_passes_or_after_two_seconds() -> None:
    """Never before the first pass."""
    assert not pacing.enough_passes([], 5)
    assert not pacing.enough_passes([passed(0, SECOND)], 5)
    assert pacing.enough_passes([passed(0, SECOND), passed(0, SECOND)], 5)
    assert pacing.enough_passes([passed(0, 20 * SECOND)], 5)
    assert pacing.enough_passes([passed(0, 1)] * 5, 5)


def test_a_case_ends_after_a_minute_but_not_with_one_round() -> None:
    """Preparing counts too."""
    lines = [{"took_s": 50.0}, passed(0, 1, took_s=20.0)]
    assert not pacing.enough_rounds(1, lines)
    assert pacing.enough_rounds(2, lines)
    assert not pacing.enough_rounds(2, lines[1:])
    assert not pacing.enough_rounds(2, [{}])


def test_what_was_left_out_is_counted() -> None:
    """Three passes of five in the first round, two rounds of four."""
    slow = [passed(0, SECOND), passed(0, SECOND), passed(1, 3 * SECOND)]
    assert pacing.passes_left_out(slow, 4, 5) == 3 + 4 + 2 * 5
    assert pacing.passes_left_out([passed(number, 1) for number in range(2) for _ in range(5)], 2, 5) == 0


def test_a_round_that_was_cut_is_made_up_for_and_leaves_nothing_out() -> None:
    """Two passes of an interrupted round, then a whole one."""
    passes = [passed(0, 1)] * 2 + [passed(1, 1)] * 5
    assert pacing.passes_left_out(passes, 1, 5) == 0


def test_one_slow_implementation_does_not_eat_the_time_of_the_others(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, good: str, rogue: Callable[..., str], small_settings: Any,
    planned_cases: Any, run_cases: Any,
) -> None:  # fmt: skip
    """In real processes, with small limits: a step of 0.2 s beside one of some 10 µs."""
    sleeping = "lambda x: (time.sleep(0.2 * (len(x) == 32)), good(x))[1]"
    slow = rogue("slow", building=f"good = built.inference\nbuilt = replace(built, inference={sleeping})")
    monkeypatch.setattr(pacing, "LONG_SAMPLE_NS", 150_000_000)
    monkeypatch.setattr(pacing, "ROUND_NS", 300_000_000)
    monkeypatch.setattr(pacing, "CASE_S", 1.9)
    settings = small_settings([good, slow])
    folder = RunFolder.create(tmp_path / "run", settings)
    patterns = (r":(7x5|8x7x7x5|32x32|inference-32x32)-float32-eager-cpu$", r"^agreement|^throughput:.*:inference")
    ran = run_cases(folder, planned_cases(settings, *patterns))
    (quick,), (long,) = ran.of(good, "throughput"), ran.of(slow, "throughput")
    assert (quick["status"], long["status"]) == ("ok", "ok")
    taken = [(line["round"], line["pass"], len(line["durations_ns"])) for line in long["samples"]["passes"]]
    assert taken == [(0, 0, 1), (0, 1, 1), (1, 0, 1), (1, 1, 1)]
    assert long["metrics"]["passes_left_out"] == 2 * 1 + 3
    assert long["metrics"]["rounds"] == 2
    assert len(quick["samples"]["passes"]) == 9
    assert (quick["metrics"]["passes_left_out"], quick["metrics"]["rounds"]) == (0, 3)
    assert ran.display.done == ran.display.total
