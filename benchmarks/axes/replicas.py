"""Agreement across replicas: the batch split in two, against the float64 reference on the whole batch.

A synchronized layer must compute what one device computes with the whole batch, the same on all replicas. One that is
not must compute on each replica what one device computes with that part; how far that is from the whole batch, what
each replica reads and what is saved are told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from benchmarks.axes.outcome import Outcome, labelled
from bn_impls.accuracy.comparison import Comparison, Figures, judge, summarize
from bn_impls.accuracy.exact import Exact
from bn_impls.interface import Array, Configuration, Layer, Observation
from bn_impls.isolation.process import WorkerLost
from bn_impls.replicas.layer import REPLICAS, Processes, Replicated, replicated_layer

STATISTICS = ("moving_mean", "moving_variance")
SUMMED = ("dgamma", "dbeta")  # over all replicas


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
        found = _train(Watched(layer, processes), parameters)
    except WorkerLost as lost:
        return Outcome(status=lost.status, reason=lost.reason)
    finally:
        layer.close()
    metrics = _metrics(found, spread)
    seen = {"replicas": Observation(str(metrics["replicas"]), "num_replicas_in_sync, and an output from each")}
    labels, wrong = labelled({"replicas": str(REPLICAS)}, seen)
    if wrong:
        return Outcome(status="failed", reason=f"a label is wrong: {wrong}", labels=labels)
    steps = len(found.whole)
    updates = metrics.get("num_updates", steps)  # Keras' layer counts nothing
    if spread.synchronized:
        reason = judge_synchronized(metrics, updates, steps)
    else:
        reason = judge(summarize(found.parts), updates, steps, [])
    status = "disagrees" if reason else "ok"
    samples = {"step_ns": found.step_ns, "durations_ns": found.step_ns}  # the second is what every axis has
    return Outcome(status=status, reason=reason, metrics=metrics, samples=samples, labels=labels)


@dataclass(frozen=True, kw_only=True)
class _Found:
    """What a case measured.

    Attributes:
        whole: error figures of each step against the whole batch.
        parts: of each step against each replica's part, the worse of the replicas.
        gradients_differ: the largest difference of parameters' gradients among replicas.
        states: what every replica read after the last step, one row a replica.
        saved: of each process, what its checkpoint holds.
        step_ns: of each step.
    """

    whole: list[Figures]
    parts: list[Figures]
    gradients_differ: float
    states: Mapping[str, Array]
    saved: list[Mapping[str, Array]]
    step_ns: list[int]


def _train(watched: Watched, parameters: Mapping[str, Any]) -> _Found:
    processes = watched.processes
    comparison = Comparison(watched.layer, parameters["seed"])
    whole, parts, differ = [], [], []
    for _ in range(parameters["steps"]):
        whole.append(comparison.step(gradients=True))
        parts.append(watched.part_figures(comparison))
        differ += [_differ(processes.gradients[name]) for name in SUMMED]
    return _Found(
        whole=whole,
        parts=parts,
        gradients_differ=float(np.max(differ)),  # NaN where one is, which the built-in max can lose
        states=watched.states,
        saved=processes.ask("save", folder=processes.folder.name),
        step_ns=processes.took_ns,
    )


def _metrics(found: _Found, spread: Replicated) -> dict[str, Any]:
    metrics = summarize(found.whole) | {"replicas": len(found.states["moving_mean"])}
    if not spread.synchronized:
        of_parts = summarize(found.parts)
        metrics |= {f"part_{name}": of_parts[name] for name in ("worst_quantity", "worst_error_over_bound")}
    metrics |= {f"{what}_replicas_differ_abs": _differ(found.states[what]) for what in STATISTICS}
    metrics |= {"parameter_gradients_replicas_differ_abs": found.gradients_differ}
    metrics |= {"saved": what_is_saved(found.states, found.saved), "step_ns_min": min(found.step_ns)}
    if "num_updates" in found.states:
        metrics["num_updates"] = int(found.states["num_updates"].min())
    return metrics


class Watched:
    """The layer, and beside the whole batch's reference one of each replica's part.

    Attributes:
        layer: the same, its last call kept.
        states: what every replica read after the last step, one row a replica.
    """

    def __init__(self, layer: Layer, processes: Processes) -> None:
        """Nothing is compared before the first step."""
        self.processes = processes
        self.states: dict[str, Array] = {}
        self.called: dict[str, Array] = {}
        self.exact: list[Exact] = []
        shape = layer.configuration.input_shape
        self.settings = replace(layer.configuration, input_shape=(shape[0] // REPLICAS, *shape[1:]))

        def step(x: Array, dy: Array) -> tuple[Array, Array, Array, Array]:
            y, dx, dgamma, dbeta = layer.differentiated(x, dy)
            self.called = {"x": x, "dy": dy, "output_training": y, "gradient_input": dx}
            return y, dx, dgamma, dbeta

        def inference(x: Array) -> Array:
            y: Array = layer.inference(x)
            self.called["output_inference"] = y
            return y

        self.layer = replace(layer, training_step_with_gradients=step, inference=inference)

    def part_figures(self, comparison: Comparison) -> Figures:
        """Error figures of the last step against the reference on each part; of both replicas the worse."""
        self.states = _each(self.processes.ask("state"))
        if not self.exact:
            beta = self.states["beta"][0]
            self.exact = [Exact(self.settings, comparison.gamma, beta) for _ in range(REPLICAS)]
        worst: Figures = {}
        for replica, exact in enumerate(self.exact):
            got = {name: np.split(array, REPLICAS)[replica] for name, array in self.called.items()}
            got |= {name: self.states[name][replica] for name in STATISTICS}
            got |= {
                f"gradient_{name}": self.processes.gradients[f"part_d{name}"][replica] for name in ("gamma", "beta")
            }
            for quantity, one in exact.compare(got.pop("x"), got.pop("dy"), got).items():
                figures = comparison.part_figures(one)
                before = worst.setdefault(quantity, figures)
                worst[quantity] = {measure: max(before[measure], figures[measure]) for measure in figures}
        return worst


def judge_synchronized(metrics: Mapping[str, Any], updates: int, steps: int) -> str | None:
    """Why replicas that should act as one device do not, or None.

    Args:
        metrics: of the record.
        updates: as the layer counts, or ``steps`` where it does not.
        steps: training calls.
    """
    differ = [
        f"{name.removesuffix('_replicas_differ_abs')} differs by {off:.3g} among replicas, but should be the same"
        for name, off in metrics.items()
        if name.endswith("_replicas_differ_abs") and off != 0
    ]
    return "; ".join(filter(None, (judge(metrics, updates, steps, []), *differ))) or None


def _differ(of_replicas: Array) -> float:
    """The largest difference between replicas, of an array with a row of each."""
    return float(np.ptp(of_replicas, axis=0).max())


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
