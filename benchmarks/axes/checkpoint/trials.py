"""Damaged checkpoints, one trial after another: who refuses them, and who restores something wrong."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.axes.checkpoint.bench import Bench
from benchmarks.axes.checkpoint.damage import BIT_FLIPS
from benchmarks.axes.outcome import Outcome
from benchmarks.checkpoints.damages import CRASHED, IDENTICAL, KINDS, REFUSED, WRONG

MOST_SHOWN = 30
STRICT = ("npz",)  # our own format promises never to restore anything wrong


def run(parameters: Mapping[str, Any], scratch: Path) -> Outcome:
    """Damage one implementation's checkpoints of a layer.

    Args:
        parameters: of the case: ``specification``, ``format``, ``layer_style``; ``bit_flips`` if fewer will do.
        scratch: for copies of the checkpoint.

    Returns:
        How many trials of each kind ended how; ``disagrees`` only where the format is our own and restored wrong.
    """
    began = time.perf_counter_ns()
    bench = Bench(parameters, scratch)
    try:
        refusal = bench.prepare()
        if refusal is not None:
            return Outcome(status="unsupported", reason=refusal)
        bench.run(parameters.get("bit_flips", BIT_FLIPS))
    finally:
        bench.close()
    metrics = {"trials": len(bench.trials)}
    for end in (REFUSED, IDENTICAL, WRONG, CRASHED):
        metrics[end] = sum(trial["end"] == end for trial in bench.trials)
    by_kind = {kind: dict(Counter(t["end"] for t in bench.trials if t["kind"] == kind)) for kind in KINDS}
    wrong, crashed = ([trial for trial in bench.trials if trial["end"] == end] for end in (WRONG, CRASHED))
    unnamed = [trial for trial in bench.trials if trial["end"] == REFUSED and not trial.get("named", True)]
    told = [_first("restored without complaint and wrong", wrong)]
    told.append(bench.stopped or _first("the process crashed or hung", crashed))
    reason = "; ".join(filter(None, told)) or None
    broken = bool(wrong or crashed) and parameters["format"] in STRICT
    samples = {
        "by_kind": {kind: ends for kind, ends in by_kind.items() if ends},
        "wrong": wrong[:MOST_SHOWN],
        "crashed": crashed,
        "refused_by_other_errors": unnamed[:MOST_SHOWN],
        "not_tried": bench.not_tried,
        "durations_ns": [time.perf_counter_ns() - began],
    }
    metrics["refused_by_other_errors"] = len(unnamed)
    return Outcome(status="disagrees" if broken else "ok", reason=reason, metrics=metrics, samples=samples)


def _first(words: str, trials: list[dict[str, Any]]) -> str | None:
    return f"{words}: {trials[0]['where']} ({trials[0].get('error', '')})" if trials else None
