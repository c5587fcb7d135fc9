"""Checkpoint cases: one process of an implementation trains and saves, another one restores all that was saved.

The second one has not seen the first: it is the worker of the last round of throughput, which is timed by then, or a
fresh one. Cases that differ only in the format or in what they restore into share one training. Implementations work
side by side, so durations of saving and restoring are orders of magnitude.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.cases import Case
from benchmarks.checkpoints.planning import trained_key

if TYPE_CHECKING:
    from benchmarks.harness.scheduler import Scheduler

SELF_CONTAINED = {"not_offered", "damage", "probe"}  # whoever runs these makes its own checkpoints, or needs none
AXIS, SAVE, RESTORE = "checkpoint", "save", "restore"


class Trainings:
    """What one implementation has trained and saved, for all of its cases."""

    def __init__(self, scheduler: Scheduler, name: str, cases: Sequence[Case]) -> None:
        """Nothing is trained yet.

        Args:
            scheduler: starts and asks workers.
            name: the implementation.
            cases: all of its cases that will be run.
        """
        self.scheduler, self.name, self.cases = scheduler, name, cases
        self.formats: dict[str, dict[str, None]] = {}
        for case in cases:
            if not SELF_CONTAINED & set(case.parameters):
                self.formats.setdefault(trained_key(case.parameters), {})[case.parameters["format"]] = None
        self.saved: dict[str, tuple[Path, dict[str, Any]]] = {}

    def save(self) -> None:
        """Train and save whatever the cases need; the process that did so must end before :meth:`restore`."""
        for case in self.cases:
            self._saved(case)

    def restore(self) -> None:
        """Restore everything in a process that saved nothing, which ends here."""
        for case in self.cases:
            self.scheduler.show(case.case_id)
            folder, saved = self._saved(case)
            good = saved["status"] == "ok"
            self.scheduler.record(case, self._ask(case, RESTORE, {}, folder) if good else saved)
            with self.scheduler.writing:
                self.scheduler.display.advance()
        self.scheduler.stop([self.name])

    def _saved(self, case: Case) -> tuple[Path, dict[str, Any]]:
        """Where the case's training lies, and what became of it."""
        if SELF_CONTAINED & set(case.parameters):
            return self.scheduler.scratch_folder(), {"status": "ok"}
        key = trained_key(case.parameters)
        if key not in self.saved:
            folder = self.scheduler.scratch_folder()
            self.saved[key] = folder, self._ask(case, SAVE, {"formats": list(self.formats[key])}, folder)
        return self.saved[key]

    def _ask(self, case: Case, stage: str, more: dict[str, Any], folder: Path) -> dict[str, Any]:
        parameters = {**case.parameters, **more}
        request = {"axis": AXIS, "stage": stage, "parameters": parameters, "scratch": str(folder)}
        return self.scheduler.request(self.name, {"do": "run", **request})
