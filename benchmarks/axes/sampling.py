"""Taking samples: how many calls make one, and what a sample must be to count."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bn_impls.errors import BadClock

SAMPLE_TARGET_NS = 4_000_000
LONG_ENOUGH = 0.5  # of the target: below it the reading of a clock, coarse or set back, is not believed
MOST_LOOPS = 2**24  # of the fastest call that can be, 0.25 ns, these last as long as a sample should
RETRIES = 3

Loop = Callable[[int], int]
"""Runs so many calls, waits for them, and returns nanoseconds."""


@dataclass(frozen=True)
class Samples:
    """The samples of one pass.

    Attributes:
        durations_ns: nanoseconds of all loops of each sample, all above 0.
        refused: samples whose duration was 0 or less: the clock stood still or went backwards. They are no speeds.
        collections: runs of Python's garbage collector meanwhile; 0 unless an implementation switches it on.
    """

    durations_ns: list[int]
    refused: int
    collections: int


def loops_of_sample(loop: Loop, step_ns: float) -> int:
    """How many calls make a sample of about 4 ms.

    Args:
        loop: the timed loop, warm.
        step_ns: the shortest call so far; what a coarse clock says of one call may be 0 or far too little.

    Returns:
        Calls; as many as it takes for a sample that really lasts at least half as long as it should.
    """
    loops = max(1, round(SAMPLE_TARGET_NS / step_ns)) if step_ns > 1 else 1
    loops = min(loops, MOST_LOOPS)
    while loops < MOST_LOOPS and loop(loops) < LONG_ENOUGH * SAMPLE_TARGET_NS:
        loops = min(2 * loops, MOST_LOOPS)
    return loops


def take(loop: Loop, loops: int, count: int) -> Samples:
    """Take samples, the garbage collector off.

    Args:
        loop: the timed loop.
        loops: calls in a sample.
        count: how many samples.

    Raises:
        BadClock: not one of them had a duration above 0.
    """
    gc.collect()
    gc.disable()
    before = _collections()
    durations: list[int] = []
    refused = 0
    try:
        while len(durations) < count and refused <= RETRIES:
            took = loop(loops)
            if took > 0:
                durations.append(took)
            else:
                refused += 1
        collections = _collections() - before
    finally:
        gc.enable()
    if not durations:
        raise BadClock(
            f"{refused} samples of {loops} calls each lasted 0 ns or less, but should last about "
            f"{SAMPLE_TARGET_NS / 1e6:g} ms; the clock of this machine stands still or goes backwards"
        )
    return Samples(durations, refused, collections)


def _collections() -> int:
    """How often the collector has run in this process."""
    return sum(generation["collections"] for generation in gc.get_stats())


def surroundings_facts() -> dict[str, int | bool]:
    """What the process may use, and how it computes, at this moment.

    Returns:
        ``cores_allowed``: cores that it may run on (its affinity). ``denormals_flushed``: whether this thread takes
        numbers below the smallest normal float32 for 0, which some frameworks switch on for speed.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    half = np.full(1, np.finfo(np.float32).tiny) * np.float32(0.5)
    return {"cores_allowed": cores, "denormals_flushed": bool(half.view(np.uint32)[0] == 0)}
