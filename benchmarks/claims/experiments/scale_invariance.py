"""Scale invariance: BN((aW)u) = BN(Wu), and the gradient for aW is 1/a of that for W; and what epsilon does to both.

Ioffe and Szegedy (2015), section 3.3. With v the variance of Wu, epsilon changes the output's size by the factor
``sqrt(a^2 (v + epsilon) / (a^2 v + epsilon))``, which is 1 for epsilon = 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.axes.outcome import Outcome
from benchmarks.claims.experiments.probing import in_each_dtype, on_layers
from bn_impls.accuracy.bounds import step_bounds
from bn_impls.interface import Array
from bn_impls.semantics.asking import Probed, Subject

SHAPE, INPUTS = (64, 8), 16
GRID = 256.0
EXACT_SCALES = (3 / 4096, 3 / 64, 3.0, 1000.0)
POWERS_OF_TWO = (2.0**-12, 2.0**12)
SCALES = tuple(10.0**power for power in range(-4, 5))


@on_layers
def run(asked: Subject, parameters: Mapping[str, Any]) -> Outcome:
    """Scale the weights before a layer.

    Args:
        asked: whose layer is used.
        parameters: ``style``, ``epsilon`` (the second one tried, beside 0) and ``seed``.

    Returns:
        Without epsilon, differences over their rounding bound, and whether powers of two change no bit; with it, the
        size of output and gradient for each scale beside the closed form.
    """
    metrics = in_each_dtype(lambda dtype: _without_epsilon(asked, dtype, parameters["seed"]))
    curve = _with_epsilon(asked, float(parameters["epsilon"]), parameters["seed"])
    worst = max(np.abs(curve["output_size"] / curve["output_size_expected"] - 1))
    return Outcome(
        metrics=metrics
        | {
            "smallest_scale_output_size": float(curve["output_size"][0]),
            "smallest_scale_gradient_size": float(curve["gradient_size"][0]),
            "largest_deviation_from_closed_form_rel": float(worst),
        },
        arrays=curve,
    )


def _drawn(seed: int) -> tuple[Array, Array, Array]:
    """Inputs u (n, k), weights W (k, C) and gradients of the output (n, C); Wu has variance about 1."""
    generator = np.random.default_rng(seed)
    shapes = (SHAPE[0], INPUTS), (INPUTS, SHAPE[1]), SHAPE
    u, weights, dy = (generator.standard_normal(shape) for shape in shapes)
    return u, weights / np.sqrt(INPUTS), dy


def _step(probed: Probed, z: Array, u: Array, dy: Array) -> tuple[Array, Array]:
    """Output, and gradient for the weights."""
    y, dz, _, _ = probed.differentiate(z, dy)
    assert y is not None and dz is not None
    return y, u.T @ dz


def _without_epsilon(asked: Subject, dtype: str, seed: int) -> dict[str, Any]:
    u, weights, dy = _drawn(seed)
    one = np.round(u @ weights * GRID) / GRID  # few bits, so that every product with a scale is exact
    probed = asked.layer(SHAPE, dtype=dtype, epsilon=0.0)
    dy = dy.astype(dtype).astype(np.float64)
    base, gradient = _step(probed, one, u, dy)
    bound = step_bounds(probed.settings, "plain", one, dy, np.ones(SHAPE[1]), np.zeros(SHAPE[1]))
    d_weights = np.abs(u).T @ bound.gradient_input
    output, weight = 0.0, 0.0
    for scale in EXACT_SCALES:
        y, scaled = _step(probed, scale * one, u, dy)
        output = max(output, float((np.abs(y - base) / (2 * bound.output)).max()))  # both may be off
        weight = max(weight, float((np.abs(scale * scaled - gradient) / (2 * d_weights)).max()))
    return {
        "output_difference_over_bound": output,
        "gradient_difference_over_bound": weight,
        "powers_of_two_bitwise": all(
            np.array_equal(_step(probed, scale * one, u, dy)[0], base) for scale in POWERS_OF_TWO
        ),
    }


def _with_epsilon(asked: Subject, epsilon: float, seed: int) -> dict[str, Array]:
    u, weights, dy = _drawn(seed)
    probed = asked.usual(SHAPE, epsilon=epsilon)
    one = u @ weights
    variance = one.var(axis=0)
    base, gradient = _step(probed, one, u, dy)
    found = [_step(probed, scale * one, u, dy) for scale in SCALES]
    scales = np.array(SCALES)
    expected = np.sqrt(scales[:, None] ** 2 * (variance + epsilon) / (scales[:, None] ** 2 * variance + epsilon))
    return {
        "scale": scales,
        "output_size": np.array([np.median(y.std(axis=0) / base.std(axis=0)) for y, _ in found]),
        "output_size_expected": np.median(expected, axis=1),
        "gradient_size": np.array(
            [np.linalg.norm(s * g) / np.linalg.norm(gradient) for s, (_, g) in zip(SCALES, found, strict=True)]
        ),
    }
