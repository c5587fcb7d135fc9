"""Memory that calls leave behind: whether a case grows with every step, and by how much.

Each pass compares what is in use before it and after it. Neither count is zero where nothing leaks:

- The C library's heap: frameworks keep or give back some kilobytes by chance, and pools grow at times by megabytes. A
  leak grows in every pass, so growth is told where most passes grew notably, and its size is the median over passes,
  which a single jump does not move.
- Python's blocks: a pass leaves what it hands back (its list of durations, their integers, the two growths), the same
  number whatever its loops; and caches of a framework fill up over hundreds of steps, less in every pass. A leak is in
  proportion to the steps and as large in a process' last pass as in its first. So growth is told where, in most
  processes, *every* pass left more than a fixed number of blocks and half a block a step, and all left alike.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import median
from typing import Any

from benchmarks.report.run import Record, as_number

NOTABLE_BYTES = 2**15  # a pass: three times what shipped implementations were seen to keep by chance
OWN_BLOCKS = 8  # a pass: what the worker hands back; 5 to 8 in most published cases, after 3 and after 3,642 steps
CACHED_BLOCKS = 32  # a pass: the most by which a filling cache grew in the least pass of a published process
BLOCKS_A_STEP = 0.5  # a leak leaves at least one
STEADY = 0.75  # least over most of the passes of a process; filling caches, keras-torch's, have 0.2 to 0.65
MOST = 0.75  # of the passes, or of the processes
FEWEST_PASSES = 3


@dataclass(frozen=True)
class Growth:
    """What a step leaves behind, medians over passes.

    Attributes:
        heap_bytes: of the C library's heap, a step.
        python_objects: blocks of Python's allocator, a step, without the worker's own of each pass; at least 0.
        grows: whether most passes grew notably.
    """

    heap_bytes: float
    python_objects: float
    grows: bool


@dataclass(frozen=True)
class _Grown:
    """What a pass of a process left behind."""

    process: object
    amount: float
    steps: float

    @property
    def a_step(self) -> float:
        return self.amount / self.steps


def growth(samples: Mapping[str, Any]) -> Growth | None:
    """Judge the passes of a throughput record.

    Args:
        samples: ``samples`` of the record.

    Returns:
        What grew; None where too few passes counted it.
    """
    passes = samples.get("passes")
    entries = [entry for entry in passes if isinstance(entry, Mapping)] if isinstance(passes, list) else []
    heap = _grown(entries, "heap_grown_bytes")
    blocks = _grown(entries, "python_blocks_grown", OWN_BLOCKS)
    if max(len(heap), len(blocks)) < FEWEST_PASSES:
        return None
    leaks_heap = len(heap) >= FEWEST_PASSES and _mostly([one.amount >= NOTABLE_BYTES for one in heap])
    return Growth(_a_step(heap), max(0.0, _a_step(blocks)), leaks_heap or _leaks_objects(blocks))


@lru_cache(maxsize=10_000)  # asked for in several sections
def growth_of(record: Record) -> Growth | None:
    """What grew in the passes of a throughput record."""
    return growth(record.samples)


def _grown(entries: Sequence[Mapping[str, Any]], key: str, of_the_pass: int = 0) -> list[_Grown]:
    """What each pass that counted it left, without what every pass leaves."""
    found = []
    for entry in entries:
        grown, loops, durations = as_number(entry.get(key)), as_number(entry.get("loops")), entry.get("durations_ns")
        if grown is not None and loops and isinstance(durations, list) and durations:
            found.append(_Grown(entry.get("round"), grown - of_the_pass, loops * len(durations)))
    return found


def _leaks_objects(blocks: Sequence[_Grown]) -> bool:
    """Whether in most processes every pass left blocks in proportion to its steps."""
    processes: dict[str, list[_Grown]] = defaultdict(list)
    for one in blocks:
        processes[str(one.process)].append(one)
    judged = [_leaks_steadily(passes) for passes in processes.values() if len(passes) >= FEWEST_PASSES]
    return bool(judged) and _mostly(judged)


def _leaks_steadily(passes: Sequence[_Grown]) -> bool:
    least, most = min(one.a_step for one in passes), max(one.a_step for one in passes)
    beyond = all(one.amount >= CACHED_BLOCKS + BLOCKS_A_STEP * one.steps for one in passes)
    return beyond and least >= STEADY * most


def _a_step(passes: Sequence[_Grown]) -> float:
    return median(one.a_step for one in passes) if passes else 0.0


def _mostly(notable: Sequence[bool]) -> bool:
    return sum(notable) >= MOST * len(notable)
