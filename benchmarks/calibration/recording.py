"""Filling a pool: rounds of fresh workers, visited as a run visits them, until the time is over.

The workers, the visits and the files are those of a run (:mod:`benchmarks.harness.rounds`). Every pass is on disk when
the next begins; an interrupted pool is continued by the same command.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from benchmarks.calibration.workers import SUBJECTS, Worker, of_specification
from benchmarks.cases import Case, throughput_cases
from benchmarks.harness import jsonlines
from benchmarks.harness.folder import RunFolder
from benchmarks.harness.progress import Display
from benchmarks.harness.rounds import Rounds, Timing
from benchmarks.harness.scheduler import Scheduler
from benchmarks.settings import Settings
from bn_impls.errors import BadRunFolder
from bn_impls.registry import Descriptor

Clock = Callable[[], float]

WORKLOADS = (
    ("inference", (32, 32)),
    ("training_forward_backward", (256, 256)),
    ("inference", (32, 56, 56, 64)),
)
"""Work and shape: ten microseconds, a fraction of a millisecond, and 26 MB that must come from memory."""

ROUND_TIMES = "rounds.jsonl"
ATTEMPTS = 3  # of a round whose workers fail
WITHOUT_END = 10**9  # a pool never has all its rounds, so no case gets a record


def cases_of(descriptor: Descriptor, settings: Settings) -> list[Case]:
    """The cases of the default grid that are timed."""
    return [
        case
        for case in throughput_cases(settings, descriptor)
        if (case.parameters["work"], tuple(case.parameters["shape"])) in WORKLOADS
    ]


class SecondsDisplay:
    """A display that counts the seconds of a recording, and shortens the names that it shows."""

    def __init__(self, inner: Display, seconds: float, clock: Clock = time.monotonic) -> None:
        """Count for another display, up to so many seconds."""
        self.inner, self.total, self.clock = inner, round(seconds), clock

    def begin(self, done: float) -> None:
        """Start, with the seconds that earlier calls took."""
        self.began, self.shown = self.clock() - done, 0
        self.start(self.total)
        self.advance()

    def start(self, total: int) -> None:
        """Begin with so many seconds."""
        self.inner.start(total)

    def now(self, what: str) -> None:
        """Say what runs now, and count."""
        self.advance()
        self.inner.now(what.replace(f"throughput:{SUBJECTS}:", ""))

    def advance(self, units: int = 0) -> None:
        """Count up to now, whatever the units."""
        done = min(round(self.clock() - self.began), self.total)
        self.inner.advance(done - self.shown)
        self.shown = done

    def stop(self) -> None:
        """No more comes."""
        self.inner.stop()


class Recorder:
    """A pool that grows round by round."""

    def __init__(
        self,
        path: Path,
        implementations: Sequence[str],
        workers: Iterable[Worker],
        work: Rounds,
        display: Display,
        clock: Clock = time.monotonic,
    ) -> None:
        """Open a new pool, or one that was begun with the same workers.

        Args:
            path: of the pool's folder.
            implementations: names; each round is of one of them.
            workers: of a round.
            work: passes of a round and samples of a pass; its number of rounds is not used.
            display: shows progress.
            clock: in seconds.

        Raises:
            BadRunFolder: the folder holds something else.
        """
        settings = Settings(axes=("throughput",), implementations=tuple(implementations))
        descriptors = [worker.descriptor(name) for name in implementations for worker in workers]
        cases = [case for descriptor in descriptors for case in cases_of(descriptor, settings)]
        self.folder = _opened(path, settings, cases)
        self.cases: dict[str, list[Case]] = {name: [] for name in implementations}
        for case in cases:
            self.cases[of_specification(case.implementation)[0]].append(case)
        self.scheduler = Scheduler(self.folder, descriptors, display)
        self.timing = Timing(self.scheduler, Rounds(WITHOUT_END, work.passes, work.samples))
        self.clock, self.display = clock, display
        self.spent = dict.fromkeys(implementations, 0.0)
        self.rounds = dict.fromkeys(implementations, 0)
        for line in jsonlines.read(path / ROUND_TIMES, _complaint):
            if isinstance(line, dict) and line["implementation"] in self.spent:
                self.spent[line["implementation"]] += line["seconds"]
                self.rounds[line["implementation"]] += 1

    def seconds(self) -> float:
        """What recording took so far, earlier calls included."""
        return sum(self.spent.values())

    def record_round(self, implementation: str) -> None:
        """One round of fresh workers; one in which a worker fails is left as it is, and another one tried.

        Raises:
            BadRunFolder: no round came about; the message has the last one's reason.
        """
        for _ in range(ATTEMPTS):
            began = self.clock()
            number, ended = self._attempt(self.cases[implementation])
            seconds = self.clock() - began
            self.spent[implementation] += seconds
            if not ended:
                self.rounds[implementation] += 1
                line = {"implementation": implementation, "round": number, "seconds": round(seconds, 3)}
                jsonlines.append(self.folder.path / ROUND_TIMES, line)
                return
        raise BadRunFolder(self._why(ended))

    def _attempt(self, cases: Sequence[Case]) -> tuple[int, str]:
        """A round's number, and the id of a case that failed, with which it ended."""
        self.timing.start({case.implementation for case in cases})
        number = self.timing.next_round()
        for group in dict.fromkeys(case.group for case in cases):
            if ended := self.timing.run_group([case for case in cases if case.group == group], number):
                return number, min(ended)
        return number, ""

    def _why(self, case_id: str) -> str:
        record = self.folder.records()[case_id]
        return (
            f"{case_id} could not be measured in {ATTEMPTS} attempts: {record['status']}, {record['reason']}; what "
            f"was recorded is kept in {self.folder.path}, and the same command goes on from there"
        )

    def close(self) -> None:
        """End the workers, and let another process write."""
        self.scheduler.close()
        self.folder.close()


