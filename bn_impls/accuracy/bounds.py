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

The output may also be evaluated as x (gamma / s) + (beta - mean gamma / s), as ``tf.nn.batch_normalization`` does, and
its gradients with it. Its error is larger by the cancellation of the two terms::

    xhat    dxhat   += 3 u (|x| + |mean|) / s
    dgamma  ddgamma += (k + 1) u sum |dy| (|x| + |mean|) / s

The variance may be evaluated in one pass, E[x^2] - E[x]^2. That costs much where the mean is large, and where two or
three values lie close together by chance::

    variance    dv  += (k + 2) u (variance + mean^2) + 2 |mean| dm + u mean^2

A good evaluation takes two passes, and subtracts before it multiplies, which is exact for neighbouring numbers. So the
good bound allows neither: they are *graded*. But both are rounding and no mistake, so the plain bound has these terms.
Multiplied out or not differs little in training, because the rounding of the mean costs (k + 1) u mean|x| / s anyway;
in inference with a moving mean that is accurate it differs by as many digits as mean / deviation has.

The conformance kit and the golden vectors are stricter than the plain bound in one point, because they are for authors:
their bound, ``two_pass``, is the plain one without the terms of a variance in one pass.

In 16 bits, a good evaluation computes in float32, keeps parameters and statistics there, and rounds output and input
gradient once, to the nearest: u is that of float32, and u16 |value| + half the smallest number is added to those two.
The plain one computes everything in 16 bits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from bn_impls.accuracy.dtypes import SIXTEEN_BITS
from bn_impls.accuracy.tiles import joined, tiles
from bn_impls.interface import Configuration

Array = npt.NDArray[Any]

Quality = Literal["good", "plain", "two_pass"]
CONFIDENCE = 5.0  # lambda of the plain sums
UNIT_ROUNDOFF = {"float64": 2.0**-53, "float32": 2.0**-24, "float16": 2.0**-11, "bfloat16": 2.0**-8}
SMALLEST = {"float64": 2.0**-1074, "float32": 2.0**-149, "float16": 2.0**-24, "bfloat16": 2.0**-133}  # above 0


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


def roundoff(dtype: str, quality: Quality) -> float:
    """The unit roundoff of the arithmetic that an evaluation of this quality uses for a dtype."""
    return UNIT_ROUNDOFF["float32" if quality == "good" and dtype in SIXTEEN_BITS else dtype]


def rounded(bound: Array, dtype: str, quality: Quality, *factors: Array) -> Array:
    """A bound, and what the one rounding of a result to 16 bits costs where the arithmetic is wider.

    Args:
        bound: of the result before it.
        dtype: of the input.
        quality: of the evaluation.
        *factors: whose product is the result.

    Returns:
        The bound of the rounded result.
    """
    if roundoff(dtype, quality) == UNIT_ROUNDOFF[dtype]:
        return bound
    return bound + UNIT_ROUNDOFF[dtype] * np.abs(math.prod(factors)) + SMALLEST[dtype] / 2


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
    pieces = [
        _step_bounds(part.settings, quality, part.of(x), part.of(dy), part.of(gamma), part.of(beta))
        for part in tiles(settings)
    ]
    return Bounds(*(joined(settings, [getattr(piece, name) for piece in pieces]) for name in Bounds.__annotations__))


