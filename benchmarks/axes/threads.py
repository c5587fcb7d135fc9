"""Threads really used: processor time, and the waiting for a core that it lacks on a busy machine.

Processor time over wall time alone says little under load: four threads that share one core show 1.0. What a thread
waited while it was ready to run is the rest, so a thread that always computes counts 1 whatever else runs, and threads
that take turns count 1 together.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

SPARE_THREADS = 0.5  # the resolution of CPU time over a short warm-up
RELEVANT_SHARE = 0.25  # of the busiest thread's processor time; who does less waits much for little work
TASKS = Path("/proc/self/task")


@dataclass(frozen=True)
class Clock:
    """What a thread has had since it began, in nanoseconds.

    Attributes:
        ran: on a core.
        waited: ready to run, without a core.
    """

    ran: int = 0
    waited: int = 0


@dataclass(frozen=True)
class Use:
    """What threads did in a stretch of time.

    Attributes:
        processor: CPU time of all threads over wall time, of those that ended too.
        waiting: time that the threads with a relevant share waited for a core, over wall time.
        computing: how many threads had a relevant share; 0 where the system does not tell.
    """

    processor: float
    waiting: float
    computing: int

    @property
    def threads(self) -> float:
        """Threads that ran or were ready to run, on average."""
        return self.processor + self.waiting

    def label(self, allowed: int) -> dict[str, str]:
        """The label of a record: claim, observation and evidence."""
        ran = f"CPU time of all threads was {self.processor:.2f} times the wall time of the warm-up"
        waited = "this system does not tell how long its threads waited for a core"
        if self.computing:
            waited = f"the {self.computing} with a relevant share of it waited {self.waiting:.2f} times that for a core"
        evidence = f"{ran}; {waited}"
        return {"claimed": f"at most {allowed}", "observed": f"{self.threads:.2f}", "evidence": evidence}


@dataclass(frozen=True)
class Watch:
    """The clocks at the begin of a stretch of time: it begins when this is made."""

    clocks: Mapping[int, Clock] = field(default_factory=lambda: thread_clocks())
    cpu_ns: int = field(default_factory=lambda: time.process_time_ns())
    wall_ns: int = field(default_factory=lambda: time.perf_counter_ns())

    def use(self) -> Use:
        """What the threads did since."""
        wall = time.perf_counter_ns() - self.wall_ns
        cpu = time.process_time_ns() - self.cpu_ns
        return use_of(self.clocks, thread_clocks(), cpu, wall)


def allowed_threads() -> int:
    """Threads that the scheduler allows this worker."""
    return int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)


def too_many(use: Use) -> bool:
    """Whether more threads were used than the scheduler allows."""
    return use.threads > allowed_threads() + SPARE_THREADS


def thread_clocks() -> dict[int, Clock]:
    """The clocks of the threads of this process by their number; none where the system does not tell.

    Source: Linux, ``Documentation/scheduler/sched-stats.rst``, "/proc/<pid>/schedstat", here of each task.
    """
    found = {}
    for task in TASKS.iterdir() if TASKS.is_dir() else ():
        try:
            ran, waited, _ = map(int, (task / "schedstat").read_text().split())
        except (OSError, ValueError):  # it has just ended, or the kernel keeps no such file
            continue
        found[int(task.name)] = Clock(ran, waited)
    return found


def use_of(before: Mapping[int, Clock], after: Mapping[int, Clock], cpu_ns: int, wall_ns: int) -> Use:
    """What the threads did between two readings of their clocks.

    Args:
        before: the clocks at the begin; a thread that began later has none.
        after: at the end; a thread that has ended has none, so only its CPU time counts.
        cpu_ns: CPU time of the whole process meanwhile.
        wall_ns: wall time meanwhile.
    """
    grown = [
        (clock.ran - before.get(thread, Clock()).ran, clock.waited - before.get(thread, Clock()).waited)
        for thread, clock in after.items()
    ]
    least = max(RELEVANT_SHARE * max((ran for ran, _ in grown), default=0), 1)
    waits = [max(0, min(waited, wall_ns - ran)) for ran, waited in grown if ran >= least]
    return Use(cpu_ns / wall_ns, sum(waits) / wall_ns, len(waits))
