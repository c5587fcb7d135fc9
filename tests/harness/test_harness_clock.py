"""The clock that pytest-benchmark reads, without a run."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.harness.replay import CLOCK, durations_s, replay


def test_the_seconds_of_a_speed_are_those_of_one_step() -> None:
    """By hand: 300 ns for 3 loops are 1e-7 s a step."""
    record = {"samples": {"passes": [{"loops": 3, "durations_ns": [300, 600]}, {"loops": 2, "durations_ns": [5]}]}}
    assert durations_s(record) == [1e-7, 2e-7, 2.5e-9]
    assert durations_s({"samples": {"durations_ns": [7, 8]}}) == [7e-9, 8e-9]
    assert durations_s({"samples": {}}) == []


def test_the_clock_does_not_add_up() -> None:
    """Many tiny durations after a large one: each difference is exact, where a running sum would round."""
    record = {
        "case_id": "c", "axis": "a", "implementation": "i", "status": "ok", "run": "r",
        "samples": {"durations_ns": [10**18, *range(1, 50)]},
    }  # fmt: skip
    seen: list[float] = []

    class Benchmark:
        """Reads the clock as pytest-benchmark does."""

        def __init__(self) -> None:
            """No information yet."""
            self.extra_info: dict[str, str] = {}

        def pedantic(self, target: Callable[[], None], setup: Callable[[], None], rounds: int, iterations: int) -> None:
            """One reading before and one after each round."""
            assert iterations == 1
            for _ in range(rounds):
                setup()
                start = CLOCK()
                target()
                seen.append(CLOCK() - start)

    replay(Benchmark(), record)
    assert seen == [ns / 1e9 for ns in record["samples"]["durations_ns"]]  # type: ignore[index]  # a dict of dicts


def test_a_row_without_durations_is_skipped_and_costs_no_run() -> None:
    """pytest-benchmark refuses to run no round at all, and warns of a fixture that a test did not use."""
    record = {"status": "ok", "samples": {"step_ns": [1]}}
    with pytest.raises(pytest.skip.Exception, match="ok, but nothing of it was timed"):
        replay(object(), record)
