"""What a claim's cases came to, as its rule reads them: by parameters, and paired by seed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.cases import Case
from benchmarks.stored_arrays import Unreadable, stored_arrays

Array = npt.NDArray[Any]


class Missing(Exception):
    """A case that a rule needs has no figures; the message says which, and why."""


@dataclass(frozen=True)
class Result:
    """One case and its record.

    Attributes:
        case: what was planned.
        record: its line of ``records.jsonl``; None if it has not run.
        folder: of the run, where curves lie.
    """

    case: Case
    record: Mapping[str, Any] | None
    folder: Path

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Of the case."""
        return self.case.parameters

    @property
    def status(self) -> str:
        """Of the record; ``not run`` without one."""
        return "not run" if self.record is None else str(self.record["status"])

    @property
    def ok(self) -> bool:
        """Whether it has figures."""
        return self.status == "ok"

    @property
    def trouble(self) -> str:
        """Case, status and reason."""
        reason = None if self.record is None else self.record.get("reason")
        return f"{self.case.case_id}: {self.status}" + (f" ({reason})" if reason else "")

    def raw(self, name: str) -> Any:
        """A metric as it was recorded.

        Raises:
            Missing: there is no such metric, or the case has no figures.
        """
        if self.record is None or not self.ok:
            raise Missing(self.trouble)
        if name not in self.record["metrics"]:
            raise Missing(f"{self.case.case_id} has no metric {name}")
        return self.record["metrics"][name]

    def number(self, name: str) -> float:
        """A metric as a float; NaN and infinity are numbers.

        Raises:
            Missing: there is none.
        """
        value = self.raw(name)
        return math.nan if value is None else float(value)

    def curve(self, name: str) -> Array:
        """An array of the case.

        Raises:
            Missing: there is none, or its file cannot be read.
        """
        if name not in self.curves:
            raise Missing(f"{self.case.case_id} has no curve {name}")
        return self.curves[name]

    def at_step(self, name: str, steps: float) -> float:
        """A training's curve at its first evaluation after so many steps or more.

        Raises:
            Missing: there is no such curve, or the training ends before.
        """
        evaluated = self.curve("evaluated_steps")
        if steps > evaluated.max():
            raise Missing(f"{self.case.case_id} ends after {evaluated.max()} steps, but should have {steps:g}")
        return float(self.curve(name)[np.argmin(np.where(evaluated >= steps, evaluated, np.inf))])

    @property
    def steps_an_epoch(self) -> float:
        """Of a training.

        Raises:
            Missing: it has no figures.
        """
        return self.number("steps") / float(self.parameters["epochs"])

    @cached_property
    def curves(self) -> Mapping[str, Array]:
        """All arrays of the case, by name.

        Raises:
            Missing: the case has none, or their file cannot be read or is not the one that was recorded.
        """
        if self.record is None or not self.ok or "file" not in self.record["samples"]:
            raise Missing(self.trouble)
        try:
            return stored_arrays(self.folder, self.record["samples"])
        except Unreadable as error:
            raise Missing(f"the curves of {self.case.case_id}: {error}") from error


@dataclass(frozen=True)
class Results:
    """All results of one claim, in the order of its plan.

    Attributes:
        size: ``quick`` or ``full``.
        results: one for each case.
    """

    size: str
    results: Sequence[Result]

    @classmethod
    def of(cls, size: str, cases: Sequence[Case], records: Mapping[str, Mapping[str, Any]], folder: Path) -> Results:
        """Set the records of a run beside the cases of a claim.

        Args:
            size: of the run.
            cases: of the claim.
            records: by case id.
            folder: of the run.
        """
        return cls(size, [Result(case, records.get(case.case_id), folder) for case in cases])

    def __iter__(self) -> Iterator[Result]:
        return iter(self.results)

    def select(self, **parameters: Any) -> list[Result]:
        """Those whose parameters have these values; ``implementation`` counts as one."""
        return [result for result in self.results if _has(result, parameters)]

    def one(self, **parameters: Any) -> Result:
        """The only result with these parameters, with figures.

        Raises:
            Missing: there is none with figures.
        """
        found = self.select(**parameters)
        if len(found) != 1:
            raise Missing(f"{len(found)} cases with {parameters}, but should be 1")
        if not found[0].ok:
            raise Missing(found[0].trouble)
        return found[0]

    def values(self, name: str, **parameters: Any) -> dict[int, float]:
        """A metric by seed, of those with these parameters.

        Raises:
            Missing: a case has no figures, or there is none.
            ValueError: two cases have one seed, so that the parameters do not tell what is meant.
        """
        found = self.select(**parameters)
        if not found:
            raise Missing(f"no case with {parameters}")
        values = {int(result.parameters["seed"]): result.number(name) for result in found}
        if len(values) < len(found):
            raise ValueError(f"{len(found)} cases with {parameters} have {len(values)} seeds, but should have one each")
        return values

    def late(self, name: str, looks: int, **parameters: Any) -> dict[int, float]:
        """The mean of a curve's last values by seed, of those with these parameters: one look alone is noisy.

        Args:
            name: of the curve.
            looks: values that are averaged.
            **parameters: as for :meth:`select`.

        Raises:
            Missing: a case has no such curve, or there is none.
        """
        found = self.select(**parameters)
        if not found:
            raise Missing(f"no case with {parameters}")
        return {int(result.parameters["seed"]): float(result.curve(name)[-looks:].mean()) for result in found}

    def stack(self, name: str, **parameters: Any) -> Array:
        """A curve of all seeds, shape (seeds, ...), of those with these parameters.

        Raises:
            Missing: a case has no figures, or there is none.
        """
        found = self.select(**parameters)
        if not found:
            raise Missing(f"no case with {parameters}")
        return np.stack([result.curve(name) for result in found])


def _has(result: Result, parameters: Mapping[str, Any]) -> bool:
    known = {**result.parameters, "implementation": result.case.implementation}
    return all(name in known and known[name] == value for name, value in parameters.items())
