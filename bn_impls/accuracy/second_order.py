r"""Second-order gradients: the derivative of the input's gradient, as a formula, with bounds, and compared.

A penalty on gradients, or a Hessian-vector product, differentiates the input's gradient once more. With the means over
the n values of a channel written as < >, s = sqrt(variance + epsilon) and xhat = (x - mean) / s, the gradient of
:mod:`bn_impls.numpy_reference` is::

    dx = gamma / s (p - xhat B),      p = dy - <dy>,  B = <p xhat>

and for L = sum v dx, with q = v - <v>, A = <q xhat> and C = <q p>::

    L                      =  gamma n / s (C - A B)
    d(1/s) / dx_i          = -xhat_i / (n s^2)
    dxhat_j / dx_i         =  (delta_ij - 1/n - xhat_i xhat_j / n) / s
    dA / dx_i              =  (q_i - xhat_i A) / (n s),   and dB / dx_i likewise with p
    gradient of L for x_i  = -gamma / s^2 (xhat_i (C - 3 A B) + B q_i + A p_i)
    gradient of L for dy_i =  gamma / s (q_i - xhat_i A)

The mean in the variance drops out of the first derivative, so some libraries hold it constant there
(``tf.nn.moments`` does, by ``stop_gradient``). Out of the second derivative it does not: differentiating such a
gradient loses ``gamma / s^2 B <v>``, and q_i in the gradient for x becomes v_i. A comparison that finds exactly that
says so.

The last formula is the first-order one itself, with v in the place of dy: the map from dy to dx is symmetric. Epsilon
stands in s only; the formulas hold with any.

First-order error bounds, in the notation of :mod:`bn_impls.accuracy.bounds`::

    dq  = (k + 1) u <|v|> + u |q|            dp likewise
    dA  = (k + 1) u <|q xhat|> + <|q| dxhat> + <|xhat| dq>      dB likewise
    dC  = (k + 1) u <|q p|> + <|q| dp> + <|p| dq>
    t   = xhat (C - 3 A B) + B q + A p
    dt  = |C - 3 A B| dxhat + |xhat| (dC + 3 |A| dB + 3 |B| dA + 2 u (|C| + 3 |A B|))
          + |B| dq + |q| dB + |A| dp + |p| dA + 4 u (|xhat (C - 3 A B)| + |B q| + |A p|)
    gradient for x:  |gamma| / s^2 dt + |gamma| |t| (2 dr / s + 3 u / s^2)
"""

from __future__ import annotations

import numpy as np

from bn_impls.accuracy.bounds import Quality, cancelling, rounded, roundoff, step_bounds, sum_factor, variance_bound
from bn_impls.accuracy.comparison import Comparison, Figures
from bn_impls.accuracy.exact import QUALITIES, Compared
from bn_impls.interface import Array, Configuration, Layer


def second_order(
    settings: Configuration, x: Array, dy: Array, v: Array, gamma: Array, *, constant_mean: bool = False
) -> tuple[Array, Array, Array]:
    """The input's gradient, and the gradients of its product with a direction.

    Args:
        settings: shape, layout, epsilon and whether gamma multiplies.
        x: input.
        dy: gradient of the output.
        v: direction, in the shape of x.
        gamma: (C,).
        constant_mean: whether the mean in the variance is wrongly taken for a constant.

    Returns:
        dx, the gradient of ``sum v dx`` for x, and the same for dy; each in the shape of x and in its dtype.
    """
    axes = settings.reduction_axes

    def average(array: Array) -> Array:
        return np.asarray(array.mean(axis=axes, keepdims=True))

    deviation = x - average(x)
    r = 1 / np.sqrt(average(np.square(deviation)) + x.dtype.type(settings.epsilon))
    factor = gamma.reshape(settings.parameter_shape) * r if settings.scale else r
    xhat, p, q = deviation * r, dy - average(dy), v - average(v)
    a, b, c = average(q * xhat), average(p * xhat), average(q * p)
    moved = v if constant_mean else q
    for_x = -factor * r * (xhat * (c - 3 * a * b) + b * moved + a * p)
    return factor * (p - xhat * b), for_x, factor * (q - xhat * a)


