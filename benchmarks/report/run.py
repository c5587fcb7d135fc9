"""A run in memory: what was planned, what was recorded, where it was measured, and what could not be read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks.report.calibration import Calibration
from benchmarks.report.semantics import NOTHING_ASKED, Semantics
from benchmarks.verdicts.looks import looks_within

AXES = ("agreement", "throughput", "convergence", "checkpoint", "claims")
MEASURED = ("ok", "disagrees")
NOT_MEASURED = (
    "failed",
    "crashed",
    "timed_out",
    "out_of_memory",
    "unsupported",
    "not_installed",
    "no_device",
)
STATUSES = MEASURED + NOT_MEASURED


@dataclass(frozen=True)
class Planned:
    """One case that the run set out to measure."""

    case_id: str
    axis: str
    implementation: str
    case: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Record:
    """One finished case, as ``docs/records.md`` describes it; a record is the same as itself alone."""

    case_id: str
    axis: str
    implementation: str
    case: Mapping[str, Any]
    status: str
    reason: str | None
    metrics: Mapping[str, Any]
    samples: Mapping[str, Any]
    labels: Mapping[str, Any]
    versions: Mapping[str, Any]

    @property
    def measured(self) -> bool:
        """Whether figures came out, right or wrong."""
        return self.status in MEASURED

    def number(self, metric: str) -> float | None:
        """A metric as a float; None where it is missing or no number (NaN and infinity are numbers)."""
        return as_number(self.metrics.get(metric))

    def flag(self, metric: str) -> bool | None:
        """A metric that is true or false; None where it is neither."""
        value = self.metrics.get(metric)
        return value if isinstance(value, bool) else None

    def parameter(self, name: str) -> Any:
        """A parameter of the case, or an option of its network; of the metrics, where only the worker could know it
        (``train_size``, ``ddof``)."""
        value = self.case.get(name)
        value = self.options.get(name) if value is None else value
        return self.metrics.get(name) if value is None else value

    @property
    def options(self) -> Mapping[str, Any]:
        """What of its network differs from the document's."""
        stored = self.case.get("options")
        return stored if isinstance(stored, dict) else {}

    def text(self, parameter: str) -> str:
        """A parameter as text; empty where it is missing."""
        value = self.parameter(parameter)
        return "" if value is None else str(value)

    @property
    def group(self) -> str:
        """What it was compared with, as the sentinel's looks name it: the case, the call style left open."""
        label = self.case_id.removeprefix(f"{self.axis}:{self.implementation}:")
        style = self.text("style")
        return f"{self.axis}:{label.replace(f'-{style}-', '-*-')}"

    @property
    def is_crossing(self) -> bool:
        """Whether one implementation took up here what another one wrote."""
        return "source" in self.case

    @property
    def shape(self) -> tuple[int, ...]:
        """The input shape; empty where the case has none."""
        value = self.case.get("shape")
        if isinstance(value, list) and all(isinstance(size, int) for size in value):
            return tuple(value)
        return ()


@dataclass(frozen=True)
class Plan:
    """What the run set out to do."""

    run: str
    created: str
    settings: Mapping[str, Any]
    cases: tuple[Planned, ...]


@dataclass(frozen=True)
class Run:
    """A run folder in memory."""

    folder: Path
    plan: Plan
    records: tuple[Record, ...]
    environment: Mapping[str, Any]
    damage: list[str] = field(default_factory=list)
    semantics: Semantics = NOTHING_ASKED
    calibration: Calibration | None = None
    machine: Mapping[str, Any] = field(default_factory=dict)
    ledger: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def looks(self) -> int:
        """How often its speeds may have been looked at: twice where a budget allowed a top-up round."""
        budget = as_number(self.plan.settings.get("budget_min"))
        return looks_within(budget or 0.0)

    @cached_property
    def missing(self) -> tuple[Planned, ...]:
        """Planned cases that have no record: the run was interrupted, or the record is damaged."""
        present = {record.case_id for record in self.records}
        return tuple(case for case in self.plan.cases if case.case_id not in present)

    @cached_property
    def unplanned(self) -> tuple[Record, ...]:
        """Records of cases that the plan does not name."""
        planned = {case.case_id for case in self.plan.cases}
        return tuple(record for record in self.records if record.case_id not in planned)


NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}  # JSON has no words for them


def as_number(value: object) -> float | None:
    """A number of a record as a float; None for anything else, booleans included."""
    if isinstance(value, str):
        return NOT_FINITE.get(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf
