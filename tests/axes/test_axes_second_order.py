"""The second-order formula against complex-step derivatives, its bound, and the comparison by it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from benchmarks.axes import agreement
from bn_impls.accuracy.bounds import Quality
from bn_impls.accuracy.second_order import second_order, second_order_bound
from bn_impls.interface import Configuration, Implementation, Layer, Unsupported
from bn_impls.numpy_reference import IMPLEMENTATION

Array = npt.NDArray[Any]
STEP = 1e-30  # of a complex-step derivative, which subtracts nothing and so rounds like the function itself
EXACT = 1e-12  # relative: some dozens of float64 operations


def settings_of(shape: tuple[int, ...], dtype: str = "float64", **changes: Any) -> Configuration:
    """A layer of this shape."""
    plain = Configuration(
        input_shape=shape, layout="channels_last", dtype=dtype, decay=0.9, epsilon=1e-3, center=True, scale=True,
        conventions=IMPLEMENTATION.conventions, style="eager", device="cpu",
    )  # fmt: skip
    return replace(plain, **changes)


def product(settings: Configuration, x: Array, dy: Array, v: Array, gamma: Array) -> Any:
    """``sum v dx`` by the first-order formula, of real or complex values."""
    axes = settings.reduction_axes

    def average(array: Array) -> Array:
        return np.asarray(array.sum(axis=axes, keepdims=True) / (x.size // settings.channels))

    deviation = x - average(x)
    inverse = 1 / np.sqrt(average(deviation * deviation) + settings.epsilon)
    xhat = deviation * inverse
    factor = gamma.reshape(settings.parameter_shape) * inverse
    return (v * factor * (dy - average(dy) - xhat * average(dy * xhat))).sum()


def derivative(of: Callable[[Array], Any], at: Array) -> Array:
    """The gradient of a function, one complex step for each value."""
    found = np.zeros(at.shape)
    for place in np.ndindex(at.shape):
        moved = at.astype(complex)
        moved[place] += 1j * STEP
        found[place] = np.imag(of(moved)) / STEP
    return found


@pytest.mark.parametrize("epsilon", [1e-3, 1.0])
@pytest.mark.parametrize(
    ("shape", "layout"), [((7, 3), "channels_last"), ((3, 2, 4, 2), "channels_last"), ((3, 2, 4, 2), "channels_first")]
)
def test_the_formula_is_the_derivative_of_the_first_order_one(
    shape: tuple[int, ...], layout: str, epsilon: float
) -> None:
    """For the input and for the output's gradient, with an epsilon that matters and one that does not."""
    settings = settings_of(shape, layout=layout, epsilon=epsilon)
    generator = np.random.default_rng(1)
    x, dy, v = generator.normal(0.5, 2.0, (3, *shape))
    gamma = generator.normal(1.0, 0.5, settings.channels)
    dx, for_x, for_dy = second_order(settings, x, dy, v, gamma)
    by_x = derivative(lambda moved: product(settings, moved, dy, v, gamma), x)
    by_dy = derivative(lambda moved: product(settings, x, moved, v, gamma), dy)
    np.testing.assert_allclose(for_x, by_x, rtol=EXACT, atol=EXACT * np.abs(by_x).max())
    np.testing.assert_allclose(for_dy, by_dy, rtol=EXACT, atol=EXACT * np.abs(by_dy).max())
    np.testing.assert_allclose(np.sum(v * dx), product(settings, x, dy, v, gamma), rtol=EXACT)


def test_without_gamma_the_gradients_are_those_of_gamma_1() -> None:
    """A layer that does not scale."""
    generator = np.random.default_rng(2)
    x, dy, v = generator.standard_normal((3, 6, 2))
    off = second_order(settings_of((6, 2), scale=False), x, dy, v, np.array([5.0, 7.0]))
    on = second_order(settings_of((6, 2)), x, dy, v, np.ones(2))
    for without, with_one in zip(off, on, strict=True):
        np.testing.assert_array_equal(without, with_one)