def record_for(recorder: Recorder, seconds: float, at_least: int) -> None:
    """Record until the time is over, each round of the implementation that has had the least of it.

    Args:
        recorder: the pool.
        seconds: for all implementations together, earlier calls included; the last round may end after it.
        at_least: rounds of each implementation, however long they take.
    """

    def missing() -> list[str]:
        return [name for name, count in recorder.rounds.items() if count < at_least]

    while not (late := recorder.seconds() >= seconds) or missing():
        choice = missing() if late else list(recorder.spent)
        recorder.record_round(min(choice, key=lambda name: recorder.spent[name]))


def record_runs(recorder: Recorder, runs: int, rounds: int) -> None:
    """Record so many whole runs, those of earlier calls included.

    A run is of one implementation: the one that has had the least time, so that what starts fast gets more runs.

    Args:
        recorder: the pool.
        runs: of all implementations together.
        rounds: of a run.
    """
    while sum(count // rounds for count in recorder.rounds.values()) < runs:
        begun = [name for name, count in recorder.rounds.items() if count % rounds]
        recorder.record_round(begun[0] if begun else min(recorder.spent, key=lambda name: recorder.spent[name]))


def _opened(path: Path, settings: Settings, cases: Sequence[Case]) -> RunFolder:
    if not (path / "plan.json").exists():
        folder = RunFolder.create(path, settings)
        folder.write_plan(cases)
        return folder
    folder = RunFolder.resume(path)
    if {case.case_id for case in folder.planned()} != {case.case_id for case in cases}:
        folder.close()
        raise BadRunFolder(
            f"{path} was begun with other implementations or workers; give them again, or another --output"
        )
    return folder


def _complaint(line: dict[str, object]) -> str | None:
    usable = isinstance(line.get("implementation"), str) and isinstance(line.get("seconds"), (int, float))
    return None if usable else "no implementation and seconds"
