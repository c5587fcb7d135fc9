"""The scheduler: visits worker processes one at a time and turns what they say into records.

It imports no framework. Agreement, convergence and checkpoint run case by case in one worker an implementation;
throughput runs in rounds of fresh workers, visited in random order in many short passes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.axes.stages import STAGES
from benchmarks.cases import Case, gates
from benchmarks.harness import rounds
from benchmarks.harness.environment import usable_cores
from benchmarks.harness.folder import RunFolder
from benchmarks.harness.progress import Display
from benchmarks.harness.workers import WorkerSettings
from bn_impls.errors import BadRunFolder
from bn_impls.isolation.process import WorkerLost, WorkerProcess
from bn_impls.registry import Descriptor

STARTING_S = 180.0  # longest time that importing an implementation may take
LASTING = ("ok", "disagrees", "unsupported", "not_installed", "no_device")
ORDER = ("agreement", "convergence", "checkpoint", "throughput")


class Scheduler:
    """Runs the cases of one run folder."""

    def __init__(self, folder: RunFolder, descriptors: Iterable[Descriptor], display: Display) -> None:
        """Take what there is to run with.

        Args:
            folder: receives passes and records.
            descriptors: the implementations.
            display: shows progress.
        """
        self.folder, self.display = folder, display
        self.descriptors = {descriptor.name: descriptor for descriptor in descriptors}
        chosen = folder.settings
        self.worker_settings = WorkerSettings(
            chosen.threads or usable_cores(), chosen.device, chosen.data_dir, chosen.download
        )
        self.timeout_s = chosen.timeout_s
        self.workers: dict[str, WorkerProcess] = {}
        self.versions: dict[str, dict[str, str]] = {}
        self.unstartable: dict[str, WorkerLost] = {}
        self.scratch = tempfile.TemporaryDirectory(prefix="bn-bench-", ignore_cleanup_errors=True)

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
        self.display.start(sum(weight.get(case.axis, 1) for case in open_cases))
        try:
            for axis in ORDER:
                chosen = [case for case in open_cases if case.axis == axis]
                ready = [case for case in chosen if not self._absent(case, weight.get(axis, 1))]
                if axis == "throughput":
                    rounds.run(self, [case for case in ready if self._may_be_timed(case, work.rounds)], work)
                else:
                    self._run_one_by_one(ready)
        finally:
            self.display.stop()
            self.close()

    def close(self) -> None:
        """End all workers and remove scratch files."""
        for worker in self.workers.values():
            worker.close()
        self.workers.clear()
        self.scratch.cleanup()

    def _absent(self, case: Case, units: int) -> bool:
        """Write the row of an implementation that is not installed."""
        descriptor = self.descriptors.get(case.implementation)
        missing = (
            "no implementation of this name is registered any more" if descriptor is None else descriptor.missing()
        )
        if missing is None:
            return False
        status = "failed" if descriptor is not None and descriptor.problem else "not_installed"
        self.record(case, {"status": status, "reason": missing})
        self.display.advance(units)
        return True

    def _may_be_timed(self, case: Case, units: int) -> bool:
        """Write the row of a case that has no passed agreement beside it: such a case gets no speed."""
        recorded = self.folder.records()
        beside = {needed.label: recorded.get(needed.case_id) for needed in gates(case)}
        missed = {label: record for label, record in beside.items() if record is None or record["status"] != "ok"}
        if not missed:
            return True
        label, record = next(iter(missed.items()))
        status = "failed" if record is None else record["status"]
        why = "there is no record of it" if record is None else record["reason"]
        self.record(case, {"status": status, "reason": f"no speed without a passed agreement: {why} [{label}]"})
        self.display.advance(units)
        return False

    def record(self, case: Case, outcome: dict[str, Any]) -> None:
        """Append a case's record."""
        self.folder.append_record(case, outcome, self.versions.get(case.implementation, {}))

    # ---- workers ----------------------------------------------------------------------------------------------------

    def start(self, names: Iterable[str]) -> None:
        """Start the workers that are not alive, all at once, and wait until each has imported its implementation.

        One that cannot start is remembered in ``unstartable``, and not tried again.
        """
        new = [name for name in dict.fromkeys(names) if name not in self.workers and name not in self.unstartable]
        for name in new:
            try:
                log, environment = self.scratch_folder() / "worker.log", self.descriptors[name].environment
                self.workers[name] = self.worker_settings.start(name, log, environment)
            except (OSError, TypeError, ValueError) as error:  # also what a descriptor's environment brings about
                self.unstartable[name] = WorkerLost("failed", f"no process can be made for it ({error})")
        for name in [name for name in new if name in self.workers]:
            try:
                self.versions[name] = self.workers[name].started(STARTING_S)["versions"]
            except WorkerLost as lost:
                self.unstartable[name] = lost
                del self.workers[name]

    def stop(self, names: Iterable[str]) -> None:
        """End workers."""
        for name in list(names):
            if name in self.workers:
                self.workers.pop(name).close()

    def ask(self, name: str, request: dict[str, Any]) -> dict[str, Any]:
        """Ask an implementation's worker; a fresh one if the last was lost.

        Returns:
            The reply, or a status and reason in place of one.
        """
        self.start([name])
        if name in self.unstartable:
            lost = self.unstartable[name]
            return {"status": lost.status, "reason": f"it does not start: {lost.reason}"}
        try:
            return self.workers[name].ask(request, self.timeout_s)
        except WorkerLost as lost:
            del self.workers[name]
            return {"status": lost.status, "reason": lost.reason, "lost": True}

    def scratch_folder(self) -> Path:
        """A new empty folder that lives as long as the run.

        Raises:
            BadRunFolder: there is no room for it.
        """
        try:
            return Path(tempfile.mkdtemp(dir=self.scratch.name))
        except OSError as error:
            raise BadRunFolder(
                f"no scratch folder can be made in {tempfile.gettempdir()} ({error.strerror}); free some space or set "
                "TMPDIR; everything measured before is kept"
            ) from error

    # ---- axes that run case by case ---------------------------------------------------------------------------------

    def _run_one_by_one(self, cases: Sequence[Case]) -> None:
        self.start(case.implementation for case in cases)
        for case in sorted(cases, key=lambda case: case.implementation):
            self.display.now(case.case_id)
            self.record(case, self.run_case(case))
            self.display.advance()

    def run_case(self, case: Case) -> dict[str, Any]:
        """Run all stages of a case, each after the first in a fresh process; the last one's reply is the outcome."""
        scratch = self.scratch_folder()
        reply: dict[str, Any] = {}
        for number, stage in enumerate(STAGES[case.axis]):
            if number:
                self.stop([case.implementation])
            request = {"axis": case.axis, "stage": stage, "parameters": dict(case.parameters), "scratch": str(scratch)}
            reply = self.ask(case.implementation, {"do": "run", **request})
            if reply["status"] != "ok":
                break
        if "curves" in reply:
            reply["samples"] |= self.folder.keep_curves(scratch / reply["curves"])
        return reply
