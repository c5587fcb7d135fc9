r"""How far a good evaluation may be from the exact one: rounding-error bounds, derived per element.

The model algorithm is the two-pass one, evaluated in a dtype with unit roundoff u. It comes in two qualities, which
differ in how a sum of n terms is taken::

    good    pairwise or in blocks        |error| <= k u sum |t_i|,  k = ceil(log2 n) + 1
    plain   one term after the other     |error| <= k u sum |t_i|,  k = 5 sqrt(n) (and at least the good one's)

The second is Higham and Mary (2019), "A new approach to probabilistic rounding error analysis", theorem 2.4: roundings
being independent with mean 0, the bound lambda sqrt(n) u fails with probability 2 exp(-lambda^2 / 2), which is 7e-6 for
lambda = 5; the certain bound n u is never nearly reached. Errors are *graded* against the good bound, "n times what
float32 must cost". An implementation *disagrees* only if it is outside the plain one: it may sum as it likes.

First-order bounds, after Higham (2002), "Accuracy and Stability of Numerical Algorithms", 2nd
edition, sections 3.1 and 4.2; hats mark computed values, s = sqrt(variance + epsilon)::

    mean                           dm      =  (k + 1) u mean|x|
    variance                       dv      =  (k + 3) u variance + dm^2     (the term linear in dm vanishes)
    1 / s                          dr      =  (dv / (2 s^2) + 2 u) / s
    xhat = (x - mean) / s          dxhat   =  dm / s + |x - mean| dr + 2 u |xhat|
    y = gamma xhat + beta          dy      =  |gamma| dxhat + 2 u (|gamma xhat| + |beta|)
    dbeta = sum dy                 ddbeta  =  k u sum |dy|
    dgamma = sum dy xhat           ddgamma =  (k + 1) u sum |dy xhat| + sum |dy| dxhat
    dx = gamma/s (dy - b - xhat g),  b = dbeta / n,  g = dgamma / n
         ddx = |gamma| / s (2 u |dy| + db + |xhat| dg + |g| dxhat + 4 u (|b| + |xhat g|))
               + |gamma| |dy - b - xhat g| (dr + 2 u / s)
    moving <- d moving + (1 - d) batch
         error' = d error + (1 - d) dbatch + 3 u (d |moving| + (1 - d) |batch|)

The output may also be evaluated as x (gamma / s) + (beta - mean gamma / s), as ``tf.nn.batch_normalization`` does; its
error is larger by the cancellation of the two terms, u |gamma| (|x| + |mean|) / s. That is no property of a good
evaluation, so the bound does not allow it; for inputs around 0 the difference is small, and where it is not, the figure
shows it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from bn_impls.interface import Configuration

Array = npt.NDArray[Any]

Quality = Literal["good", "plain"]
CONFIDENCE = 5.0  # lambda of the plain sums
UNIT_ROUNDOFF = {"float64": 2.0**-53, "float32": 2.0**-24, "float16": 2.0**-11, "bfloat16": 2.0**-8}


@dataclass(frozen=True)
class Bounds:
    """Absolute error bounds, each in the shape of its quantity."""

    output: Array
    gradient_input: Array
    gradient_gamma: Array
    gradient_beta: Array
    mean: Array
    variance: Array


def sum_factor(terms: int, quality: Quality) -> float:
    """The factor k of a sum's error bound ``k u sum |t_i|``.

    Args:
        terms: n.
        quality: how the sum is taken.

    Returns:
        k.
    """
    good = math.ceil(math.log2(max(terms, 2))) + 1
    return good if quality == "good" else max(good, CONFIDENCE * math.sqrt(terms))


def step_bounds(settings: Configuration, quality: Quality, x: Array, dy: Array, gamma: Array, beta: Array) -> Bounds:
    """Bounds of one training step.

    Args:
        settings: shape, epsilon and dtype.
        quality: of the evaluation that is allowed.
        x: input, in float64.
        dy: gradient of the output, in float64.
        gamma: (C,).
        beta: (C,).

    Returns:
        The bounds of the formulas above, in float64.
    """
    u, axes, wide = UNIT_ROUNDOFF[settings.dtype], settings.reduction_axes, settings.parameter_shape
    n = x.size // settings.channels
    k = sum_factor(n, quality)
    gamma, beta = np.abs(gamma).reshape(wide), np.abs(beta).reshape(wide)

    mean = x.mean(axis=axes, keepdims=True)
    deviation = x - mean
    variance = np.square(deviation).mean(axis=axes, keepdims=True)
    s = np.sqrt(variance + settings.epsilon)
    xhat = deviation / s

    d_mean = (k + 1) * u * np.abs(x).mean(axis=axes, keepdims=True)
    d_variance = (k + 3) * u * variance + np.square(d_mean)
    d_inverse = (d_variance / (2 * s * s) + 2 * u) / s
    d_xhat = d_mean / s + np.abs(deviation) * d_inverse + 2 * u * np.abs(xhat)
    output = gamma * d_xhat + 2 * u * (gamma * np.abs(xhat) + beta)

    d_beta = k * u * np.abs(dy).sum(axis=axes, keepdims=True)
    product = np.abs(dy * xhat).sum(axis=axes, keepdims=True)
    d_gamma = (k + 1) * u * product + (np.abs(dy) * d_xhat).sum(axis=axes, keepdims=True)
    b, g = dy.mean(axis=axes, keepdims=True), (dy * xhat).mean(axis=axes, keepdims=True)
    inner = 2 * u * np.abs(dy) + d_beta / n + np.abs(xhat) * d_gamma / n + np.abs(g) * d_xhat
    inner += 4 * u * (np.abs(b) + np.abs(xhat * g))
    gradient_input = gamma / s * inner + gamma * np.abs(dy - b - xhat * g) * (d_inverse + 2 * u / s)
    return Bounds(
        output, gradient_input, d_gamma.reshape(-1), d_beta.reshape(-1), d_mean.reshape(-1), d_variance.reshape(-1)
    )


def moving_bound(settings: Configuration, decay: float, error: Array, d_batch: Array, size: Array) -> Array:
    """Bound of a moving statistic after one more update.

    Args:
        settings: for the dtype.
        decay: of this update.
        error: bound before it, (C,).
        d_batch: bound of the batch's statistic, (C,).
        size: d |moving| + (1 - d) |batch|, (C,).

    Returns:
        The bound after it, (C,).
    """
    return decay * error + (1 - decay) * d_batch + 3 * UNIT_ROUNDOFF[settings.dtype] * size


def inference_bound(
    settings: Configuration, x: Array, mean: Array, variance: Array, d_mean: Array, d_variance: Array,
    gamma: Array, beta: Array,
) -> Array:  # fmt: skip
    """Bound of an inference output, given the bounds of the moving statistics.

    Args:
        settings: epsilon and dtype.
        x: input, in float64.
        mean: moving mean, (C,), and likewise the other per-channel arrays.
        variance: moving variance.
        d_mean: bound of the moving mean.
        d_variance: bound of the moving variance.
        gamma: scale.
        beta: offset.

    Returns:
        The bound, in the shape of x.
    """
    u, wide = UNIT_ROUNDOFF[settings.dtype], settings.parameter_shape
    arrays = (mean, variance, d_mean, d_variance, np.abs(gamma), np.abs(beta))
    mean, variance, d_mean, d_variance, gamma, beta = (array.reshape(wide) for array in arrays)
    s = np.sqrt(variance + settings.epsilon)
    deviation = np.abs(x - mean)
    d_inverse = (d_variance / (2 * s * s) + 2 * u) / s
    d_xhat = d_mean / s + deviation * d_inverse + 2 * u * deviation / s
    return np.asarray(gamma * d_xhat + 2 * u * (gamma * deviation / s + beta))
