"""Every implementation, in every style, dtype and layout: output and gradients equal the float64 reference."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from bn_impls.accuracy.bounds import UNIT_ROUNDOFF, inference_bound, step_bounds

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bn_impls.conftest import LayerKit, Numbers, Offer

ALLOWED = 8.0
"""Multiples of the bound of a good evaluation: a correct one may sum in another order and multiply the normalization
out, which on 48 values around 0 stays well within it; a wrong formula is off by 1 / u."""

DTYPES = ("float64", "float32")
SHAPES: dict[str, dict[str, Any]] = {
    "dense": {"input_shape": (16, 4)},
    "maps": {},
    "maps-channels-first": {"input_shape": (8, 4, 3, 2), "layout": "channels_first"},
    "maps-scale-only": {"center": False},
    "maps-center-only": {"scale": False},
    "maps-neither": {"center": False, "scale": False},
}
each_dtype = pytest.mark.parametrize("dtype", DTYPES)


def each_case(*needed: str) -> pytest.MarkDecorator:
    """Each shape that has the needed parameters: in float64, and with all parameters in float32."""
    able = [name for name, changes in SHAPES.items() if all(changes.get(part, True) for part in needed)]
    cases = [(name, "float64") for name in able]
    cases += [(name, "float32") for name in able if not {"center", "scale"} & set(SHAPES[name])]
    return pytest.mark.parametrize(("shape", "dtype"), cases)


Judged = tuple[Any, Any, Any]  # what was computed, what is exact, and how far they may be apart


def bound_of_inference(exact: Any, x: Any, dtype: str) -> Any:
    """The bound for exact statistics, and for x (gamma / s) + (beta - mean gamma / s) the cancellation of its terms."""
    settings, none = replace(exact.settings, dtype=dtype), np.zeros_like(exact.gamma)
    bound = inference_bound(
        settings, "good", x, exact.moving_mean, exact.moving_variance, none, none, exact.gamma, exact.beta
    )
    wide = [v.reshape(settings.parameter_shape) for v in (exact.gamma, exact.moving_mean, exact.moving_variance)]
    gamma, mean, variance = wide
    size = np.abs(gamma) * (np.abs(x) + np.abs(mean)) / np.sqrt(variance + settings.epsilon)
    return bound + UNIT_ROUNDOFF[dtype] * size


@pytest.fixture(scope="module")
def judged(layers: LayerKit) -> Callable[[Offer, str, str], dict[str, Judged | None]]:
    """Run one training step with gradients and one inference call, and judge each quantity; None for one not given."""

    @cache
    def run(offer: Offer, shape: str, dtype: str) -> dict[str, Judged | None]:
        layer = layers.built(offer, dtype=dtype, **SHAPES[shape])
        drawn = layers.draw(layer.configuration, num_updates=3)
        layer.import_state(drawn.state)
        native = layer.to_native(drawn.x)
        inference = layer.to_numpy(layer.inference(native))
        results = layer.training_step_with_gradients(native, layer.to_native(drawn.dy))
        exact = layers.exact(layer.configuration, drawn.state)
        x, dy = drawn.x.astype(np.float64), drawn.dy.astype(np.float64)
        bounds = step_bounds(layer.configuration, "good", x, dy, exact.gamma, exact.beta)
        found: dict[str, Judged | None] = {
            "inference": (inference, exact.inference(x), bound_of_inference(exact, x, dtype))
        }
        names = ("output", "gradient_input", "gradient_gamma", "gradient_beta")
        for name, result, right in zip(names, results, (exact.forward(x), *exact.backward(dy)), strict=True):
            got = None if result is None else layer.to_numpy(result)
            assert (got is None) == (right is None), f"{name} is {got}, but should be {right}"
            found[name] = None if got is None else (got, right, getattr(bounds, name))
        return found

    return run


def check(quantity: Judged | None, dtype: str, numbers: Numbers) -> None:
    """Judge one quantity that is given."""
    assert quantity is not None
    got, exact, bound = quantity
    assert got.dtype == dtype
    numbers.assert_within(got, exact, ALLOWED * bound)


@each_case()
def test_the_training_output_is_the_references(
    offer: Offer, shape: str, dtype: str, judged: Any, numbers: Numbers
) -> None:
    """Within the bound, element by element."""
    check(judged(offer, shape, dtype)["output"], dtype, numbers)


@each_case()
def test_the_inference_output_is_the_references(
    offer: Offer, shape: str, dtype: str, judged: Any, numbers: Numbers
) -> None:
    """From imported moving statistics that are not the batch's."""
    check(judged(offer, shape, dtype)["inference"], dtype, numbers)


