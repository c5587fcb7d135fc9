"""What all sections look at: the run, its speeds, and the order and colours of the implementations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from benchmarks.report.contest import Contest, contests
from benchmarks.report.distrust import without_distrusted
from benchmarks.report.drift import Drift, read_drift
from benchmarks.report.errors import SECOND_ORDER, Worst, by_implementation, judged
from benchmarks.report.frameworks import colour_numbers
from benchmarks.report.grades import Graded
from benchmarks.report.grades import collect as collect_grades
from benchmarks.report.restores import is_usual
from benchmarks.report.run import Record, Run
from benchmarks.report.speeds import Group, Speed, Speeds, collect
from benchmarks.report.starts import read_starts
from benchmarks.report.trainings import Roundings

REFERENCE = "numpy-reference"


@dataclass(frozen=True)
class View:
    """A run, and what every section needs to know of it."""

    run: Run
    speeds: Speeds
    implementations: tuple[str, ...]
    _contests: dict[str, list[Contest]] = field(default_factory=dict)
    _trusted_contests: dict[str, list[Contest]] = field(default_factory=dict)

    @cached_property
    def colours(self) -> Mapping[str, int]:
        """Implementation -> number of its colour and marker, the same in all figures and tables."""
        return colour_numbers(self.implementations)

    @cached_property
    def reference(self) -> str:
        """The implementation that errors are measured against; it cannot win or lose on accuracy."""
        return str(self.run.plan.settings.get("reference") or REFERENCE)

    @cached_property
    def rounds(self) -> int:
        """The most rounds that a throughput case was visited in: what was undecided got more than the planned ones."""
        return max(self._rounds_of_cases, default=0)

    @cached_property
    def fewest_rounds(self) -> int:
        """The fewest rounds that a throughput case was visited in."""
        return min(self._rounds_of_cases, default=0)

    @cached_property
    def _rounds_of_cases(self) -> list[int]:
        speeds = [speed for group in self.speeds.groups for speed in group.speeds]
        return [len(speed.fastest_calls) for speed in speeds if speed.minima]

    @cached_property
    def drift(self) -> Drift:
        """What the machine itself did while it measured."""
        return read_drift(self.run.folder)

    @cached_property
    def starts(self) -> Mapping[str, Mapping[int, float]]:
        """Implementation -> round -> seconds of processor time until it was imported."""
        return read_starts(self.run)

    @cached_property
    def worst(self) -> Mapping[str, Worst]:
        """Implementation -> the worst of its agreement cases."""
        return by_implementation(self.agreements)

    @cached_property
    def agreements(self) -> list[Record]:
        """The agreement records that can disagree."""
        return judged(self.measured("agreement"))

    @cached_property
    def second_order(self) -> list[Record]:
        """The records of second-order gradients, also of those that offer none."""
        of_axis = (record for record in self.run.records if record.axis == "agreement")
        return [record for record in of_axis if record.text("gradients") == SECOND_ORDER]

    @cached_property
    def replicas(self) -> list[Record]:
        """The records of layers on several replicas."""
        of_axis = (record for record in self.run.records if record.axis == "agreement")
        return [record for record in of_axis if record.text("input") == "replicas"]

    @cached_property
    def grades(self) -> list[Graded]:
        """Grades under ill-conditioned input."""
        return collect_grades([record for record in self.run.records if record.axis == "agreement"])

    @cached_property
    def roundings(self) -> Roundings:
        """Where rounding alone makes a training leave the reference."""
        return Roundings(self.measured("convergence"), self.reference)

    def contests(self, work: str) -> list[Contest]:
        """Who is fastest in one kind of work: one contest for every device and dtype, the fullest first."""
        if work not in self._contests:
            self._contests[work] = contests(self._chosen_from, work) or contests(self.speeds.groups, work)
        return self._contests[work]

    def trusted_contests(self, work: str) -> list[Contest]:
        """The same without speeds that the report itself distrusts: what a recommendation may rest on."""
        if work not in self._trusted_contests:
            self._trusted_contests[work] = contests(self._trusted_choices, work)
        return self._trusted_contests[work]

    @cached_property
    def _trusted_choices(self) -> Sequence[Group]:
        return without_distrusted(self.run, self._chosen_from)

    @cached_property
    def trusted_groups(self) -> Sequence[Group]:
        """All groups without speeds that the report itself distrusts."""
        return without_distrusted(self.run, self.speeds.groups)

    def trusts(self, speed: Speed) -> bool:
        """Whether the report trusts a published speed itself."""
        return speed.record.case_id in self._trusted

    @cached_property
    def _trusted(self) -> frozenset[str]:
        return frozenset(speed.record.case_id for group in self.trusted_groups for speed in group.speeds)

    @cached_property
    def yardsticks(self) -> frozenset[str]:
        """Implementations that others are measured by: tables show them, and nobody chooses them."""
        told = self.run.plan.settings.get("yardsticks")
        return frozenset(str(one) for one in told) if isinstance(told, list) else frozenset()

    def choosable(self, names: Iterable[str]) -> list[str]:
        """The names that a recommendation may hold: neither yardsticks nor the reference's own code."""
        return [who for who in names if who not in self.yardsticks and who != self.reference]

    @cached_property
    def _chosen_from(self) -> Sequence[Group]:
        """The speeds without those of yardsticks, which nobody chooses."""
        left_out = self.yardsticks
        return [
            replace(group, speeds=tuple(one for one in group.speeds if one.record.implementation not in left_out))
            for group in self.speeds.groups
        ]

    @cached_property
    def _measured(self) -> Mapping[str, Mapping[str, list[Record]]]:
        found: dict[str, dict[str, list[Record]]] = {}
        for record in self.run.records:
            if record.measured and _judges(record):
                found.setdefault(record.axis, {}).setdefault(record.implementation, []).append(record)
        return found

    def measured(self, axis: str) -> list[Record]:
        """Records of an axis that hold figures, in the order of the plan; of checkpoints, the usual ones."""
        return [one for one in self.run.records if one.axis == axis and one.measured and _judges(one)]

    @cached_property
    def crossings(self) -> list[Record]:
        """Records of what one implementation took up from another, also of what was not measured."""
        return [record for record in self.run.records if record.is_crossing]

    def by_implementation(self, axis: str) -> Mapping[str, list[Record]]:
        """Implementation -> its records of an axis that hold figures."""
        return self._measured.get(axis, {})

    def is_quick(self) -> bool:
        """Whether the run was a quick one."""
        settings = self.run.plan.settings
        return settings.get("quick") is True or settings.get("size") == "quick"


def _judges(record: Record) -> bool:
    return record.axis != "checkpoint" or is_usual(record)


def look(run: Run) -> View:
    """Derive everything that more than one section needs."""
    cases: Iterable[str] = [case.implementation for case in run.plan.cases]
    names = dict.fromkeys([*cases, *(record.implementation for record in run.records)])
    return View(run, collect(run), tuple(names))
