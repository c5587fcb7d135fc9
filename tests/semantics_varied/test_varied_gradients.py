"""The gradients of every :class:`Semantics`, against differences of the layer's own output.

A loss sum(w y) of a layer in float64 is differentiated by central differences of step h = 1e-5: the truncation error is
about h^2 f'''/6 and the rounding error 1e-16 |f| / h, each below 1e-9 for values around 1. What a semantics holds
constant is held constant in the differences too, by an independent function of the input.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bn_impls.interface import Array, Configuration, Conventions
from bn_impls.semantics.description import Semantics
from bn_impls.semantics.varied import VariedBatchNorm

H = 1e-5
TOLERANCE = 1e-7  # of derivatives of up to 10; see above
EPSILON = 0.3
USUAL = Conventions(ddof=0, initial_mean=0.0, initial_variance=1.0, warm_up=False, decay_in_float32=False)


def layer_and_input(semantics: Semantics, shape: tuple[int, ...] = (6, 3)) -> tuple[VariedBatchNorm, Array, Array]:
    """A layer with parameters away from their defaults, an input whose first channel varies less than epsilon."""
    settings = Configuration(
        input_shape=shape, layout="channels_last", dtype="float64", decay=0.9, epsilon=EPSILON, center=True,
        scale=True, conventions=USUAL, style="eager", device="cpu",
    )  # fmt: skip
    generator = np.random.default_rng(5)
    x, dy = generator.normal(0.4, 1.5, (2, *shape))
    x[..., 0] *= 0.2
    layer = VariedBatchNorm(settings, semantics)
    layer.gamma, layer.beta = generator.normal(1.0, 0.5, (2, shape[-1]))
    return layer, x, dy


def differences(function: Callable[[Array], Array], at: Array, weights: Array) -> Array:
    """The gradient of ``sum(weights * function(at))``, one central difference an element."""
    gradient = np.zeros_like(at)
    for index in np.ndindex(at.shape):
        step = np.zeros_like(at)
        step[index] = H
        gradient[index] = ((function(at + step) - function(at - step)) * weights).sum() / (2 * H)
    return gradient


OWN = [
    Semantics(),
    Semantics(epsilon_place="outside"),
    Semantics(epsilon_place="maximum"),
    Semantics(epsilon_place="none"),
    Semantics(normalizing_ddof=1),
    Semantics(normalizing_ddof=1, epsilon_place="outside"),
    Semantics(normalizing_ddof=1, epsilon_place="maximum"),
    Semantics(variance="one_pass"),
    Semantics(output="multiplied_out"),
    Semantics(training_uses="before"),
    Semantics(gamma="plus_one"),
    Semantics(gamma="absolute"),
    Semantics(gamma="ignored"),
    Semantics(beta="ignored"),
    Semantics(swapped=True),
    Semantics(swapped=True, gamma="plus_one"),
    Semantics(swapped=True, gamma="absolute"),
    Semantics(axes="elementwise"),
    Semantics(axes="second"),
]


@pytest.mark.parametrize("shape", [(6, 3), (4, 3, 3)], ids=str)
@pytest.mark.parametrize("semantics", OWN, ids=str)
def test_a_gradient_is_the_derivative_of_the_layers_own_output(semantics: Semantics, shape: tuple[int, ...]) -> None:
    """Of input, gamma and beta, for every semantics that changes the output."""
    layer, x, dy = layer_and_input(semantics, shape)
    layer.forward(x)
    gradients = layer.backward(dy)
    gamma, beta = layer.gamma, layer.beta

    def output(x: Array, gamma: Array, beta: Array) -> Array:
        fresh = VariedBatchNorm(layer.settings, semantics)
        fresh.gamma, fresh.beta = gamma, beta
        return fresh.forward(x)

    expected = (
        differences(lambda moved: output(moved, gamma, beta), x, dy),
        differences(lambda moved: output(x, moved, beta), gamma, dy),
        differences(lambda moved: output(x, gamma, moved), beta, dy),
    )
    for got, should_be in zip(gradients, expected, strict=True):
        assert got is not None
        np.testing.assert_allclose(got, should_be, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("constant", ["mean", "variance", "both"])
def test_what_is_constant_is_held_constant_in_the_differences(constant: Any) -> None:
    """An independent function of the input, with mean, variance or both fixed at the input itself."""
    layer, x, dy = layer_and_input(Semantics(constant=constant))
    layer.forward(x)
    fixed_mean, fixed_variance = x.mean(axis=0), x.var(axis=0)

    def output(moved: Array) -> Array:
        mean = fixed_mean if constant in ("mean", "both") else moved.mean(axis=0)
        variance = fixed_variance if constant in ("variance", "both") else np.square(moved - mean).mean(axis=0)
        return layer.gamma * (moved - mean) / np.sqrt(variance + EPSILON) + layer.beta

    got = layer.backward(dy)[0]
    np.testing.assert_allclose(got, differences(output, x, dy), rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("semantics", [Semantics(epsilon_place="outside"), Semantics(normalizing_ddof=1)], ids=str)
def test_the_usual_gradient_formula_can_stand_beside_another_output(semantics: Semantics) -> None:
    """gamma / s (dy - mean dy - xhat mean(dy xhat)) with the layer's own s: not the derivative of its output."""
    changed = Semantics(**semantics.changes(), gradient="usual")
    layer, x, dy = layer_and_input(changed)
    layer.forward(x)
    variance = x.var(axis=0, ddof=semantics.normalizing_ddof)
    s = np.sqrt(variance) + EPSILON if semantics.epsilon_place == "outside" else np.sqrt(variance + EPSILON)
    xhat = (x - x.mean(axis=0)) / s
    expected = layer.gamma / s * (dy - dy.mean(axis=0) - xhat * (dy * xhat).mean(axis=0))
    np.testing.assert_allclose(layer.backward(dy)[0], expected, rtol=1e-12)
    derived, _, _ = layer_and_input(semantics)
    derived.forward(x)
    assert np.abs(derived.backward(dy)[0] - expected).max() > 1e-3


