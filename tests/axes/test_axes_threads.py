"""Threads really used: by hand from the clocks of threads, and of layers that compute in several, on one core too."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks.axes import threads, throughput
from benchmarks.axes.outcome import Outcome
from benchmarks.axes.threads import Clock, use_of
from bn_impls.interface import Configuration, Implementation, Layer, Unsupported
from bn_impls.numpy_reference import IMPLEMENTATION

WORK = np.linspace(0.0, 1.0, 500_000)  # its sine takes a few ms, without Python's lock
MS = 1_000_000


@pytest.mark.parametrize(
    ("clocks", "cpu_ms", "expected"),
    [
        ({1: (30, 0)}, 30, (1.0, 0.0, 1)),  # the calling thread alone, on a quiet machine
        ({1: (5, 25)}, 5, (5 / 30, 0.0, 1)),  # on a busy one
        ({1: (8, 15), 2: (22, 3)}, 30, (1.0, 25 / 30, 2)),  # a caller and its worker, in turns on one core
        ({1: (0, 0), 2: (15, 15), 3: (14, 16)}, 29, (29 / 30, 2.0, 2)),  # two workers at once on one core
        ({1: (10, 20), 2: (10, 20), 3: (10, 20)}, 30, (1.0, 2.0, 3)),  # a caller that works beside two
        ({1: (30, 0), 2: (1, 29)}, 31, (31 / 30, 0.0, 1)),  # who does little waits long for it
        ({2: (15, 90)}, 15, (0.5, 1.0, 1)),  # what it waited before it was looked at is not of this time
        ({1: (10, 5)}, 60, (2.0, 0.0, 1)),  # the others have ended
        ({}, 60, (2.0, 0.0, 0)),  # a system without these files
    ],
)
def test_use_by_hand(clocks: dict[int, tuple[int, int]], cpu_ms: int, expected: tuple[float, float, int]) -> None:
    """In 30 ms: milliseconds that threads ran and waited."""
    before = {1: Clock(7 * MS, 3 * MS)}
    after = {
        number: Clock(ran * MS + (7 * MS if number == 1 else 0), waited * MS + (3 * MS if number == 1 else 0))
        for number, (ran, waited) in clocks.items()
    }
    found = use_of(before, after, cpu_ms * MS, 30 * MS, caller=1)
    assert (found.processor, found.others, found.computing) == pytest.approx(expected)
    assert found.threads == max(found.processor, found.others)


@pytest.fixture
def one_core() -> Iterator[None]:
    """Only one core for this thread and those that it starts: all that a busy machine may leave."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    yield
    os.sched_setaffinity(0, cores)


def implementation_with(pool: ThreadPoolExecutor, parts: int) -> Implementation:
    """One that does so many parts of work at once in a pool, whatever it is allowed."""

    def build(configuration: Configuration) -> Layer | Unsupported:
        built = IMPLEMENTATION.build(configuration)
        assert isinstance(built, Layer)
        good = built.inference
        assert not isinstance(good, Unsupported)

        def inference(x: Any) -> Any:
            list(pool.map(np.sin, [WORK] * parts))
            return good(x)

        return replace(built, inference=inference)

    return replace(IMPLEMENTATION, build=build)


@pytest.mark.skipif(not threads.thread_clocks(), reason="the kernel does not tell how long threads wait for a core")
@pytest.mark.usefixtures("one_core")
def test_threads_that_were_not_allowed_are_found_on_a_busy_machine(
    layer_case: Any, surroundings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four that share one core have 1.0 of its time; one other thread than the calling one is no more than one."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    case = layer_case(work="inference")
    with ThreadPoolExecutor(4) as pool:
        outcome = throughput.prepare(implementation_with(pool, 4), case, surroundings)
        assert isinstance(outcome, Outcome)
        assert outcome.status == "failed"
        assert str(outcome.reason).startswith("a label is wrong: it used ")
        assert " threads, but was allowed 1 (CPU time of all threads was " in str(outcome.reason)
        label = outcome.labels["threads"]
        assert label["claimed"] == "at most 1"
        assert 2.0 < float(label["observed"]) < 4.5
        monkeypatch.setenv("OMP_NUM_THREADS", "4")
        allowed = throughput.prepare(implementation_with(pool, 4), case, surroundings)
        assert isinstance(allowed, throughput.Prepared)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    with ThreadPoolExecutor(1) as pool:
        prepared = throughput.prepare(implementation_with(pool, 4), case, surroundings)
        assert isinstance(prepared, throughput.Prepared)
        assert prepared.facts["threads_used"] < 1.5
