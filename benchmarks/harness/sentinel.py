"""A sentinel: a small fixed piece of work, timed at every visit, that shows what the machine itself did.

Cases are compared pass by pass, so a change of the machine's speed hits them alike. The sentinel makes it visible: its
work never changes, so when its time does, the machine has changed. It runs in the scheduler's own process, on one core,
while all workers wait. It sees the clock rate, and neither a contest for the other cores nor one for the memory: so the
load, the processor time that other programs took and what the host took are noted with it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

CALLS = 7
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
ROUNDS_OF_WORK = 4000  # about 0.2 ms
STAT = Path("/proc/stat")
IDLE, IO_WAIT, STEAL = 3, 4, 7  # places in the line `cpu` of /proc/stat; the last: time that the host gave to others
BUSY_AND_IDLE = 8  # times before `guest`, which `user` holds already (proc_stat(5))


def fixed_work() -> int:
    """Integer arithmetic on one core, in cache: its time follows the clock rate and nothing else of ours."""
    total = 0
    for number in range(ROUNDS_OF_WORK):
        total += number * number % 7
    return total


class Sentinel:
    """Looks at the machine, and remembers when it looked last."""

    def __init__(
        self,
        clock: Callable[[], int] = time.perf_counter_ns,
        stat: Path = STAT,
        own_s: Callable[[], float] | None = None,
    ) -> None:
        """Begin.

        Args:
            clock: gives nanoseconds.
            stat: the kernel's account of processor time.
            own_s: gives seconds of processor time that this process and all that it started took so far.
        """
        self._clock, self._stat, self._own_s = clock, stat, own_s or own_seconds
        self._before, self._own_before = self._processor_times(), self._own_s()

    def look(self) -> dict[str, Any]:
        """Time the work and read the load.

        Returns:
            ``sentinel_ns`` (durations of all calls), ``load_1min`` (the load average of the last minute) and, as shares
            of the processor time since the last look, ``steal_share`` (what the host gave to others) and
            ``others_share`` (what other programs on this machine took); None where the system does not say.
        """
        durations = []
        for _ in range(CALLS):
            began = self._clock()
            fixed_work()
            durations.append(self._clock() - began)
        return {"sentinel_ns": durations, "load_1min": _load(), **self._shares()}

    def _shares(self) -> dict[str, float | None]:
        before, now = self._before, self._processor_times()
        own_before, own = self._own_before, self._own_s()
        self._before, self._own_before = now, own
        if before is None or now is None or sum(now) <= sum(before):
            return {"steal_share": None, "others_share": None}
        passed = [later - earlier for earlier, later in zip(before, now, strict=True)]
        busy = sum(passed) - passed[IDLE] - passed[IO_WAIT] - passed[STEAL]
        others = busy - (own - own_before) * TICKS_PER_S
        return {"steal_share": max(0, passed[STEAL]) / sum(passed), "others_share": max(0.0, others) / sum(passed)}

    def _processor_times(self) -> list[int] | None:
        """Ticks of all processors together, by what they did; None where the kernel does not tell."""
        try:
            name, *times = self._stat.read_text().splitlines()[0].split()
            ticks = [int(ticks) for ticks in times[:BUSY_AND_IDLE]]
        except (OSError, ValueError, IndexError):
            return None
        return ticks if name == "cpu" and len(ticks) == BUSY_AND_IDLE else None


def own_seconds() -> float:
    """Processor time of this process and of all that it started, those that have ended included."""
    mine = os.times()
    total = mine.user + mine.system + mine.children_user + mine.children_system
    for child in psutil.Process().children(recursive=True):
        try:
            total += sum(child.cpu_times()[:4])  # of its own and of its ended children (psutil's order on Linux)
        except psutil.Error:  # it has just ended, and is counted at the next look
            continue
    return total


def _load() -> float | None:
    try:
        return os.getloadavg()[0]
    except (OSError, AttributeError):  # not on Windows
        return None
