"""A comparison as plain values, for ``--json``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from benchmarks.comparison.comparing import Comparison
from benchmarks.report.run import Run

SCHEMA = 1


def plain_values(comparison: Comparison) -> dict[str, Any]:
    """Everything that the comparison found; ``regressions`` is empty unless the exit code is 1."""
    pairing = comparison.pairing
    return {
        "schema": SCHEMA,
        "a": _run(comparison.a),
        "b": _run(comparison.b),
        "compared": len(pairing.pairs),
        "regressions": comparison.regressions,
        "speeds_lost": comparison.speeds_lost,
        "machines": asdict(comparison.machines),
        "conditions": asdict(comparison.conditions) | {"alike": comparison.conditions.alike},
        "sentinel": comparison.sentinel,
        "statuses": [asdict(change) for change in comparison.statuses],
        "speeds": asdict(comparison.speeds) | {"decide": comparison.speeds_decide},
        "errors": [asdict(grown) for grown in comparison.errors],
        "trainings": [asdict(change) for change in comparison.trainings],
        "restores": [asdict(change) for change in comparison.restores],
        "only_a": list(pairing.only_a),
        "only_b": list(pairing.only_b),
        "gaps": comparison.gaps,
    }


def _run(run: Run) -> dict[str, Any]:
    return {
        "run": run.plan.run,
        "created": run.plan.created,
        "planned": len(run.plan.cases),
        "recorded": len(run.records),
    }
