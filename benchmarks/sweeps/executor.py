"""What every executor of a sweep runs: one case at a time, in a worker process of its implementation."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks.axes.stages import stages_of
from benchmarks.cases import Case
from benchmarks.harness.jsonlines import replaced
from benchmarks.harness.scheduler import SCRATCH
from benchmarks.harness.workers import STARTING_S, WorkerSettings
from bn_impls.errors import UnknownName
from bn_impls.isolation.process import WorkerLost, WorkerProcess
from bn_impls.registry import Descriptor, describe


@dataclass(frozen=True)
class Result:
    """What became of a case, in values that travel between machines.

    Attributes:
        outcome: status, reason, metrics, samples and labels.
        versions: of the implementation's packages where it ran.
        curves: the bytes of the NPZ with what is too long for a line, or None.
    """

    outcome: dict[str, Any]
    versions: dict[str, str] = field(default_factory=dict)
    curves: bytes | None = None

    @classmethod
    def without(cls, status: str, reason: str) -> Result:
        """A case that came to nothing."""
        return cls({"status": status, "reason": reason})


Ended = Generator[tuple[Case, Result], None, None]
"""Cases with what came of each, as they end; closed, it gives up what is in flight."""


class Executor:
    """Runs cases one after the other; the worker of an implementation lives until another one's case comes."""

    def __init__(self, settings: WorkerSettings, timeout_s: float, shared: Path) -> None:
        """Start nothing yet.

        Args:
            settings: of every worker.
            timeout_s: longest time that a stage of a case may take.
            shared: folder of this sweep alone, for the references that its cases have in common and for scratch.
        """
        self.settings, self.timeout_s, self.shared = settings, timeout_s, shared
        self.name = ""
        self.worker: WorkerProcess | None = None
        self.place: Path | None = None  # of the worker's log and temporary files, which outlive a case
        self.versions: dict[str, str] = {}
        self.closed = False

    def run(self, case: Case) -> Result:
        """Run all stages of a case, each after the first in a fresh process.

        Args:
            case: of an axis that is run case by case.

        Returns:
            What became of it; whatever befell the worker is a status, never an exception. In what frameworks say, the
            name of the sweep's folder is :data:`SCRATCH`, as in a run's records.
        """
        result = self._result(case)
        return replace(result, outcome=replaced(result.outcome, str(self.shared), SCRATCH))

    def _result(self, case: Case) -> Result:
        try:
            descriptor = describe(case.implementation)
        except UnknownName as error:  # a sweep that is resumed elsewhere
            return Result.without("not_installed", str(error))
        if missing := descriptor.missing():
            return Result.without("failed" if descriptor.problem else "not_installed", missing)
        try:
            with tempfile.TemporaryDirectory(prefix="case-", dir=self.shared, ignore_cleanup_errors=True) as scratch:
                return self._run(case, descriptor, Path(scratch))
        except WorkerLost as lost:
            self._stop()
            return Result.without(lost.status, lost.reason)
        except OSError as error:
            self._stop()
            why = f"the folder for temporary files cannot be used ({error.strerror}); TMPDIR names another"
            return Result.without("failed", why)

    def _run(self, case: Case, descriptor: Descriptor, scratch: Path) -> Result:
        reply: dict[str, Any] = {}
        for number, stage in enumerate(stages_of(case.axis, case.parameters)):
            worker = self._worker(descriptor, fresh=number > 0)
            request = {"axis": case.axis, "stage": stage, "parameters": dict(case.parameters)}
            folders = {"scratch": str(scratch), "shared": str(self.shared)}
            reply = worker.ask({"do": "run", **request, **folders}, self.timeout_s)
            if reply["status"] != "ok":
                break
        curves = reply.pop("curves", None)
        return Result(reply, self.versions, (scratch / curves).read_bytes() if curves else None)

    def _worker(self, descriptor: Descriptor, fresh: bool) -> WorkerProcess:
        if self.worker is not None and self.name == descriptor.name and not fresh:
            return self.worker
        self._stop()
        self.place = Path(tempfile.mkdtemp(prefix="worker-", dir=self.shared))
        try:
            worker = self.settings.start(descriptor.name, self.place / "worker.log", descriptor.environment)
        except (OSError, TypeError, ValueError) as error:  # also what a descriptor's environment brings about
            raise WorkerLost("failed", f"no process can be made for it ({error})") from error
        self.worker, self.name = worker, descriptor.name
        if self.closed:
            self._stop()
        try:
            self.versions = worker.started(STARTING_S)["versions"]
        except WorkerLost as lost:
            raise WorkerLost(lost.status, f"it does not start: {lost.reason}") from lost
        return worker

    def _stop(self) -> None:
        if self.worker is not None:
            self.worker.close()
        if self.place is not None:
            shutil.rmtree(self.place, ignore_errors=True)
        self.worker = self.place = None

    def close(self) -> None:
        """End the worker, from any thread; a case under way ends as lost."""
        self.closed = True
        self._stop()