@pytest.mark.parametrize("offset", [0.0, 30.0])
@pytest.mark.parametrize("quality", ["good", "plain"])
def test_a_float32_evaluation_stays_within_its_bound_and_comes_near_it(quality: Quality, offset: float) -> None:
    """NumPy's sums over a few rows; at 32 rows the good bound is not wider than a hundred errors."""
    closest = 0.0
    for seed in range(10):
        generator = np.random.default_rng(seed)
        arrays = [generator.standard_normal((32, 8)).astype(np.float32) for _ in range(3)]
        arrays[0] += np.float32(offset)
        gamma = generator.normal(1.0, 0.5, 8).astype(np.float32)
        settings = settings_of((32, 8), "float32")
        wide = [array.astype(np.float64) for array in (*arrays, gamma)]
        x, dy, v, wide_gamma = wide
        bound = second_order_bound(settings, quality, x, dy, v, wide_gamma)
        got = second_order(settings, *arrays, gamma)[1].astype(np.float64)
        over = np.abs(got - second_order(settings, x, dy, v, wide_gamma)[1]) / bound
        assert over.max() <= 1
        closest = max(closest, float(over.max()))
    assert closest > 0.01 or quality == "plain"  # which allows evaluations that this one is not


def variant(mistake: float = 0.0) -> Implementation:
    """NumPy's layer with second-order gradients; ``mistake`` times the product A B is missing in them."""

    def build(configuration: Configuration) -> Layer | Unsupported:
        layer = IMPLEMENTATION.build(configuration)
        assert isinstance(layer, Layer)

        def step(x: Array, dy: Array, v: Array) -> tuple[Array, Array, Array]:
            layer.training_step(x)
            gamma = layer.export_state()["gamma"]
            dx, for_x, for_dy = second_order(configuration, x, dy, v, gamma)
            return dx, (for_x * np.float32(1 - mistake)), for_dy

        return replace(layer, training_step_with_gradients=step)

    return replace(IMPLEMENTATION, variants={"second_order": build})


def test_an_honest_second_order_gradient_agrees(layer_case: Any, surroundings: Any) -> None:
    """Three quantities, each within its bound."""
    outcome = agreement.run(variant(), layer_case(gradients="second_order"), surroundings)
    assert (outcome.status, outcome.reason) == ("ok", None)
    names = ("gradient_input", "second_order_input", "second_order_output_gradient")
    assert all(0 < outcome.metrics[f"{name}_error_over_bound"] < 1 for name in names)
    assert "output_training_error_over_bound" not in outcome.metrics


def test_a_second_order_gradient_that_is_a_percent_off_disagrees(layer_case: Any, surroundings: Any) -> None:
    """And the reason names it, and nothing else."""
    outcome = agreement.run(variant(0.01), layer_case(gradients="second_order"), surroundings)
    assert outcome.status == "disagrees"
    assert outcome.reason is not None
    assert "second_order_input" in outcome.reason
    assert "output_gradient" not in outcome.reason


def test_a_mean_held_constant_in_the_variance_is_named_as_the_cause(layer_case: Any, surroundings: Any) -> None:
    """As tf.nn.moments holds it: right to first order, and wrong by a term to second order."""

    def build(configuration: Configuration) -> Layer | Unsupported:
        layer = IMPLEMENTATION.build(configuration)
        assert isinstance(layer, Layer)

        def step(x: Array, dy: Array, v: Array) -> tuple[Array, Array, Array]:
            layer.training_step(x)
            return second_order(configuration, x, dy, v, layer.export_state()["gamma"], constant_mean=True)

        return replace(layer, training_step_with_gradients=step)

    constant = replace(IMPLEMENTATION, variants={"second_order": build})
    outcome = agreement.run(constant, layer_case(gradients="second_order"), surroundings)
    assert outcome.status == "disagrees"
    assert outcome.reason is not None
    assert outcome.reason.endswith(agreement.HELD_CONSTANT)
    assert outcome.metrics["second_order_constant_mean"] is True
    assert outcome.metrics["gradient_input_error_over_bound"] < 1
    wrong = agreement.run(variant(0.01), layer_case(gradients="second_order"), surroundings)
    assert agreement.HELD_CONSTANT not in str(wrong.reason)


def test_without_the_variant_there_is_a_row_that_says_so(layer_case: Any, surroundings: Any) -> None:
    """Not a failure."""
    outcome = agreement.run(replace(IMPLEMENTATION, variants={}), layer_case(gradients="second_order"), surroundings)
    assert (outcome.status, outcome.reason) == ("unsupported", "no second-order gradient is offered")
