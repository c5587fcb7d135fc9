"""One run from settings to records: what the pytest plugin drives."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import datasets
from benchmarks.cases import Case, gates, plan
from benchmarks.harness.environment import describe, usable_cores
from benchmarks.harness.folder import RunFolder
from benchmarks.harness.ledger import Ledger, kept
from benchmarks.harness.machine import measure_machine
from benchmarks.harness.progress import Display
from benchmarks.harness.scheduler import Scheduler
from benchmarks.harness.semantics import observe_all
from benchmarks.harness.workers import CHECKOUT
from benchmarks.kept_calibrations import FILE, known_for
from benchmarks.settings import AXES, USUAL_BASELINE, Settings
from bn_impls.errors import BadConfiguration, UnknownName
from bn_impls.registry import Descriptor, descriptors
from bn_impls.registry import describe as describe_implementation

GOOD_STATUSES = ("ok", "unsupported", "not_installed", "no_device")
SKIPPED_STATUSES = ("unsupported", "not_installed", "no_device")


def chosen_descriptors(settings: Settings, *, resumed: bool = False) -> list[Descriptor]:
    """The implementations of a run.

    Args:
        settings: of the run.
        resumed: whether its plan is an old one; what is registered no more is then left out, and its cases get rows
            that say so.

    Raises:
        UnknownName: one of the names is unknown.
    """
    if not settings.implementations:
        return list(descriptors().values())
    found = []
    for name in dict.fromkeys(settings.implementations):
        try:
            found.append(describe_implementation(name))
        except UnknownName:
            if not resumed:
                raise
    return found


def baseline_of(settings: Settings, chosen: Sequence[Descriptor]) -> str:
    """What the speeds of a run are compared with.

    Raises:
        UnknownName: the baseline that was asked for is unknown.
        BadConfiguration: it is not measured in this run.
    """
    measured = [descriptor.name for descriptor in chosen if descriptor.missing() is None]
    if not settings.baseline:
        return USUAL_BASELINE if USUAL_BASELINE in measured else next(iter(measured), USUAL_BASELINE)
    asked = describe_implementation(settings.baseline)
    if asked.name not in measured:
        why = asked.missing() or f"this run measures {', '.join(measured) or 'nothing'}; add it to --implementations"
        raise BadConfiguration(f"got --baseline {asked.name}, but nothing would be measured of it: {why}")
    return asked.name


class Session:
    """The settings, the plan and, once it is needed, the run folder of one run."""

    def __init__(self, settings: Settings, output: Path | None, resume: Path | None) -> None:
        """Plan a new run, or go on with the plan of an old one.

        Raises:
            BnBenchError: an unknown name, or a folder that cannot be used.
        """
        self.output = output or CHECKOUT / "reports" / f"run-{datetime.datetime.now():%Y%m%d-%H%M%S}"
        self.folder = RunFolder.resume(resume) if resume else None
        self.settings = self.folder.settings if self.folder else settings
        self.descriptors = chosen_descriptors(self.settings, resumed=self.folder is not None)
        if self.folder is None:
            yardsticks = tuple(descriptor.name for descriptor in self.descriptors if descriptor.yardstick)
            baseline = baseline_of(settings, self.descriptors)
            self.settings = replace(settings, yardsticks=yardsticks, baseline=baseline)
        cases = self.folder.planned() if self.folder else plan(self.settings, self.descriptors)
        self.cases = {case.case_id: case for case in cases}
        self.ledger, self.booked_before = Ledger(), kept(self.folder.path) if self.folder else {}

    def run(self, selected: Iterable[Case], display: Display) -> dict[str, dict[str, Any]]:
        """Run the selected cases, and the agreement cases that their speeds need.

        Returns:
            Every record of the folder, by case.
        """
        wanted = with_gates(selected)
        folder = self.open_folder(wanted)
        Scheduler(folder, self.descriptors, display, self.ledger).run(wanted)
        if any(case.axis == "throughput" for case in wanted):
            with self.ledger.booking("measured"):
                measure_machine(folder, self.settings.threads or usable_cores(), display)
        whole = {case.axis for case in wanted}.issuperset(AXES)
        if whole and self.settings.size != "quick":  # to import every framework once more takes longer than that may
            names = {case.implementation for case in wanted}
            chosen = [descriptor for descriptor in self.descriptors if descriptor.name in names]
            observe_all(folder, chosen, display, self.ledger, every_style=self.settings.size == "full")
        return folder.records()

    def keep_ledger(self, report_s: float = 0.0) -> None:
        """Write where the time of this run has gone so far.

        Args:
            report_s: what of it drawing the report took; 0 before it is drawn.
        """
        if self.folder is not None:
            self.ledger.keep(self.folder, self.booked_before, len(self.folder.planned()), report_s)

    def open_folder(self, wanted: Sequence[Case]) -> RunFolder:
        """The run folder, made at the first call, after the data set has been found readable."""
        chosen = self.settings
        if any("dataset" in case.parameters for case in wanted):
            data_dir = None if chosen.data_dir is None else Path(chosen.data_dir)
            datasets.load(chosen.dataset, data_dir=data_dir, allow_download=chosen.download)
        if self.folder is None:
            self.folder = RunFolder.create(self.output, chosen)
        self.folder.write_plan(wanted)  # first: with it the folder can be resumed
        environment = describe(chosen.threads or usable_cores())
        self.folder.add_sitting(environment)
        if any(case.axis == "throughput" for case in wanted):
            _take_calibration(self.folder, environment)
        return self.folder


def _take_calibration(folder: RunFolder, environment: Mapping[str, Any]) -> None:
    """Put what is kept of this kind of machine into a folder that has no calibration of its own."""
    kept_file, own = known_for(environment), folder.path / FILE
    if kept_file is not None and not own.exists():
        folder.write_json(FILE, json.loads(kept_file.read_bytes()))


def with_gates(cases: Iterable[Case]) -> list[Case]:
    """The cases, with the agreement cases that speeds need, without doubles."""
    found = {case.case_id: case for case in cases}
    for case in list(found.values()):
        if case.axis == "throughput":
            for needed in gates(case):
                found.setdefault(needed.case_id, needed)
    return list(found.values())


def exit_code(planned: Iterable[Case], records: Mapping[str, Mapping[str, Any]]) -> int:
    """0 if all is accounted for, 1 if an implementation disagrees, 3 if a case failed, crashed or ran out.

    Args:
        planned: the cases; one that is told but decides nothing, such as a second-order gradient, may disagree.
        records: by case; a planned case without one counts as failed.

    Returns:
        The code.
    """
    found = [(case, records[case.case_id]["status"] if case.case_id in records else "failed") for case in planned]
    statuses = {status for case, status in found if case.decides or status != "disagrees"}
    if statuses - {*GOOD_STATUSES, "disagrees"}:
        return 3
    return 1 if "disagrees" in statuses else 0
