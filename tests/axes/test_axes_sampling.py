"""Samples by a fake clock: coarse, standing still, going backwards; and what surrounds them in a real process."""

from __future__ import annotations

import gc
import os
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks.axes import sampling, throughput
from bn_impls.errors import BadClock
from bn_impls.numpy_reference import IMPLEMENTATION

CALL_NS = 10_000


class Clock:
    """Stands still but for what is put on it; read in steps of a resolution."""

    def __init__(self, resolution_ns: int = 1) -> None:
        """At 1 s."""
        self.now, self.resolution_ns, self.calls = 10**9, resolution_ns, 0

    def __call__(self) -> int:
        """Read it."""
        return self.now // self.resolution_ns * self.resolution_ns

    def loop(self, loops: int) -> int:
        """A loop over a call that takes exactly 10 µs."""
        began = self()
        self.calls += loops
        self.now += loops * CALL_NS
        return self() - began


def test_as_many_loops_as_fill_four_milliseconds() -> None:
    """By hand: 4 ms of 10 µs."""
    assert sampling.loops_of_sample(Clock().loop, CALL_NS) == 400


@pytest.mark.parametrize(("resolution_ns", "seen_ns", "loops"), [(1_000_000, 0.0, 256), (16_000_000, 0.0, 512)])
def test_loops_grow_until_a_coarse_clock_sees_a_sample(resolution_ns: int, seen_ns: float, loops: int) -> None:
    """One call lasts 0 by such a clock; 256 calls last 2 ms by the first, and the second ticks during the next 512."""
    clock = Clock(resolution_ns)
    assert sampling.loops_of_sample(clock.loop, seen_ns) == loops
    assert clock.calls < 3 * loops


def test_a_call_that_seemed_far_too_short_gets_no_million_loops() -> None:
    """A clock that was set back while the fastest call was looked for says 1 ns."""
    clock = Clock()
    assert sampling.loops_of_sample(clock.loop, 1.0) == 256
    assert clock.calls < 1000


def test_loops_do_not_grow_for_ever() -> None:
    """With a clock that stands still."""
    assert sampling.loops_of_sample(lambda _: 0, 0.0) == sampling.MOST_LOOPS


def test_a_sample_of_no_duration_is_refused_and_another_is_taken() -> None:
    """Zero and less; what is kept are durations above 0."""
    readings = iter([0, 5, -7, 6, 8])
    found = sampling.take(lambda _: next(readings), 1, 3)
    assert found == sampling.Samples([5, 6, 8], refused=2, collections=0)


def test_refusing_ends() -> None:
    """What came out until then is kept."""
    readings = iter([5, *[0] * 20])
    found = sampling.take(lambda _: next(readings), 1, 3)
    assert found == sampling.Samples([5], refused=sampling.RETRIES + 1, collections=0)


@pytest.mark.parametrize("reading", [0, -(10**9)])
def test_a_clock_that_never_goes_forward_is_an_error_that_says_so(reading: int) -> None:
    """And the collector is on again."""
    with pytest.raises(BadClock, match="4 samples of 9 calls each lasted 0 ns or less, but should last about"):
        sampling.take(lambda _: reading, 9, 3)
    assert gc.isenabled()


def test_an_implementation_that_lets_the_collector_run_is_found_out() -> None:
    """It collects twice in each of three samples."""
    assert sampling.take(lambda _: len([gc.collect(), gc.collect()]), 1, 3).collections == 6


def test_a_case_is_prepared_and_sampled_by_the_clock_alone(
    monkeypatch: pytest.MonkeyPatch, layer_case: Any, surroundings: Any
) -> None:
    """The real loop over a layer whose calls take exactly 10 µs of a fake clock, once set back by a second."""
    clock = Clock()
    monkeypatch.setattr(time, "perf_counter_ns", clock)
    monkeypatch.setattr(time, "process_time_ns", clock)
    built, set_back = IMPLEMENTATION.build, list[int]()

    def timed(configuration: Any) -> Any:
        layer = built(configuration)
        good = layer.inference  # type: ignore[union-attr]

        def inference(x: Any) -> Any:
            clock.loop(1)
            clock.now -= set_back.pop() if set_back else 0
            return good(x)

        object.__setattr__(layer, "inference", inference)
        return layer

    prepared = throughput.prepare(replace(IMPLEMENTATION, build=timed), layer_case(work="inference"), surroundings)
    assert isinstance(prepared, throughput.Prepared)
    assert (prepared.facts["loops"], prepared.facts["warm_call_ns"]) == (400, CALL_NS)
    assert throughput.sample(prepared, 400, 2).durations_ns == [4_000_000, 4_000_000]
    set_back.append(10**9)
    assert throughput.sample(prepared, 400, 2) == sampling.Samples([4_000_000] * 2, refused=1, collections=0)


def test_a_slow_call_is_warm_after_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second of it is enough; a fast one is called for 30 ms."""
    clock = Clock()
    monkeypatch.setattr(time, "perf_counter_ns", clock)

    def slow(loops: int) -> int:
        clock.now += 10**9 * loops
        clock.calls += 1
        return 10**9 * loops

    throughput._warm_up(throughput.Timed(slow, 1, lambda: None))
    assert clock.calls == 1
    fast = Clock()
    monkeypatch.setattr(time, "perf_counter_ns", fast)
    throughput._warm_up(throughput.Timed(fast.loop, 1, lambda: None))
    assert fast.calls == 3000


def test_the_surroundings_are_those_of_this_process() -> None:
    """Its affinity; NumPy alone keeps denormals."""
    found = sampling.surroundings_facts()
    assert found["cores_allowed"] == len(os.sched_getaffinity(0))
    assert found["denormals_flushed"] is False


def test_flushed_denormals_are_seen() -> None:
    """By a framework that can switch them off."""
    torch = pytest.importorskip("torch")
    if not torch.set_flush_denormal(True):
        pytest.skip("this processor cannot flush denormals")
    try:
        assert sampling.surroundings_facts()["denormals_flushed"] is True
    finally:
        torch.set_flush_denormal(False)
    assert np.float32(1e-40) > 0