def test_the_input_gradient_can_lack_gamma() -> None:
    """As if gamma were 1 there."""
    layer, x, dy = layer_and_input(Semantics(gamma_in_gradient=False))
    layer.forward(x)
    s = np.sqrt(x.var(axis=0) + EPSILON)
    xhat = (x - x.mean(axis=0)) / s
    expected = (dy - dy.mean(axis=0) - xhat * (dy * xhat).mean(axis=0)) / s
    np.testing.assert_allclose(layer.backward(dy)[0], expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("of", "factor"),
    [
        ("normalized", lambda x: (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + EPSILON)),
        ("centered", lambda x: x - x.mean(axis=0)),
        ("input", lambda x: x),
    ],
)
def test_the_gradient_of_gamma_can_be_of_something_else(of: Any, factor: Any) -> None:
    """Sums of dy times it; the input's gradient stays the true one."""
    layer, x, dy = layer_and_input(Semantics(gamma_gradient_of=of))
    layer.forward(x)
    dx, dgamma, _ = layer.backward(dy)
    np.testing.assert_allclose(dgamma, (dy * factor(x)).sum(axis=0), rtol=1e-12)
    plain, _, _ = layer_and_input(Semantics())
    plain.forward(x)
    np.testing.assert_array_equal(dx, plain.backward(dy)[0])


def test_parameter_gradients_can_be_means() -> None:
    """Of n = 6 rows."""
    layer, x, dy = layer_and_input(Semantics(parameter_gradients="mean"))
    layer.forward(x)
    summed, _, _ = layer_and_input(Semantics())
    summed.forward(x)
    for got, total in zip(layer.backward(dy)[1:], summed.backward(dy)[1:], strict=True):
        assert got is not None and total is not None
        np.testing.assert_allclose(got, total / 6, rtol=1e-15)
