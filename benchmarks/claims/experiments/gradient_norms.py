"""Norms of the gradients of each dense kernel at the initial weights, in float64: no training, no framework."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.axes.outcome import Outcome, Surroundings
from benchmarks.axes.training import Experiment
from bn_impls.interface import Array, Implementation
from bn_impls.networks.description import BatchNorm as Described
from bn_impls.networks.description import NamedLayer
from bn_impls.networks.numpy_layers import PLAIN_LAYERS, Context
from bn_impls.networks.numpy_losses import softmax_cross_entropy
from bn_impls.numpy_reference import BatchNorm

TRAINING = Context(training=True, statistics="batch", masks={})


def run(implementation: Implementation, parameters: Mapping[str, Any], surroundings: Surroundings) -> Outcome:
    """One forward and backward pass of the first batch.

    Returns:
        ``first_over_last``: Frobenius norm of the gradient of the second hidden kernel over that of the last hidden
        one (those two have one shape; the first kernel's depends on the data); curve ``gradient_norms`` of all kernels.
    """
    experiment = Experiment.of(implementation, parameters, surroundings)
    with np.errstate(all="ignore"):
        norms = gradient_norms(experiment)
    hidden = norms[1:-1]
    return Outcome(
        metrics={"first_over_last": float(hidden[0] / hidden[-1])},
        samples={"dataset": experiment.data.description()},
        arrays={"gradient_norms": norms},
    )


def gradient_norms(experiment: Experiment) -> Array:
    """The norm of each dense kernel's gradient, input side first, (dense layers,)."""
    weights = experiment.settings.network.initial_weights(experiment.seed)
    parts = [(named, _part(experiment, named, weights)) for named in experiment.settings.network.named_layers()]
    rows = experiment.batches(1)[0][0][0]
    x = experiment.data.train.inputs[rows].astype(np.float64)
    for named, part in parts:
        x = part.forward(x) if isinstance(part, BatchNorm) else part.forward(x, TRAINING.at(named.name))
    _, gradient = softmax_cross_entropy(x, experiment.data.train.labels[rows])
    norms = []
    for _, part in reversed(parts):
        gradient = part.backward(gradient)[0] if isinstance(part, BatchNorm) else part.backward(gradient)
        if "kernel" in getattr(part, "gradients", {}):
            norms.append(np.linalg.norm(part.gradients["kernel"]))
    return np.array(norms[::-1])


def _part(experiment: Experiment, named: NamedLayer, weights: Mapping[str, Array]) -> Any:
    if isinstance(named.layer, Described):
        return BatchNorm(experiment.settings.layer_configuration(named.layer, named.input_shape))
    part: Any = PLAIN_LAYERS[type(named.layer)](named, "float64")
    part.parameters = {name: weights[f"{named.name}/{name}"] for name in part.parameters}
    return part
