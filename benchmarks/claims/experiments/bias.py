"""A bias before batch normalization: does it move the output, and does it get a gradient?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.axes.outcome import Outcome
from benchmarks.claims.experiments.probing import (
    exact_inference_bound,
    in_each_dtype,
    on_layers,
    output_bound,
    set_state,
    statistics,
    worst_over,
)
from bn_impls.accuracy.bounds import step_bounds
from bn_impls.interface import Array
from bn_impls.semantics.asking import Subject

SHAPE, EPSILON = (64, 8), 1e-3
BIAS = 0.5
GRID = 256.0
ADAM_EPSILON = 1e-7  # Keras' default


@on_layers
def run(asked: Subject, parameters: Mapping[str, Any]) -> Outcome:
    """Feed a batch with and without a bias added.

    Args:
        asked: whose layer is fed.
        parameters: ``style`` and ``seed``.

    Returns:
        Differences over rounding bounds in training and with statistics that followed; the shift of inference with
        stale ones; the gradient of the bias over its bound, and what Adam makes of it.
    """
    return Outcome(metrics=in_each_dtype(lambda dtype: _figures(asked, dtype, parameters["seed"])))


def _figures(asked: Subject, dtype: str, seed: int) -> dict[str, Any]:
    generator = np.random.default_rng(seed)
    x = np.round(generator.standard_normal(SHAPE) * GRID) / GRID  # so that adding the bias rounds nothing
    dy = generator.standard_normal(SHAPE).astype(dtype).astype(np.float64)
    ones, zeros = np.ones(SHAPE[1]), np.zeros(SHAPE[1])
    probed = asked.layer(SHAPE, dtype=dtype, epsilon=EPSILON)
    plain, biased = probed.train(x), probed.train(x + BIAS)
    bounds = [output_bound(probed.settings, values, ones, zeros) for values in (x, x + BIAS)]
    _, dx, _, _ = probed.differentiate(x + BIAS, dy)
    assert dx is not None
    gradient = dx.sum(axis=0)
    largest = step_bounds(probed.settings, "plain", x + BIAS, dy, ones, zeros).gradient_input.sum(axis=0)
    stale, followed, allowed = _inference(asked, dtype, x)
    return {
        "training_difference_over_bound": worst_over(biased, plain, bounds[0] + bounds[1]),
        "bias_gradient_over_bound": float((np.abs(gradient) / largest).max()),
        "bias_gradient_abs": float(np.abs(gradient).max()),
        "adam_first_step_over_rate": float((np.abs(gradient) / (np.abs(gradient) + ADAM_EPSILON)).max()),
        "inference_stale_shift": stale,
        "inference_followed_difference_over_bound": float((followed / allowed).max()),
    }


def _inference(asked: Subject, dtype: str, x: Array) -> tuple[float, Array, Array]:
    """Shift with the statistics of the unbiased batch; difference, and its bound, with a mean that has followed."""
    probed = asked.layer(x.shape, dtype=dtype, epsilon=EPSILON)
    mean, variance = statistics(x)
    ones, zeros = np.ones(len(mean)), np.zeros(len(mean))
    set_state(probed, moving_mean=mean, moving_variance=variance)
    plain, stale = probed.infer(x), probed.infer(x + BIAS)
    set_state(probed, moving_mean=mean + BIAS, moving_variance=variance)
    followed = probed.infer(x + BIAS)
    bounds = [
        exact_inference_bound(probed.settings, values, center, variance, ones, zeros)
        for values, center in ((x, mean), (x + BIAS, mean + BIAS))
    ]
    return float(np.abs(stale - plain).mean()), np.abs(followed - plain), bounds[0] + bounds[1]