def _step_bounds(settings: Configuration, quality: Quality, x: Array, dy: Array, gamma: Array, beta: Array) -> Bounds:
    """Those of a tile."""
    u, axes, wide = roundoff(settings.dtype, quality), settings.reduction_axes, settings.parameter_shape
    n = x.size // settings.channels
    k = sum_factor(n, quality)
    signed_gamma, signed_beta = gamma.reshape(wide), beta.reshape(wide)
    gamma, beta = np.abs(signed_gamma), np.abs(signed_beta)

    mean = x.mean(axis=axes, keepdims=True)
    deviation = x - mean
    variance = np.square(deviation).mean(axis=axes, keepdims=True)
    s = np.sqrt(variance + settings.epsilon)
    xhat = deviation / s

    d_mean = (k + 1) * u * np.abs(x).mean(axis=axes, keepdims=True)
    d_variance = variance_bound(quality, k, u, mean, variance, d_mean)
    d_inverse = (d_variance / (2 * s * s) + 2 * u) / s
    apart = cancelling(quality, x, mean, s)
    d_xhat = d_mean / s + np.abs(deviation) * d_inverse + 2 * u * np.abs(xhat) + 3 * u * apart
    output = gamma * d_xhat + 2 * u * (gamma * np.abs(xhat) + beta)
    output = rounded(output, settings.dtype, quality, signed_gamma * xhat + signed_beta)

    d_beta = k * u * np.abs(dy).sum(axis=axes, keepdims=True)
    product = (np.abs(dy) * (np.abs(xhat) + apart)).sum(axis=axes, keepdims=True)
    d_gamma = (k + 1) * u * product + (np.abs(dy) * d_xhat).sum(axis=axes, keepdims=True)
    b, g = dy.mean(axis=axes, keepdims=True), (dy * xhat).mean(axis=axes, keepdims=True)
    inner = 2 * u * np.abs(dy) + d_beta / n + np.abs(xhat) * d_gamma / n + np.abs(g) * d_xhat
    inner += 4 * u * (np.abs(b) + np.abs(xhat * g))
    exact = dy - b - xhat * g
    gradient_input = gamma / s * inner + gamma * np.abs(exact) * (d_inverse + 2 * u / s)
    gradient_input = rounded(gradient_input, settings.dtype, quality, gamma / s, exact)
    return Bounds(
        output, gradient_input, d_gamma.reshape(-1), d_beta.reshape(-1), d_mean.reshape(-1), d_variance.reshape(-1)
    )


def variance_bound(quality: Quality, k: float, u: float, mean: Array, variance: Array, d_mean: Array) -> Array:
    """Bound of the variance of a batch: in two passes, or, in the plain quality, in one.

    Args:
        quality: of the evaluation that is allowed.
        k: factor of its sums.
        u: unit roundoff.
        mean: of each channel, and likewise the others.
        variance: exact.
        d_mean: bound of the mean.

    Returns:
        The bound, in the shape of the variance.
    """
    bound = (k + 3) * u * variance + np.square(d_mean)
    if quality != "plain":
        return np.asarray(bound)
    square = np.square(mean)
    return np.asarray(bound + (k + 2) * u * (variance + square) + 2 * np.abs(mean) * d_mean + u * square)


def cancelling(quality: Quality, x: Array, mean: Array, s: Array) -> Array | float:
    """Size of the two terms that cancel where the normalization is multiplied out; 0 where it is not."""
    return 0.0 if quality == "good" else (np.abs(x) + np.abs(mean)) / s


def moving_bound(
    settings: Configuration, quality: Quality, decay: float, error: Array, d_batch: Array, size: Array
) -> Array:
    """Bound of a moving statistic after one more update.

    Args:
        settings: for the dtype.
        quality: of the evaluation that is allowed.
        decay: of this update.
        error: bound before it, (C,).
        d_batch: bound of the batch's statistic, (C,).
        size: d |moving| + (1 - d) |batch|, (C,).

    Returns:
        The bound after it, (C,).
    """
    return decay * error + (1 - decay) * d_batch + 3 * roundoff(settings.dtype, quality) * size


def inference_bound(
    settings: Configuration, quality: Quality, x: Array, mean: Array, variance: Array, d_mean: Array,
    d_variance: Array, gamma: Array, beta: Array,
) -> Array:  # fmt: skip
    """Bound of an inference output, given the bounds of the moving statistics.

    Args:
        settings: epsilon and dtype.
        quality: of the evaluation that is allowed.
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
    per_channel = (mean, variance, d_mean, d_variance, gamma, beta)
    pieces = [
        _inference_bound(part.settings, quality, part.of(x), *map(part.of, per_channel)) for part in tiles(settings)
    ]
    return joined(settings, pieces)


def _inference_bound(settings: Configuration, quality: Quality, x: Array, *per_channel: Array) -> Array:
    """That of a tile."""
    u, wide = roundoff(settings.dtype, quality), settings.parameter_shape
    mean, variance, d_mean, d_variance, gamma, beta = (array.reshape(wide) for array in per_channel)
    s = np.sqrt(variance + settings.epsilon)
    xhat = (x - mean) / s
    d_inverse = (d_variance / (2 * s * s) + 2 * u) / s
    d_xhat = d_mean / s + np.abs(x - mean) * d_inverse + 2 * u * np.abs(xhat)
    d_xhat = d_xhat + 3 * u * cancelling(quality, x, mean, s)
    bound = np.abs(gamma) * d_xhat + 2 * u * (np.abs(gamma * xhat) + np.abs(beta))
    return np.asarray(rounded(bound, settings.dtype, quality, gamma * xhat + beta))
