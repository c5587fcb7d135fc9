"""Norms of the gradients of each kernel at the initial weights, in float64: nothing is trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.axes.outcome import Outcome, Surroundings
from benchmarks.axes.training import Experiment
from benchmarks.trainings.population import exact_network
from bn_impls.interface import Array, Implementation


def run(implementation: Implementation, parameters: Mapping[str, Any], surroundings: Surroundings) -> Outcome:
    """One forward and backward pass of the first batch.

    Returns:
        ``first_over_last``: Frobenius norm of the gradient of the second hidden kernel over that of the last hidden
        one (those two have one shape; the first depends on the data); ``last_norm``: of the last hidden kernel;
        curve ``gradient_norms`` of all kernels.
    """
    experiment = Experiment.of(implementation, parameters, surroundings)
    with np.errstate(all="ignore"):
        norms = gradient_norms(experiment)
    hidden = norms[1:-1]
    return Outcome(
        metrics={"first_over_last": float(hidden[0] / hidden[-1]), "last_norm": float(hidden[-1])},
        samples={"dataset": experiment.data.description()},
        arrays={"gradient_norms": norms},
    )


def gradient_norms(experiment: Experiment) -> Array:
    """The norm of each kernel's gradient, input side first, (layers with a kernel,)."""
    network = exact_network(experiment)
    network.load_weights({**network.export_weights(), **experiment.settings.network.initial_weights(experiment.seed)})
    rows = experiment.batches(1)[0][0][0]
    x, labels = experiment.data.train.inputs[rows].astype(np.float64), experiment.data.train.labels[rows]
    _, gradients = network.differentiate(x, labels, {})
    return np.array([np.linalg.norm(gradient) for name, gradient in gradients.items() if name.endswith("/kernel")])
