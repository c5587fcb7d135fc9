"""The scheduler: visits worker processes one at a time and turns what they say into records.

It imports no framework. Agreement, convergence and the saving of checkpoints run case by case in one worker an
implementation, several implementations side by side. Where durations are compared, one worker computes at a time:
throughput runs in rounds of fresh workers, visited in random order in many short passes. The last round's workers then
restore the checkpoints.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.axes.stages import stages_of
from benchmarks.cases import UNTIMED, Case, gates
from benchmarks.harness import crossing, handover, lanes, rounds
from benchmarks.harness.environment import usable_cores
from benchmarks.harness.folder import RunFolder
from benchmarks.harness.jsonlines import replaced
from benchmarks.harness.ledger import Ledger
from benchmarks.harness.progress import Display
from benchmarks.harness.workers import STARTING_S, WorkerSettings
from benchmarks.statuses import LASTING
from bn_impls.errors import BadRunFolder
from bn_impls.isolation.process import WorkerLost, WorkerProcess
from bn_impls.registry import Descriptor

NUMPY_PRODUCTS = ("OPENBLAS", "VECLIB_MAXIMUM")  # not MKL: PyTorch takes the number of all its threads from MKL's
SCRATCH = "SCRATCH"


@contextmanager
def _told_without_room() -> Iterator[None]:
    """Where no scratch folder can be made, say so with the way out."""
    try:
        yield
    except OSError as error:
        place = tempfile.tempdir or "any usual place"  # not gettempdir, which raises where none is usable
        raise BadRunFolder(
            f"no scratch folder can be made in {place} ({error.strerror}); free some space or set TMPDIR; everything "
            "measured before is kept"
        ) from error


class Scheduler:
    """Runs the cases of one run folder."""

    def __init__(
        self,
        folder: RunFolder,
        descriptors: Iterable[Descriptor],
        display: Display,
        ledger: Ledger | None = None,
    ) -> None:
        """Take what there is to run with.

        Args:
            folder: receives passes and records.
            descriptors: the implementations.
            display: shows progress.
            ledger: books where the time goes; one of its own if None.

        Raises:
            BadRunFolder: there is no room for a scratch folder.
        """
        self.folder, self.display, self.ledger = folder, display, ledger or Ledger()
        self.descriptors = {descriptor.name: descriptor for descriptor in descriptors}
        chosen = folder.settings
        self.worker_settings = WorkerSettings(
            chosen.threads or usable_cores(), chosen.device, chosen.data_dir, chosen.download
        )
        self.timeout_s = chosen.timeout_s
        self.workers: dict[str, WorkerProcess] = {}
        self.versions: dict[str, dict[str, str]] = {}
        self.unstartable: dict[str, WorkerLost] = {}
        with _told_without_room():
            self.scratch = tempfile.TemporaryDirectory(prefix="bn-bench-", ignore_cleanup_errors=True)
        self.writing = threading.Lock()  # lanes write into one folder and show one progress
        self.of_lanes: tuple[tuple[str, str], ...] = ()
        self.trainings: list[handover.Trainings] = []  # saved by the lanes, to be restored by other processes
        self.closed = False

    def run(self, cases: Sequence[Case]) -> None:
        """Run every case that has no lasting record yet, and leave a record of each.

        What a machine brought about (a crash, a lack of time, memory or disk) is tried again when a run is resumed.
        """
        recorded = {name: record for name, record in self.folder.records().items() if record["status"] in LASTING}
        self.versions = {
            record["implementation"]: record["versions"] for record in recorded.values() if record["versions"]
        }
        open_cases = [case for case in cases if case.case_id not in recorded]
        work = rounds.Rounds.of(self.folder.settings)
        weight = {"throughput": work.rounds}
        ready = [case for case in open_cases if not self.absent(case)]
        self.display.start(sum(weight.get(case.axis, 1) for case in ready))
        try:
            own = [case for case in ready if not crossing.is_crossing(case)]
            self._run_untimed([case for axis in UNTIMED for case in own if case.axis == axis])
            crossing.run(self, filter(crossing.is_crossing, ready))
            timed = self._may_be_timed([case for case in ready if case.axis == "throughput"], work.rounds)
            rounds.run(self, timed, work, self._restore)
        finally:
            self.display.stop()
            self.close()

    def _run_untimed(self, cases: Sequence[Case]) -> None:
        """Run cases with one lane an implementation, the one with most to do first, so that the lanes end together."""
        of: dict[str, list[Case]] = {}
        for case in cases:
            of.setdefault(case.implementation, []).append(case)
        longest_first = sorted(of, key=lambda name: (-len(of[name]), name))
        with self.sharing_cores(len(of)):
            self.side_by_side([partial(self._run_lane, name, of[name]) for name in longest_first])

    @contextmanager
    def sharing_cores(self, pieces: int) -> Iterator[None]:
        """Workers that start meanwhile have one lane's share of threads for NumPy's matrix products.

        OpenBLAS' threads spin while they wait for a core that another lane has: beside other work, the reference's
        training of 3 s took 70, and every worker trains it. The frameworks keep all threads, which is how they are
        timed.
        """
        share = max(1, min(self.worker_settings.threads, usable_cores() // lanes.how_many(pieces)))
        self.of_lanes = tuple((f"{library}_NUM_THREADS", str(share)) for library in NUMPY_PRODUCTS)
        try:
            yield
        finally:
            self.of_lanes = ()

    def side_by_side(self, work: Sequence[Callable[[], None]]) -> None:
        """Run pieces of work in lanes, whose time counts for as much less."""
        with self.ledger.divided(lanes.how_many(len(work))):
            lanes.side_by_side(work, self.close)

    def close(self) -> None:
        """End all workers and remove scratch files; what is asked after that raises."""
        self.closed = True
        self.stop(list(self.workers))
        self.scratch.cleanup()

    def absent(self, case: Case) -> bool:
        """Whether an implementation is not installed; then its row is written."""
        descriptor = self.descriptors.get(case.implementation)
        missing = (
            "no implementation of this name is registered any more" if descriptor is None else descriptor.missing()
        )
        if missing is None:
            return False
        status = "failed" if descriptor is not None and descriptor.problem else "not_installed"
        self.record(case, {"status": status, "reason": missing})
        return True

    def _may_be_timed(self, cases: Sequence[Case], units: int) -> list[Case]:
        """Those with passed agreements beside them; the others get no speed, but a row that says why."""
        recorded, allowed = self.folder.records(), []
        for case in cases:
            beside = {needed.label: recorded.get(needed.case_id) for needed in gates(case)}
            missed = {label: record for label, record in beside.items() if record is None or record["status"] != "ok"}
            if not missed:
                allowed.append(case)
                continue
            label, record = next(iter(missed.items()))
            status = "failed" if record is None else record["status"]
            why = "there is no record of it" if record is None else record["reason"]
            self.record(case, {"status": status, "reason": f"no speed without a passed agreement: {why} [{label}]"})
            self.display.advance(units)
        return allowed

    def record(self, case: Case, outcome: dict[str, Any]) -> None:
        """Append a case's record; in what frameworks say, the name of the run's scratch folder is :data:`SCRATCH`."""
        told = replaced(outcome, self.scratch.name, SCRATCH)
        with self.writing:
            self.folder.append_record(case, told, self.versions.get(case.implementation, {}))

    # ---- workers ----------------------------------------------------------------------------------------------------

    def start(self, names: Iterable[str]) -> None:
        """Start the workers that are not alive, all at once, and wait until each has imported its implementation.

        One that cannot start is remembered in ``unstartable``, and not tried again.
        """
        with self.ledger.booking("imports"):
            self._start(names)

    def _start(self, names: Iterable[str]) -> None:
        self._go_on()
        new = [name for name in dict.fromkeys(names) if name not in self.workers and name not in self.unstartable]
        for name in new:
            try:
                variables = (*self.descriptors[name].environment, *self.of_lanes)
                log = self.scratch_folder() / "worker.log"
                self.workers[name] = self.worker_settings.start(name, log, variables)
            except (OSError, TypeError, ValueError) as error:  # also what a descriptor's environment brings about
                self.unstartable[name] = WorkerLost("failed", f"no process can be made for it ({error})")
            if self.closed:
                self.stop([name])
            self._go_on()
        for name in [name for name in new if name in self.workers]:
            try:
                self.versions[name] = self.workers[name].started(STARTING_S)["versions"]
            except WorkerLost as lost:
                self._go_on()
                self.unstartable[name] = lost
                self.workers.pop(name, None)

    def _go_on(self) -> None:
        if self.closed:
            raise lanes.Stopped

    def stop(self, names: Iterable[str]) -> None:
        """End workers, all at once: it takes the system a while to take back the memory of each."""
        ending = [worker for name in list(names) if (worker := self.workers.pop(name, None))]
        for worker in ending:
            worker.kill()
        for worker in ending:
            worker.close()

    def ask(self, name: str, request: dict[str, Any]) -> dict[str, Any]:
        """Ask an implementation's worker; a fresh one if the last was lost.

        Returns:
            The reply, or a status and reason in place of one.

        Raises:
            Stopped: the run was ended meanwhile.
        """
        self.start([name])
        if name in self.unstartable:
            lost = self.unstartable[name]
            return {"status": lost.status, "reason": f"it does not start: {lost.reason}"}
        try:
            return self.workers[name].ask(request, self.timeout_s)
        except WorkerLost as lost:
            self._go_on()
            self.workers.pop(name, None)
            return {"status": lost.status, "reason": lost.reason, "lost": True}

    def request(self, name: str, request: dict[str, Any]) -> dict[str, Any]:
        """Ask, and book what it took beyond the worker's start."""
        self.start([name])
        began = time.monotonic()
        reply = self.ask(name, request)
        measured_s = sum(reply.get("samples", {}).get("durations_ns", ())) / 1e9
        self.ledger.book_request(time.monotonic() - began, measured_s)
        return reply

    def scratch_folder(self) -> Path:
        """A new empty folder that lives as long as the run.

        Raises:
            BadRunFolder: there is no room for it.
        """
        with _told_without_room():
            return Path(tempfile.mkdtemp(dir=self.scratch.name))

    # ---- axes that run case by case ---------------------------------------------------------------------------------

    def _run_lane(self, name: str, cases: Sequence[Case]) -> None:
        """Run one implementation's cases in their order, and save checkpoints, in a worker that ends with the last."""
        saved = [case for case in cases if case.axis == handover.AXIS]
        for case in cases:
            if case not in saved:
                self.show(case.case_id)
                self.record(case, self.run_case(case))
                with self.writing:
                    self.display.advance()
        if saved:
            trainings = handover.Trainings(self, name, saved)
            trainings.save()
            with self.writing:
                self.trainings.append(trainings)
        self.stop([name])

    def _restore(self) -> None:
        """Restore what the lanes have saved, in the workers that are there, which saved nothing, or in new ones."""
        longest_first = sorted(self.trainings, key=lambda trainings: (-len(trainings.cases), trainings.name))
        with self.sharing_cores(len(longest_first)):
            self.side_by_side([trainings.restore for trainings in longest_first])

    def show(self, what: str) -> None:
        """Say what runs now."""
        with self.writing:
            self.display.now(what)

    def run_case(self, case: Case) -> dict[str, Any]:
        """Run all stages of a case, each after the first in a fresh process; the last one's reply is the outcome."""
        scratch = self.scratch_folder()
        reply: dict[str, Any] = {}
        for number, stage in enumerate(stages_of(case.axis, case.parameters)):
            if number:
                self.stop([case.implementation])
            request = {"axis": case.axis, "stage": stage, "parameters": dict(case.parameters), "scratch": str(scratch)}
            reply = self.request(case.implementation, {"do": "run", **request})
            if reply["status"] != "ok":
                break
        if "curves" in reply:
            with self.writing:
                reply["samples"] |= self.folder.keep_curves(scratch / reply["curves"])
        return reply