def second_order_bound(settings: Configuration, quality: Quality, x: Array, dy: Array, v: Array, gamma: Array) -> Array:
    """Bound of the gradient of ``sum v dx`` for x.

    Args:
        settings: shape, epsilon and dtype.
        quality: of the evaluation that is allowed.
        x: input, in float64, and likewise the others.
        dy: gradient of the output.
        v: direction.
        gamma: (C,).

    Returns:
        The bound of the formulas above, in the shape of x.
    """
    u, axes = roundoff(settings.dtype, quality), settings.reduction_axes
    k = sum_factor(x.size // settings.channels, quality)

    def average(array: Array) -> Array:
        return np.asarray(array.mean(axis=axes, keepdims=True))

    mean = average(x)
    variance = average(np.square(x - mean))
    s = np.sqrt(variance + settings.epsilon)
    xhat, p, q = (x - mean) / s, dy - average(dy), v - average(v)
    d_mean = (k + 1) * u * average(np.abs(x))
    d_inverse = (variance_bound(quality, k, u, mean, variance, d_mean) / (2 * s * s) + 2 * u) / s
    d_xhat = d_mean / s + np.abs(x - mean) * d_inverse + 2 * u * np.abs(xhat)
    d_xhat = d_xhat + 3 * u * cancelling(quality, x, mean, s)
    d_p, d_q = ((k + 1) * u * average(np.abs(whole)) + u * np.abs(part) for whole, part in ((dy, p), (v, q)))
    a, b, c = average(q * xhat), average(p * xhat), average(q * p)
    d_a, d_b = (
        (k + 1) * u * average(np.abs(one * xhat)) + average(np.abs(one) * d_xhat) + average(np.abs(xhat) * d_one)
        for one, d_one in ((q, d_q), (p, d_p))
    )
    d_c = (k + 1) * u * average(np.abs(q * p)) + average(np.abs(q) * d_p) + average(np.abs(p) * d_q)
    inner = c - 3 * a * b
    t = xhat * inner + b * q + a * p
    d_inner = d_c + 3 * np.abs(a) * d_b + 3 * np.abs(b) * d_a + 2 * u * (np.abs(c) + 3 * np.abs(a * b))
    d_t = np.abs(inner) * d_xhat + np.abs(xhat) * d_inner
    d_t = d_t + np.abs(b) * d_q + np.abs(q) * d_b + np.abs(a) * d_p + np.abs(p) * d_a
    d_t = d_t + 4 * u * (np.abs(xhat * inner) + np.abs(b * q) + np.abs(a * p))
    size = np.abs(gamma).reshape(settings.parameter_shape)
    bound = size / (s * s) * d_t + size * np.abs(t) * (2 * d_inverse / s + 3 * u / (s * s))
    return rounded(bound, settings.dtype, quality, size / (s * s), t)


CONSTANT_MEAN = "second_order_input_with_constant_mean"


def compare_second_order(layer: Layer, seed: int, steps: int) -> tuple[list[Figures], bool]:
    """Compare a layer whose training step returns second-order gradients, step by step.

    Args:
        layer: of the variant ``second_order``.
        seed: of everything that is drawn.
        steps: how many.

    Returns:
        Error figures by quantity, one a step; and whether the gradient for x is, within the limit, the one that follows
        if the mean in the variance is held constant.
    """
    comparison = Comparison(layer, seed)
    found, constant_mean = [], True
    for _ in range(steps):
        compared = _step(comparison, layer)
        figures = {quantity: comparison.part_figures(one) for quantity, one in compared.items()}
        constant_mean &= figures.pop(CONSTANT_MEAN)["over_limit"] <= 1
        found.append(figures)
    return found, constant_mean


def _step(comparison: Comparison, layer: Layer) -> dict[str, Compared]:
    settings, gamma = comparison.settings, comparison.gamma
    beta = np.zeros_like(gamma)  # it enters no gradient
    arrays = *comparison.draw(), comparison.draw()[1]
    x, dy, v = (array.astype(np.float64) for array in arrays)
    results = layer.differentiated(*(layer.to_native(array) for array in arrays))
    first = {q: step_bounds(settings, q, x, dy, gamma, beta).gradient_input for q in QUALITIES}
    second = {q: second_order_bound(settings, q, x, dy, v, gamma) for q in QUALITIES}
    mirrored = {q: step_bounds(settings, q, x, v, gamma, beta).gradient_input for q in QUALITIES}
    exact = second_order(settings, x, dy, v, gamma)
    names = ("gradient_input", "second_order_input", "second_order_output_gradient")
    found = {
        name: comparison.fitting(name, layer.to_numpy(got), true, allowed)
        for name, got, true, allowed in zip(names, results, exact, (first, second, mirrored), strict=True)
    }
    otherwise = second_order(settings, x, dy, v, gamma, constant_mean=True)[1]
    return found | {CONSTANT_MEAN: Compared(found["second_order_input"].got, otherwise, second)}