@each_case()
def test_the_gradient_of_the_input_is_the_references(
    offer: Offer, shape: str, dtype: str, judged: Any, numbers: Numbers
) -> None:
    """Through mean and variance, too."""
    check(judged(offer, shape, dtype)["gradient_input"], dtype, numbers)


@each_case("scale")
def test_the_gradient_of_gamma_is_the_references(
    offer: Offer, shape: str, dtype: str, judged: Any, numbers: Numbers
) -> None:
    """Where gamma is on; in the place for gamma, also without beta."""
    check(judged(offer, shape, dtype)["gradient_gamma"], dtype, numbers)


@each_case("center")
def test_the_gradient_of_beta_is_the_references(
    offer: Offer, shape: str, dtype: str, judged: Any, numbers: Numbers
) -> None:
    """Where beta is on; in the place for beta, also without gamma."""
    check(judged(offer, shape, dtype)["gradient_beta"], dtype, numbers)


@pytest.mark.parametrize(
    ("shape", "absent"),
    [
        ("maps-scale-only", {"gradient_beta"}),
        ("maps-center-only", {"gradient_gamma"}),
        ("maps-neither", {"gradient_gamma", "gradient_beta"}),
    ],
)
def test_a_parameter_that_is_off_has_the_gradient_none(offer: Offer, shape: str, absent: set[str], judged: Any) -> None:
    """And no other quantity is left out."""
    found = judged(offer, shape, "float64")
    assert {name for name, quantity in found.items() if quantity is None} == absent


@each_dtype
def test_both_training_calls_give_the_same_output(offer: Offer, dtype: str, layers: LayerKit, numbers: Numbers) -> None:
    """The call without gradients is held to the same bound."""
    layer = layers.built(offer, dtype=dtype)
    drawn = layers.draw(layer.configuration)
    layer.import_state(drawn.state)
    exact = layers.exact(layer.configuration, drawn.state)
    x = drawn.x.astype(np.float64)
    bound = step_bounds(layer.configuration, "good", x, np.zeros_like(x), exact.gamma, exact.beta).output
    got = layer.to_numpy(layer.training_step(layer.to_native(drawn.x)))
    numbers.assert_within(got, exact.forward(x), ALLOWED * bound)


def test_a_constant_channel_has_output_beta(offer: Offer, layers: LayerKit, numbers: Numbers) -> None:
    """Variance 0: only epsilon keeps the root from 0, and x - mean is 0."""
    layer = layers.built(offer)
    drawn = layers.draw(layer.configuration)
    layer.import_state(drawn.state)
    constant = np.full(layer.configuration.input_shape, 0.5)  # sums of it are exact
    got = layer.to_numpy(layer.training_step(layer.to_native(constant)))
    expected = np.broadcast_to(drawn.state["beta"], constant.shape)
    # multiplied out, gamma / sqrt(epsilon) * 0.5 <= 32 is added and taken away again, each with two roundings
    numbers.assert_within(got, expected, 4 * 32 * UNIT_ROUNDOFF[layer.configuration.dtype])


def test_nan_in_one_channel_stays_in_that_channel(offer: Offer, layers: LayerKit) -> None:
    """Poison is shown where it is, not hidden and not spread."""
    layer = layers.built(offer)
    drawn = layers.draw(layer.configuration)
    layer.import_state(drawn.state)
    poisoned = drawn.x.copy()
    poisoned[0, 0, 0, 1] = np.nan
    got = layer.to_numpy(layer.training_step(layer.to_native(poisoned)))
    after = layer.export_state()
    assert np.isnan(got).all(axis=(0, 1, 2)).tolist() == [False, True, False, False]
    assert np.isnan(after["moving_mean"]).tolist() == [False, True, False, False]
    assert np.isnan(after["moving_variance"]).tolist() == [False, True, False, False]
