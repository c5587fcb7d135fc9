"""Live trials: runs of the default size, one after the other, with pairs of workers whose difference is known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from benchmarks.calibration.pool import Pool
from benchmarks.calibration.rates import Tally
from benchmarks.calibration.recording import WORKLOADS
from benchmarks.calibration.rules import Verdicts, log_ratios
from benchmarks.calibration.study import DEFAULT
from benchmarks.calibration.workers import LIVE_PAIRS

TRIALS_OF_A_RUN = len(WORKLOADS) * sum(map(len, LIVE_PAIRS.values()))
RULE = Verdicts(DEFAULT)


def runs_for(trials: int) -> int:
    """Runs that give at least so many trials."""
    return math.ceil(trials / TRIALS_OF_A_RUN)


def live(pool: Pool) -> dict[str, Any]:
    """Count the verdicts of live trials.

    A trial is one pair of workers on one workload in one run: as many consecutive rounds of fresh processes as the
    default design has. No process is in two pairs; the workloads of a pair share its processes, as they do in a run.

    Args:
        pool: recorded with :data:`benchmarks.calibration.workers.LIVE_WORKERS`.
    """
    tally, runs = Tally(), dict[str, int]()
    for unit in pool.units:
        ratios, place = log_ratios(unit, DEFAULT), unit.workers.index
        runs[unit.implementation] = len(unit.rounds) // RULE.rounds
        blocks = np.arange(runs[unit.implementation] * RULE.rounds).reshape(-1, RULE.rounds)
        for percent, pairs in LIVE_PAIRS.items():
            for first, second in pairs:
                tally.add(percent, RULE.words(ratios[place(first), place(second)][blocks]))
    return {"trials": sum(sum(counts.values()) for counts in tally.counts.values()), "runs": runs} | tally.as_json()
