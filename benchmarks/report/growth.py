"""Memory that calls leave behind: whether a case grows with every step, and by how much.

Each pass compares what is in use before it and after it. Frameworks keep or give back some kilobytes by chance, and
their pools grow at times by megabytes; a leak grows in every pass, in proportion to its steps. So growth is told where
most passes grew notably, and its size is the median over passes, which a single jump does not move.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.report.run import as_number

NOTABLE_BYTES = 2**15  # a pass: three times what shipped implementations were seen to keep by chance
NOTABLE_OBJECTS = 0.9  # a step
MOST = 0.75  # of the passes
FEWEST_PASSES = 3


@dataclass(frozen=True)
class Growth:
    """What a step leaves behind, medians over passes.

    Attributes:
        heap_bytes: of the C library's heap, a step.
        python_objects: blocks of Python's allocator, a step.
        grows: whether most passes grew notably.
    """

    heap_bytes: float
    python_objects: float
    grows: bool


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
    objects = _grown(entries, "python_blocks_grown")
    if max(len(heap), len(objects)) < FEWEST_PASSES:
        return None
    leaks_heap = _mostly([grown >= NOTABLE_BYTES for grown, _ in heap])
    leaks_objects = _mostly([grown >= NOTABLE_OBJECTS * steps for grown, steps in objects if steps > 3])
    return Growth(_a_step(heap), _a_step(objects), leaks_heap or leaks_objects)


def _grown(entries: list[Mapping[str, Any]], key: str) -> list[tuple[float, float]]:
    """Growth and steps of each pass that counted it."""
    found = []
    for entry in entries:
        grown, loops, durations = as_number(entry.get(key)), as_number(entry.get("loops")), entry.get("durations_ns")
        if grown is not None and loops and isinstance(durations, list) and durations:
            found.append((grown, loops * len(durations)))
    return found


def _a_step(passes: list[tuple[float, float]]) -> float:
    return median(grown / steps for grown, steps in passes) if passes else 0.0


def _mostly(notable: list[bool]) -> bool:
    return len(notable) >= FEWEST_PASSES and sum(notable) >= MOST * len(notable)
