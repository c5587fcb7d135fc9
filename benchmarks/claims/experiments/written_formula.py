"""Document 003's formula as it is written, beside the layers: its sums run over the n_l neurons of a layer.

mu = 1/n_l sum_i z_i, sigma = 1/n_l sum_i (z_i - mu)^2, z~ = (z - mu) / sqrt(sigma + epsilon), for each example by
itself: that is layer normalization (Ba, Kiros and Hinton, 2016).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.axes.outcome import Outcome
from benchmarks.claims.experiments.probing import on_layers, output_bound, worst_over
from bn_impls.interface import Array
from bn_impls.semantics.asking import Subject

SHAPE = (64, 100)  # document 003's batch and hidden layer
EPSILON = 1e-3


@on_layers
def run(asked: Subject, parameters: Mapping[str, Any]) -> Outcome:
    """Normalize one batch by the formula, by the implementation, and by the implementation along the other axis.

    Args:
        asked: whose layer is used.
        parameters: ``style`` and ``seed``.

    Returns:
        How far the formula is from batch and from layer normalization.
    """
    z = _drawn(parameters["seed"])
    written = formula(z, EPSILON)
    normalized = asked.layer(z.shape, epsilon=EPSILON).train(z)
    across = asked.layer(z.T.shape, epsilon=EPSILON)
    turned = across.train(z.T).T  # each example a channel, each neuron a row: layer normalization
    bound = output_bound(across.settings, z.T, np.ones(len(z)), np.zeros(len(z))).T
    return Outcome(
        metrics={
            "batch_norm_difference_rms": float(np.sqrt(np.square(written - normalized).mean())),
            "layer_norm_error_over_bound": worst_over(turned, written, bound),
            **_layer_of_its_own(parameters, z, written, bound),
        }
    )


def formula(z: Array, epsilon: float) -> Array:
    """The document's, in float64; z is (examples, neurons)."""
    mean = z.mean(axis=1, keepdims=True)
    variance = np.square(z - mean).mean(axis=1, keepdims=True)
    return np.asarray((z - mean) / np.sqrt(variance + epsilon))


def _drawn(seed: int) -> Array:
    """A batch whose units have means and deviations of their own, as those of a hidden layer do, in float32 values."""
    generator = np.random.default_rng(seed)
    means, deviations = generator.normal(0, 1, SHAPE[1]), generator.uniform(0.5, 2, SHAPE[1])
    drawn: Array = (means + deviations * generator.standard_normal(SHAPE)).astype(np.float32)
    return drawn.astype(np.float64)


def _layer_of_its_own(parameters: Mapping[str, Any], z: Array, written: Array, bound: Array) -> dict[str, float]:
    """The same of the framework's own layer normalization, where the case names Keras'."""
    if not parameters["keras_layer_normalization"]:
        return {}
    import keras  # the worker's implementation has imported it

    layer = keras.layers.LayerNormalization(epsilon=EPSILON)
    found = np.asarray(layer(z.astype(np.float32)))
    return {"keras_layer_norm_error_over_bound": worst_over(found, written, bound)}
