"""Checkpoints that pass from one implementation to another: all sources write first, then all targets read.

Each implementation has a lane of its own; nothing is timed. Few of them keep one worker for both; of many, no more are
alive than there are lanes. A target whose source left nothing gets a row that says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.cases import Case

if TYPE_CHECKING:
    from benchmarks.harness.scheduler import Scheduler

MOST_KEPT = 8  # workers between writing and reading; each has up to a GiB of memory
NATIVE = "native"  # what a source leaves for the run folder
Source = tuple[str, str]  # implementation, and the kind of its files


def is_crossing(case: Case) -> bool:
    """Whether a case has a source of its own."""
    return "source" in case.parameters


def run(scheduler: Scheduler, cases: Iterable[Case]) -> None:
    """Run the cases and leave a record of each.

    Args:
        scheduler: starts and asks workers.
        cases: of the checkpoint axis, each with a ``source``.
    """
    chosen = list(cases)
    if chosen:
        _Exchange(scheduler, chosen).run()


class _Exchange:
    """The files that the sources of one run wrote, and what became of each."""

    def __init__(self, scheduler: Scheduler, cases: Sequence[Case]) -> None:
        self.scheduler, self.cases = scheduler, cases
        self.sources = {_source(case): case for case in cases}
        self.folders = {source: scheduler.scratch_folder() for source in self.sources}
        self.written: dict[Source, Mapping[str, Any]] = {}

    def run(self) -> None:
        names = sorted({name for name, _ in self.sources})
        targets = sorted({case.implementation for case in self.cases})
        with self.scheduler.sharing_cores(len(names)):
            self._side_by_side(names, self._write)
            self._side_by_side(targets, self._read)
        self.scheduler.stop([*names, *targets])

    def _side_by_side(self, names: Sequence[str], act: Callable[[str], None]) -> None:
        """One lane a name. What is kept is started here: a process ends with the *thread* that started it."""
        if len(names) > MOST_KEPT:
            self.scheduler.side_by_side([partial(self._alone, act, name) for name in names])
            return
        known = self.scheduler.descriptors
        self.scheduler.start(name for name in names if name in known and known[name].missing() is None)
        started = dict(self.scheduler.workers)
        self.scheduler.side_by_side([partial(act, name) for name in names])
        workers = self.scheduler.workers
        self.scheduler.stop([name for name in names if name in workers and workers[name] is not started.get(name)])

    def _alone(self, act: Callable[[str], None], name: str) -> None:
        act(name)
        self.scheduler.stop([name])

    def _write(self, name: str) -> None:
        for source, case in self.sources.items():
            if source[0] == name:
                self.written[source] = self._asked_to_write(name, case, self.folders[source])

    def _asked_to_write(self, name: str, case: Case, folder: Path) -> Mapping[str, Any]:
        descriptor = self.scheduler.descriptors.get(name)
        if descriptor is None:  # a run that is resumed elsewhere
            return {"status": "not_installed", "reason": "no implementation of this name is registered any more"}
        if (missing := descriptor.missing()) is not None:
            return {"status": "failed" if descriptor.problem else "not_installed", "reason": missing}
        parameters = {**case.parameters, "style": case.parameters["source_style"]}
        written = self._ask(name, "save", parameters, folder)
        if (folder / NATIVE).is_dir() and written["status"] == "ok":
            with self.scheduler.writing:
                self.scheduler.folder.keep_checkpoint(name, folder / NATIVE)
        return written

    def _ask(self, name: str, stage: str, parameters: Mapping[str, Any], folder: Path) -> dict[str, Any]:
        request = {"do": "cross", "stage": stage, "parameters": dict(parameters), "folder": str(folder)}
        return self.scheduler.request(name, request)

    def _read(self, name: str) -> None:
        for case in self.cases:
            if case.implementation == name:
                self.scheduler.show(case.case_id)
                self.scheduler.record(case, self._outcome(case))
                with self.scheduler.writing:
                    self.scheduler.display.advance()

    def _outcome(self, case: Case) -> dict[str, Any]:
        source = _source(case)
        written = self.written[source]
        if written["status"] != "ok":
            reason = f"there is nothing to take up: {source[0]} left nothing: {written['reason']}"
            return {"status": written["status"], "reason": reason}
        return self._ask(case.implementation, "restore", case.parameters, self.folders[source])


def _source(case: Case) -> Source:
    return case.parameters["source"], case.parameters.get("written", "")
