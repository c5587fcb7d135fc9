"""A sentinel: a small fixed piece of work, timed at every visit, that shows what the machine itself did.

Cases are compared pass by pass, so a change of the machine's speed hits them alike. The sentinel makes it visible: its
work never changes, so when its time does, the machine has changed. It runs in the scheduler's own process, on one core,
while all workers wait. Load and stolen time are noted with it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

CALLS = 7
ROUNDS_OF_WORK = 4000  # about 0.2 ms
STAT = Path("/proc/stat")
STEAL = 7  # place in the line `cpu` of /proc/stat: time that the host gave to others (proc_stat(5))
BUSY_AND_IDLE = 8  # times before `guest`, which `user` holds already


def fixed_work() -> int:
    """Integer arithmetic on one core, in cache: its time follows the clock rate and nothing else of ours."""
    total = 0
    for number in range(ROUNDS_OF_WORK):
        total += number * number % 7
    return total


class Sentinel:
    """Looks at the machine, and remembers when it looked last."""

    def __init__(self, clock: Callable[[], int] = time.perf_counter_ns, stat: Path = STAT) -> None:
        """Begin.

        Args:
            clock: gives nanoseconds.
            stat: the kernel's account of processor time.
        """
        self._clock, self._stat = clock, stat
        self._before = self._processor_times()

    def look(self) -> dict[str, Any]:
        """Time the work and read the load.

        Returns:
            ``sentinel_ns`` (durations of all calls), ``load_1min`` (the load average of the last minute) and
            ``steal_share`` (share of processor time since the last look that the host gave to others); None where the
            system does not say.
        """
        durations = []
        for _ in range(CALLS):
            began = self._clock()
            fixed_work()
            durations.append(self._clock() - began)
        return {"sentinel_ns": durations, "load_1min": _load(), "steal_share": self._steal_share()}

    def _steal_share(self) -> float | None:
        before, now = self._before, self._processor_times()
        self._before = now
        if before is None or now is None or sum(now) <= sum(before):
            return None
        return max(0, now[STEAL] - before[STEAL]) / (sum(now) - sum(before))

    def _processor_times(self) -> list[int] | None:
        """Ticks of all processors together, by what they did; None where the kernel does not tell."""
        try:
            name, *times = self._stat.read_text().splitlines()[0].split()
            ticks = [int(ticks) for ticks in times[:BUSY_AND_IDLE]]
        except (OSError, ValueError, IndexError):
            return None
        return ticks if name == "cpu" and len(ticks) == BUSY_AND_IDLE else None


def _load() -> float | None:
    try:
        return os.getloadavg()[0]
    except (OSError, AttributeError):  # not on Windows
        return None
