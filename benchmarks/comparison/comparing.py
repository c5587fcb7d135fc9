"""The comparison of two runs: everything that changed, what of it decides, and what could not be compared."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from benchmarks.comparison.checkpoints import RestoreChange, changed_restores
from benchmarks.comparison.conditions import Conditions, compare_conditions
from benchmarks.comparison.errors import GrownError, grown_errors
from benchmarks.comparison.lacking import lacking
from benchmarks.comparison.machines import Machines, compare_machines
from benchmarks.comparison.pairing import Pairing, pair_up
from benchmarks.comparison.speeds import SpeedComparison, compare_speeds
from benchmarks.comparison.statuses import StatusChange, changed_statuses
from benchmarks.comparison.trainings import TrainingChange, changed_trainings
from benchmarks.report.drift import read_drift
from benchmarks.report.reading import read_run
from benchmarks.report.run import Run
from benchmarks.verdicts.judging import MARGIN
from bn_impls.errors import BadConfiguration, BadRunFolder


@dataclass(frozen=True)
class Comparison:
    """Run B against run A.

    Attributes:
        a: the run before.
        b: the run after.
        pairing: which cases were compared.
        machines: whether the machines were the same.
        conditions: whether they had as much to give.
        relative: whether ratios were asked for.
        statuses: cases whose status changed.
        speeds: throughput.
        errors: agreement errors that grew.
        trainings: convergence that came out otherwise.
        restores: checkpoints that bring back less, or more.
        sentinel: usual time of the sentinel in B over that in A: what the machine itself did; None if unknown.
    """

    a: Run
    b: Run
    pairing: Pairing
    machines: Machines
    conditions: Conditions
    relative: bool
    statuses: tuple[StatusChange, ...]
    speeds: SpeedComparison
    errors: tuple[GrownError, ...]
    trainings: tuple[TrainingChange, ...]
    restores: tuple[RestoreChange, ...]
    sentinel: float | None

    @property
    def speeds_decide(self) -> bool:
        """Whether a slower case is a regression.

        Between different machines it is not; on one of them a time decides only if both runs had as much of it, and a
        ratio only if it was asked for.
        """
        return self.machines.same and (self.conditions.alike or self.relative)

    @property
    def speeds_timed(self) -> bool:
        """Whether a case was timed in either run."""
        return any(pair.b.axis == "throughput" for pair in self.pairing.pairs)

    @property
    def speeds_lost(self) -> bool:
        """Whether speeds that A has could not be compared because B is unfinished: it planned some and has none."""
        planned = any(case.axis == "throughput" for case in self.b.missing)
        there = [any(record.axis == "throughput" for record in run.records) for run in (self.a, self.b)]
        return planned and there == [True, False]

    @property
    def regressions(self) -> list[str]:
        """Ids of the cases that got worse: a worse status, or slower for certain by more than the margin."""
        worse = [change.case_id for change in self.statuses if change.change == "worse"]
        slower = [change.case_id for change in self.speeds.changes if change.regression and self.speeds_decide]
        return list(dict.fromkeys([*worse, *slower]))

    @property
    def gaps(self) -> list[str]:
        """What could not be read or was never recorded, one sentence each."""
        lines = [f"{name}: {line}" for name, run in (("A", self.a), ("B", self.b)) for line in run.damage]
        if (self.a.plan.run, self.a.plan.created) == (self.b.plan.run, self.b.plan.created):
            lines.append(f"A and B both hold run {self.a.plan.run}: one is a copy of the other")
        lines += [line for name, run in (("A", self.a), ("B", self.b)) for line in lacking(name, run)]
        lines += [f"{case_id} has other parameters ({what})" for case_id, what in self.pairing.altered]
        return lines + [f"{case_id}: not compared, {why}" for case_id, why in self.speeds.left_out]


def compare_runs(folder_a: Path, folder_b: Path, *, margin: float = MARGIN, relative: bool = False) -> Comparison:
    """Compare two run folders.

    Args:
        folder_a: the run before.
        folder_b: the run after.
        margin: relative difference of a step's time that does not matter.
        relative: compare ratios to the baseline within each run also where times could be compared.

    Returns:
        The comparison.

    Raises:
        BadConfiguration: a margin that is none.
        BadRunFolder: a folder that is no run folder, the same one twice, or two runs that share no case.
    """
    if not (math.isfinite(margin) and margin > 0):
        raise BadConfiguration(f"got a margin of {100 * margin:g} %, but should get one above 0")
    if folder_a.exists() and folder_b.exists() and folder_a.samefile(folder_b):
        raise BadRunFolder(f"{folder_a} and {folder_b} are the same folder; give two different runs")
    a, b = read_run(folder_a), read_run(folder_b)
    pairing, machines, conditions = pair_up(a, b), compare_machines(a, b), compare_conditions(a, b)
    times_compare = machines.same and conditions.alike
    if not pairing.pairs:
        raise BadRunFolder(
            f"{folder_a} and {folder_b} have recorded no case in common, so there is nothing to compare; run both with "
            "the same axes, size and implementations, or finish them with `bn-bench run --resume RUN`"
        )
    return Comparison(
        a, b, pairing, machines, conditions, relative,
        statuses=tuple(changed_statuses(pairing.pairs)),
        speeds=compare_speeds(a, b, pairing.pairs, relative=relative or not times_compare, margin=margin),
        errors=tuple(grown_errors(pairing.pairs)),
        trainings=tuple(changed_trainings(pairing.pairs)),
        restores=tuple(changed_restores(pairing.pairs)),
        sentinel=_sentinel_ratio(a, b),
    )  # fmt: skip


def _sentinel_ratio(a: Run, b: Run) -> float | None:
    before, after = (read_drift(run.folder).usual_ns for run in (a, b))
    return None if before is None or after is None else after / before
