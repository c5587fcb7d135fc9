"""What exact statistics of the whole training set cost, beside an epoch of training of the same network."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from benchmarks.axes.agreement import refused
from benchmarks.axes.outcome import Outcome, Surroundings
from benchmarks.axes.training import Experiment
from benchmarks.trainings.population import exact_network, population_statistics
from bn_impls.interface import Array, Implementation, Trainer, Unsupported
from bn_impls.networks.numpy_layers import Context
from bn_impls.networks.numpy_network import NumpyNetwork

PASSES = 5
"""Times that each of both is timed, in turn; the fastest counts."""


def run(implementation: Implementation, parameters: Mapping[str, Any], surroundings: Surroundings) -> Outcome:
    """Time an epoch of training, and one pass over all training rows that normalizes each layer by all of them.

    That pass computes every layer's exact population statistics, from rows that lie in the host's memory, while those
    of training lie on the device.

    Returns:
        ``epoch_ms``, ``statistics_ms``, ``statistics_over_epoch_time_ratio``; ``logits_difference_rel``, how far
        those of the pass are from the float64 network's by exact statistics, over the largest of these;
        ``largest_layer_mib``, the output of the largest layer for all rows in float32.
    """
    experiment = Experiment.of(implementation, parameters, surroundings)
    trainer = experiment.trainer(implementation)
    if isinstance(trainer, Unsupported):
        return refused(trainer)
    try:
        return _timed(trainer, experiment)
    finally:
        trainer.close()


def _timed(trainer: Trainer, experiment: Experiment) -> Outcome:
    rows = experiment.data.train.inputs
    (epoch,) = experiment.batches(1)
    work: dict[str, Callable[[], Array]] = {
        "epoch": lambda: trainer.train(*epoch),
        "statistics": lambda: trainer.predict(rows, "batch"),
    }
    durations_ns: dict[str, list[int]] = {name: [] for name in work}
    for one in work.values():
        one()  # built and warm
    for _ in range(PASSES):  # in turn, so that drift hits both alike
        for name, one in work.items():
            began = time.perf_counter_ns()
            one()
            durations_ns[name].append(time.perf_counter_ns() - began)
    fastest = {name: min(found) for name, found in durations_ns.items()}
    exact = exact_network(experiment)
    exact.load_weights(trainer.export_weights())
    _, logits = population_statistics(exact, rows)
    return Outcome(
        metrics={
            **{f"{name}_ms": duration / 1e6 for name, duration in fastest.items()},
            "statistics_over_epoch_time_ratio": fastest["statistics"] / fastest["epoch"],
            "logits_difference_rel": float(np.abs(work["statistics"]() - logits).max() / np.abs(logits).max()),
            "largest_layer_mib": _largest_layer(exact, rows) / 2**20,
        },
        samples={"durations_ns": [sum(found) for found in durations_ns.values()]},
    )


def _largest_layer(network: NumpyNetwork, rows: Array) -> int:
    """Bytes of the largest output of a layer for all rows, in float32."""
    first = rows[:1].astype(np.float64)
    return 4 * len(rows) * max(y.size for _, _, y in network.visit(first, Context(False, "moving", {})))
