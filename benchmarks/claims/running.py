"""Running the cases of claims: several workers side by side, and alone what is timed."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Sequence
from functools import partial

from benchmarks.cases import Case
from benchmarks.claims.cases import DATASET, on_dataset
from benchmarks.claims.model import Claim, Size
from benchmarks.harness import lanes
from benchmarks.harness.environment import usable_cores
from benchmarks.harness.folder import RunFolder
from benchmarks.harness.progress import Display
from benchmarks.harness.scheduler import Scheduler
from benchmarks.statuses import LASTING
from bn_impls.registry import describe


def plan(claims: Iterable[Claim], size: Size, dataset: str = DATASET) -> list[Case]:
    """The cases of some claims on a data set, each once, those of one implementation together."""
    cases = {case.case_id: case for claim in claims for case in cases_of(claim, size, dataset)}
    return sorted(cases.values(), key=lambda case: case.implementation)


def cases_of(claim: Claim, size: Size, dataset: str) -> list[Case]:
    """The cases of one claim on a data set."""
    return [on_dataset(case, dataset) for case in claim.cases(size)]


class Shared:
    """One display and one folder, for lanes that finish cases at the same time."""

    def __init__(self, folder: RunFolder, display: Display, cases: Sequence[Case]) -> None:
        """Take the cases that are still to be run."""
        self.folder, self.display = folder, display
        self.left = deque(cases)
        self.lock = threading.Lock()

    def take(self) -> Case | None:
        """The next case, or None at the end."""
        with self.lock:
            if not self.left:
                return None
            self.display.now(self.left[0].case_id)
            return self.left.popleft()


def run(folder: RunFolder, cases: Sequence[Case], display: Display) -> None:
    """Run every case that has no lasting record yet, and leave a record of each.

    Cases with the parameter ``alone`` run one by one, after the others.

    Args:
        folder: receives plan and records.
        cases: of all chosen claims.
        display: shows progress.
    """
    recorded = {name for name, record in folder.records().items() if record["status"] in LASTING}
    left = [case for case in cases if case.case_id not in recorded]
    display.start(len(left))
    try:
        together = [case for case in left if not case.parameters.get("alone")]
        _drain_in_lanes(Shared(folder, display, together), min(usable_cores(), lanes.MOST_LANES))
        _drain_in_lanes(Shared(folder, display, [case for case in left if case.parameters.get("alone")]), 1)
    finally:
        display.stop()


def _drain_in_lanes(shared: Shared, count: int) -> None:
    """Let some schedulers, each with its own workers, take cases until none is left."""
    if not shared.left:
        return
    names = dict.fromkeys(case.implementation for case in shared.left)
    descriptors = [describe(name) for name in names]
    schedulers = [Scheduler(shared.folder, descriptors, shared.display) for _ in range(count)]
    for scheduler in schedulers:
        scheduler.writing = shared.lock  # one lock for one folder and one display

    def close() -> None:
        for scheduler in schedulers:
            scheduler.close()

    try:
        lanes.side_by_side([partial(_drain, scheduler, shared) for scheduler in schedulers], close)
    finally:
        close()


def _drain(scheduler: Scheduler, shared: Shared) -> None:
    last = ""
    while (case := shared.take()) is not None:
        if case.implementation != last:
            scheduler.stop([last])  # one framework in memory at a time
            last = case.implementation
        if not scheduler.absent(case):
            scheduler.record(case, scheduler.run_case(case))
        with shared.lock:
            shared.display.advance()
