"""Threads really used: processor time, and the waiting for a core that it lacks on a busy machine.

Processor time over wall time alone says little under load: four threads that share one core show 1.0. What a thread
waited while it was ready to run is the rest: together they say how many threads were at work, whatever else ran. The
calling thread is left out of that sum. It hands its work to a pool, so it is no more than one, and where both share a
core it is ready to run while the pool works: a pool of one would count up to 2.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

SPARE = 0.5  # of those allowed: threads that hand work over wait at once; 2.8 of 2 were seen on a busy machine
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
        others: time over wall time that the threads beside the calling one, as far as they had a relevant share, ran
            or waited for a core.
        computing: how many threads, the calling one included, had a relevant share; 0 where the system does not tell.
    """

    processor: float
    others: float
    computing: int

    @property
    def threads(self) -> float:
        """Threads at work, on average."""
        return max(self.processor, self.others)

    def label(self, allowed: int) -> dict[str, str]:
        """The label of a record: claim, observation and evidence."""
        ran = f"CPU time of all threads was {self.processor:.2f} times the wall time of the warm-up"
        waited = "this system does not tell how long its threads waited for a core"
        if self.computing:
            waited = f"those beside the calling one ran or waited for a core {self.others:.2f} times that"
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
        return use_of(self.clocks, thread_clocks(), cpu, wall, threading.get_native_id())


def allowed_threads() -> int:
    """Threads that the scheduler allows this worker."""
    return int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)


def too_many(use: Use) -> bool:
    """Whether more threads were used than the scheduler allows."""
    return use.threads > (1 + SPARE) * allowed_threads()


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


def use_of(before: Mapping[int, Clock], after: Mapping[int, Clock], cpu_ns: int, wall_ns: int, caller: int) -> Use:
    """What the threads did between two readings of their clocks.

    Args:
        before: the clocks at the begin; a thread that began later has none.
        after: at the end; a thread that has ended has none, so only its CPU time counts.
        cpu_ns: CPU time of the whole process meanwhile.
        wall_ns: wall time meanwhile.
        caller: the number of the calling thread.
    """
    ran = {thread: clock.ran - before.get(thread, Clock()).ran for thread, clock in after.items()}
    waited = {thread: clock.waited - before.get(thread, Clock()).waited for thread, clock in after.items()}
    least = max(RELEVANT_SHARE * max(ran.values(), default=0), 1)
    computing = [thread for thread in after if ran[thread] >= least]
    others = sum(min(ran[thread] + waited[thread], wall_ns) for thread in computing if thread != caller)
    return Use(cpu_ns / wall_ns, others / wall_ns, len(computing))
