"""Throughput: which cases became faster or slower.

On the same machine a case is compared with itself, in time per step. On different machines that says nothing about the
code, so the ratio to the baseline *within* each run is compared: both its sides ran on one machine, in turn.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from benchmarks.comparison.pairing import Pair
from benchmarks.report.parameters import Key, key_of
from benchmarks.report.run import Record, Run
from benchmarks.report.speeds import PARAMETERS, Gate
from benchmarks.verdicts.judging import CONFIDENCE, Verdict
from benchmarks.verdicts.passes import Array, PassValues, pass_values
from benchmarks.verdicts.ratios import log_ratios_to
from benchmarks.verdicts.unpaired import judge_unpaired, round_values

Measure = Literal["step time", "ratio to the baseline"]


@dataclass(frozen=True)
class SpeedChange:
    """A case that was timed in both runs.

    Attributes:
        case_id: the case.
        a_ns: shortest time per step in A, in ns.
        b_ns: the same in B.
        a: the figure of A that the verdict's ratio is made of: over the rounds, the geometric mean of the shortest pass
            in ns, or of its ratio to the baseline.
        b: the same of B; ``b / a`` is the verdict's ratio.
        verdict: of B against A: ``slower`` and a ratio above 1 mean that B takes longer.
        regression: slower for certain by more than the margin: the whole interval lies beyond it.
    """

    case_id: str
    a_ns: float
    b_ns: float
    a: float
    b: float
    verdict: Verdict
    regression: bool


@dataclass(frozen=True)
class SpeedComparison:
    """All speeds of two runs.

    Attributes:
        measure: what was compared.
        baseline: the implementation that ratios are against; None where step times were compared.
        margin: relative difference that does not matter.
        confidence: of all intervals together.
        changes: every case that was compared, the slowest ratio first.
        left_out: (case id, why) of cases that were timed and cannot be compared.
        shift: median ratio over all cases: what all of them have in common; None where nothing was compared.
    """

    measure: Measure
    baseline: str | None
    margin: float
    confidence: float
    changes: tuple[SpeedChange, ...]
    left_out: tuple[tuple[str, str], ...]
    shift: float | None

    def of(self, word: str) -> list[SpeedChange]:
        """The cases of one verdict."""
        return [change for change in self.changes if change.verdict.word == word]


@dataclass(frozen=True)
class Timed:
    """A case whose speed may be shown in both runs."""

    pair: Pair
    a: PassValues
    b: PassValues


def compare_speeds(a: Run, b: Run, pairs: Iterable[Pair], *, relative: bool, margin: float) -> SpeedComparison:
    """Compare every case that was timed in both runs.

    Args:
        a: the run before.
        b: the run after.
        pairs: the cases that both recorded.
        relative: whether to compare ratios to the baseline in place of step times.
        margin: relative difference that does not matter.
    """
    timed, left_out = _timed(a, b, pairs)
    baseline = str(b.plan.settings.get("baseline") or "keras") if relative else None
    rounds: dict[str, tuple[Array, Array]] = {}
    if baseline is None:
        rounds = {one.pair.case_id: (round_values(one.a), round_values(one.b)) for one in timed}
    else:
        rounds, without = _relative_rounds(timed, baseline)
        left_out |= without
    changes = []
    for one in timed:
        if one.pair.case_id in rounds:
            before, after = rounds[one.pair.case_id]
            verdict = judge_unpaired(after, before, margin=margin, comparisons=len(rounds))
            if verdict is not None:
                changes.append(_change(one, before, after, verdict))
            else:
                left_out[one.pair.case_id] = f"shares no pass with {baseline} in one of the runs"
    changes.sort(key=lambda change: -change.verdict.ratio)
    shift = math.exp(float(np.median([math.log(change.verdict.ratio) for change in changes]))) if changes else None
    measure: Measure = "step time" if baseline is None else "ratio to the baseline"
    return SpeedComparison(measure, baseline, margin, CONFIDENCE, tuple(changes), tuple(left_out.items()), shift)


def _change(one: Timed, before: Array, after: Array, verdict: Verdict) -> SpeedChange:
    beyond = verdict.low is not None and verdict.low > 1 + verdict.margin
    a, b = (math.exp(float(np.nanmean(logs))) for logs in (before, after))
    return SpeedChange(one.pair.case_id, min(one.a.values()), min(one.b.values()), a, b, verdict, beyond)


def _timed(a: Run, b: Run, pairs: Iterable[Pair]) -> tuple[list[Timed], dict[str, str]]:
    """The pairs with a speed that may be shown, and why others have none."""
    gates = Gate(a.records), Gate(b.records)
    timed, left_out = [], {}
    for pair in pairs:
        if pair.b.axis != "throughput" or "ok" not in (pair.a.status, pair.b.status):
            continue
        values = pass_values(pair.a.samples), pass_values(pair.b.samples)
        reasons = [
            f"{name}: {reason}"
            for name, record, gate, found in zip("AB", (pair.a, pair.b), gates, values, strict=True)
            if (reason := _why_none(record, gate, found)) is not None
        ]
        if reasons:
            left_out[pair.case_id] = "; ".join(reasons)
        else:
            timed.append(Timed(pair, *values))
    return timed, left_out


def _why_none(record: Record, gate: Gate, values: PassValues) -> str | None:
    if record.status != "ok":
        return record.status.replace("_", " ")
    withheld = gate.why_withheld(record)
    return withheld if withheld is not None or values else "no usable sample"


def _relative_rounds(timed: Sequence[Timed], baseline: str) -> tuple[dict[str, tuple[Array, Array]], dict[str, str]]:
    """Log ratio to the baseline's case of the same work, in every round of each run; and who has no such case."""
    bases = _bases(timed, baseline)
    rounds, without = {}, {}
    for one in timed:
        base = bases.get(key_of(one.pair.b, PARAMETERS))
        if base is None:
            without[one.pair.case_id] = f"{baseline} was not timed on the same work in both runs"
        elif base is not one:
            rounds[one.pair.case_id] = (_log_ratio(one.a, base.a), _log_ratio(one.b, base.b))
    return rounds, without


def _bases(timed: Sequence[Timed], baseline: str) -> Mapping[Key, Timed]:
    bases: dict[Key, Timed] = {}
    for one in timed:
        if one.pair.b.implementation == baseline:
            bases.setdefault(key_of(one.pair.b, PARAMETERS), one)
    return bases


def _log_ratio(case: PassValues, base: PassValues) -> Array:
    return np.asarray(log_ratios_to([case, base], 1)[0])
