"""Agreement across replicas: the batch split in two, against the float64 reference on the whole batch.

A synchronized layer must compute what one device computes with the whole batch, and is judged like every other. One
that is not computes something else on purpose: how far that is, what each replica reads and what is saved are told.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.axes.outcome import Outcome, labelled
from bn_impls.accuracy.comparison import Comparison, judge, summarize
from bn_impls.interface import Array, Configuration, Observation
from bn_impls.isolation.process import WorkerLost
from bn_impls.replicas.layer import REPLICAS, Replicated, replicated_layer

STATISTICS = ("moving_mean", "moving_variance")


def run(name: str, settings: Configuration, parameters: Mapping[str, Any]) -> Outcome:
    """Run one case.

    Args:
        name: the implementation's.
        settings: of the layer on the whole batch.
        parameters: of the case; ``strategy`` and ``synchronized`` beside those of every agreement.

    Returns:
        Errors against the whole batch, what differs among replicas, what a checkpoint holds; what the framework cannot
        do is a row with its own error.
    """
    spread = Replicated(name, parameters["strategy"], parameters["synchronized"])
    try:
        layer, processes = replicated_layer(spread, settings)
    except WorkerLost as lost:
        return Outcome(status=lost.status, reason=f"it does not start: {lost.reason}")
    try:
        comparison = Comparison(layer, parameters["seed"])
        steps = [comparison.step(gradients=True) for _ in range(parameters["steps"])]
        states = _each(processes.ask("state"))
        saved = processes.ask("save", folder=processes.folder.name)
    except WorkerLost as lost:
        return Outcome(status=lost.status, reason=lost.reason)
    finally:
        layer.close()
    metrics = summarize(steps) | {"num_updates": processes.updates, "replicas": len(states["moving_mean"])}
    metrics |= {f"{what}_replicas_differ_abs": float(np.ptp(states[what], axis=0).max()) for what in STATISTICS}
    metrics |= {"saved": what_is_saved(states, saved), "step_ns_min": min(processes.took_ns)}
    seen = {"replicas": Observation(str(metrics["replicas"]), "num_replicas_in_sync, and an output from each")}
    labels, wrong = labelled({"replicas": str(REPLICAS)}, seen)
    if wrong:
        return Outcome(status="failed", reason=f"a label is wrong: {wrong}", labels=labels)
    reason = judge(metrics, processes.updates, len(steps), []) if spread.synchronized else None
    samples = {"step_ns": processes.took_ns}
    return Outcome(
        status="disagrees" if reason else "ok", reason=reason, metrics=metrics, samples=samples, labels=labels
    )


def _each(found: list[Mapping[str, Array]]) -> dict[str, Array]:
    """What every replica reads, one row a replica."""
    return {name: np.concatenate([one[name] for one in found]) for name in found[0]}


def what_is_saved(states: Mapping[str, Array], saved: list[Mapping[str, Array]]) -> str:
    """Whose statistics the checkpoints of the processes hold.

    Args:
        states: moving statistics as each replica reads them, shape (replicas, C).
        saved: of each process, what its checkpoint holds, shape (C,).

    Returns:
        In words; with statistics that are the same on all replicas, that of all.
    """
    if any(set(STATISTICS) - set(one) for one in saved):
        return "no moving statistics"
    held = [np.stack([one[name] for one in saved]) for name in STATISTICS]
    known = {
        "every replica's": [states[name][:1] for name in STATISTICS if not np.ptp(states[name], 0).any()],
        "the mean of the replicas'": [states[name].mean(axis=0, keepdims=True) for name in STATISTICS],
        "the first replica's": [states[name][:1] for name in STATISTICS],
        "each process its own replica's": [states[name] for name in STATISTICS if len(saved) == len(states[name])],
    }
    for words, expected in known.items():
        if len(expected) == len(STATISTICS) and all(map(_same, held, expected)):
            return words
    return "something else"


def _same(held: Array, expected: Array) -> bool:
    return bool(np.allclose(held, expected, 1e-6, 1e-7))  # a mean may be rounded
