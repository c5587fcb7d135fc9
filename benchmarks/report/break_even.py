"""When a slow start pays: after n steps a choice has cost its start and n times its step.

Two choices cost the same after ``n = (start_a - start_b) / (step_b - step_a)`` steps. Over many choices, the cheapest
for every n is the lower envelope of lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.report.run import Record
from benchmarks.report.speeds import Group, Speed

STARTING = ("start_cpu_s", "build_s", "first_call_s")


@dataclass(frozen=True)
class Cost:
    """What one choice costs: seconds until its first result, and seconds of every further step."""

    speed: Speed
    start_s: float
    step_s: float

    def after(self, steps: float) -> float:
        """Seconds after so many steps, of which the start includes one."""
        return self.start_s + (steps - 1) * self.step_s


def start_of(record: Record) -> float | None:
    """Seconds of processor time until the implementation is imported, of building, and of the first call."""
    parts = [record.number(name) for name in STARTING]
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None


def costs_of(group: Group) -> list[Cost]:
    """The costs of a group's published speeds whose start was recorded."""
    found = []
    for speed in group.published:
        start = start_of(speed.record)
        if start is not None:
            found.append(Cost(speed, start, min(speed.minima.values()) * 1e-9))
    return found


def break_even(one: Cost, other: Cost) -> float | None:
    """The number of steps after which two choices have cost the same; None where they never do."""
    if one.step_s == other.step_s:
        return None
    steps = 1 + (one.start_s - other.start_s) / (other.step_s - one.step_s)
    return steps if steps >= 1 else None


def cheapest(costs: Sequence[Cost]) -> list[tuple[float, Cost]]:
    """The cheapest choice for every number of steps.

    Args:
        costs: the choices, at least one.

    Returns:
        (from this number of steps on, who), beginning at 1; later entries have shorter steps.
    """
    now = min(costs, key=lambda cost: (cost.start_s, cost.step_s))
    found = [(1.0, now)]
    while True:
        faster = [cost for cost in costs if cost.step_s < now.step_s]
        if not faster:
            return found
        crossings = [(break_even(cost, now) or 1.0, cost.step_s, place) for place, cost in enumerate(faster)]
        steps, _, place = min(crossings)
        now = faster[place]
        found.append((steps, now))
