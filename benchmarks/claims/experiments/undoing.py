"""Do gamma = sqrt(variance + epsilon) and beta = mean undo the normalization? On that batch, another, in inference."""

from __future__ import annotations

import math
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
from bn_impls.accuracy.bounds import UNIT_ROUNDOFF
from bn_impls.interface import Array
from bn_impls.semantics.asking import Subject

EPSILON = 1e-3
CHANNEL_MEANS = np.array([0.0, 1.0, -3.0, 10.0])
CHANNEL_DEVIATIONS = np.array([1.0, 0.5, 2.0, 0.1])


@on_layers
def run(asked: Subject, parameters: Mapping[str, Any]) -> Outcome:
    """Feed batches through a layer whose gamma and beta were chosen to undo the first one's normalization.

    Args:
        asked: whose layer is fed.
        parameters: ``style``, ``batch_size`` and ``seed``.

    Returns:
        Errors of "output = input": over the rounding bound where it should hold, over the input's deviation elsewhere.
    """
    size = int(parameters["batch_size"])
    metrics = in_each_dtype(lambda dtype: _figures(asked, dtype, size, parameters["seed"]))
    return Outcome(metrics=metrics | {"other_batch_expected_rms_over_deviation": math.sqrt(3 / size)})


def _figures(asked: Subject, dtype: str, size: int, seed: int) -> dict[str, Any]:
    generator = np.random.default_rng(seed)
    x, other = (
        (CHANNEL_MEANS + CHANNEL_DEVIATIONS * generator.standard_normal((size, 4))).astype(dtype) for _ in range(2)
    )
    mean, variance = statistics(x)
    probed = asked.layer(x.shape, dtype=dtype, epsilon=EPSILON)
    stored = set_state(probed, gamma=np.sqrt(variance + EPSILON), beta=mean)
    gamma, beta = stored["gamma"], stored["beta"]
    start = probed.infer(x)
    set_state(probed, moving_mean=mean, moving_variance=variance)
    matched = probed.infer(other)
    same, changed = probed.train(x), probed.train(other)
    rounding = _parameter_rounding(dtype, x, mean, gamma, beta)
    matched_bound = exact_inference_bound(probed.settings, other, mean, variance, gamma, beta)
    matched_bound = matched_bound + _parameter_rounding(dtype, other, mean, gamma, beta)
    return {
        "same_batch_error_over_bound": worst_over(
            same, x.astype(np.float64), output_bound(probed.settings, x, gamma, beta) + rounding
        ),
        "same_batch_error_rms_over_deviation": _rms(same, x),
        "other_batch_error_rms_over_deviation": _rms(changed, other),
        "inference_matched_error_over_bound": worst_over(matched, other.astype(np.float64), matched_bound),
        "inference_start_error_rms_over_deviation": _rms(start, x),
    }


def _parameter_rounding(dtype: str, x: Array, mean: Array, gamma: Array, beta: Array) -> Array:
    """What storing gamma and beta in a dtype costs: u |gamma xhat| + u |beta|, with gamma xhat = x - mean."""
    unit = UNIT_ROUNDOFF[dtype]
    return np.asarray(unit * (np.abs(x.astype(np.float64) - mean) + np.abs(beta)))


def _rms(y: Array, x: Array) -> float:
    """Root mean square of output - input, over each channel's deviation."""
    wide = x.astype(np.float64)
    return float(np.sqrt(np.square((y - wide) / CHANNEL_DEVIATIONS).mean()))
