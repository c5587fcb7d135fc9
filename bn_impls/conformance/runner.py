"""Running the kit: a process for the implementation, a deadline for each check, a new process after each loss."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bn_impls.conformance.documentation import document
from bn_impls.conformance.kit import chosen, failed
from bn_impls.conformance.model import Check, Failure, Result
from bn_impls.conformance.worker import NOTHING_THERE
from bn_impls.errors import NothingThere
from bn_impls.interface import Documented
from bn_impls.isolation.process import WorkerLost, WorkerProcess
from bn_impls.isolation.variables import environment
from bn_impls.registry import Descriptor

WORKER = "bn_impls.conformance.worker"
START_S = 120.0  # a framework's import on a busy machine
CHECK_S = 60.0  # compiling a graph for each of several layers takes seconds
MOST_LOST_STARTS = 3  # after a check's process was lost; each may take the whole START_S
IMPATIENT = 0.1  # share of the deadline once a check has hung: what hangs once usually hangs always
LOAD = "loads"


@dataclass(frozen=True)
class Report:
    """What the kit found.

    Attributes:
        implementation: its name or ``module:OBJECT``.
        results: one for each check, in their order.
    """

    implementation: str
    results: tuple[Result, ...]

    @property
    def passed(self) -> bool:
        """Whether no check failed."""
        return all(result.status != "failed" for result in self.results)


@dataclass
class _Session:
    """The process of the moment, and how to get the next one."""

    descriptor: Descriptor
    path: Sequence[str]
    folder: Path
    start_s: float
    check_s: float
    given: Mapping[str, float] = field(default_factory=dict)
    worker: WorkerProcess | None = None
    documented: dict[str, Documented] = field(default_factory=dict)
    lost_starts: int = 0
    given_up: str = ""

    def begin(self) -> None:
        """Start a process and import the implementation.

        Raises:
            WorkerLost: that failed.
        """
        scratch = Path(tempfile.mkdtemp(dir=self.folder))
        start: dict[str, Any] = {
            "specification": self.descriptor.name,
            "path": list(self.path),
            "printed": str(self.folder / "printed"),
            "scratch": str(scratch),
            "given": dict(self.given),
        }
        self.worker = WorkerProcess(WORKER, start, environment(1, "cpu", self.descriptor.environment), scratch / "log")
        try:
            told = self.worker.started(self.start_s)["documented"]
            self.documented = {check: Documented(**meant) for check, meant in told.items()}
            settled = self.worker.ask({"do": "settle"}, self.check_s)
        except WorkerLost:
            self.worker = None
            raise
        if settled["status"] != "ok":
            raise WorkerLost(settled["status"], settled["reason"])

    def ask(self, check: Check) -> Result:
        """Run one check, in a new process if the last one is gone."""
        if self.worker is None:
            self._begin_again()
        assert self.worker is not None
        try:
            reply = self.worker.ask({"do": "check", "name": check.name}, self.check_s)
        except WorkerLost as lost:
            if lost.status == "timed_out":
                self.check_s = max(self.check_s * IMPATIENT, min(self.check_s, 5.0))
            raise
        if reply["status"] != "ok":
            raise WorkerLost(reply["status"], reply["reason"])
        return Result(**reply["result"])

    def _begin_again(self) -> None:
        try:
            self.begin()
        except WorkerLost as lost:
            self.lost_starts += 1
            reason = f"after an earlier check lost the process, it could not be started again: {lost.reason}"
            if self.lost_starts == MOST_LOST_STARTS:
                self.given_up = f"not run: {MOST_LOST_STARTS} times {reason}"
            raise WorkerLost(lost.status, reason) from lost

    def end(self) -> None:
        """Let the process go."""
        if self.worker is not None:
            self.worker.close()
            self.worker = None


def run(
    descriptor: Descriptor,
    *,
    quick: bool = False,
    check_s: float = CHECK_S,
    path: Sequence[str] = (),
    given: Mapping[str, float] | None = None,
    show: Callable[[int, int, str], None] = lambda done, all_of_them, name: None,
) -> Report:
    """Test an implementation.

    Args:
        descriptor: which one.
        quick: leave the slow checks out.
        check_s: deadline of one check, in seconds.
        path: folders in which the process may find modules, after its own.
        given: ``decay`` and ``epsilon`` to test with, for a layer that has them fixed.
        show: told before each check how many are done, how many there are, and its name.

    Returns:
        A result for every check, whatever the implementation does.

    Raises:
        NothingThere: a ``module:OBJECT`` whose module or object does not exist.
    """
    checks = chosen(quick)
    with tempfile.TemporaryDirectory(prefix="bn-bench-check-") as folder, contextlib.ExitStack() as stack:
        session = _Session(descriptor, path, Path(folder), START_S, check_s, given or {})
        stack.callback(session.end)
        show(0, len(checks) + 1, LOAD)
        try:
            session.begin()
        except WorkerLost as lost:
            if lost.status == NOTHING_THERE:
                raise NothingThere(lost.reason) from lost
            return Report(descriptor.name, (_not_loaded(lost), *_skipped(checks, "the implementation did not load")))
        results = [Result(name=LOAD, status="passed")]
        for check in checks:
            show(len(results), len(checks) + 1, check.name)
            results.append(_asked(session, check))
        return Report(descriptor.name, tuple(document(results, session.documented)))


def _asked(session: _Session, check: Check) -> Result:
    if session.given_up:
        return Result(name=check.name, status="skipped", message=session.given_up)
    try:
        return session.ask(check)
    except WorkerLost as lost:
        session.end()
        return failed(check.name, _lost(lost))


def _lost(lost: WorkerLost) -> Failure:
    cause = {"timed_out": "hangs", "crashed": "kills_its_process", "out_of_memory": "out_of_memory"}.get(lost.status)
    words = {
        "timed_out": "the check hung",
        "crashed": "the check's process was lost",
        "out_of_memory": "the check ran out of memory",
    }
    message = f"{words.get(lost.status, 'the check failed')}: {lost.reason}"
    return Failure(message=message, got=lost.status, expected="an answer", cause=cause or "raises")


def _not_loaded(lost: WorkerLost) -> Result:
    if lost.status == "refused":
        message = f"it builds no layer of the usual configurations (shapes (6, 3, 2, 4) and (10, 4)): {lost.reason}"
        return failed(LOAD, Failure(message=message, got="Unsupported", expected="a Layer", cause="builds_nothing"))
    cause = {"timed_out": "hangs", "crashed": "kills_its_process"}.get(lost.status, "does_not_load")
    return failed(LOAD, Failure(message=lost.reason, got=lost.status, expected="an Implementation", cause=cause))


def _skipped(checks: Sequence[Check], reason: str) -> list[Result]:
    return [Result(name=check.name, status="skipped", message=reason) for check in checks]


def importable_from_here() -> list[str]:
    """The folders in which this process finds modules, for a worker to search, too."""
    return [os.path.abspath(folder) for folder in sys.path if os.path.isdir(folder or ".")]
