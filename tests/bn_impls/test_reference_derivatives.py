"""The oracle's gradients against central finite differences of its own forward pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from bn_impls.interface import Configuration, Conventions
from bn_impls.numpy_reference import BatchNorm

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bn_impls.conftest import LayerKit, Numbers

STEP = 2.0**-17  # near the cube root of u, where truncation and rounding balance
TOLERANCE = 1e-8
"""Truncation is STEP^2 f''' / 6 = 1e-11 f'''; third derivatives of sums of 24 terms stay below 300. Rounding is
u |f| / STEP = 1e-11 |f|, and |f| stays below 100."""

PLAIN = Conventions(ddof=0, initial_mean=0.0, initial_variance=1.0, warm_up=False, decay_in_float32=False)
SHAPES = [
    pytest.param((6, 3), "channels_last", id="dense"),
    pytest.param((2, 3, 2, 3), "channels_last", id="maps-channels-last"),
    pytest.param((2, 3, 3, 2), "channels_first", id="maps-channels-first"),
]
PARTS = [
    pytest.param(True, True, id="center-and-scale"),
    pytest.param(False, True, id="scale-only"),
    pytest.param(True, False, id="center-only"),
    pytest.param(False, False, id="neither"),
]
each_shape = pytest.mark.parametrize(("shape", "layout"), SHAPES)
each_part = pytest.mark.parametrize(("center", "scale"), PARTS)


class Problem:
    """A layer, and the scalar sum(dy * y) whose gradients the backward pass claims to give."""

    def __init__(self, shape: tuple[int, ...], layout: Any, center: bool, scale: bool, layers: LayerKit) -> None:
        """Draw everything from a seed."""
        self.settings = Configuration(
            input_shape=shape, layout=layout, dtype="float64", decay=0.9, epsilon=1e-3,
            center=center, scale=scale, conventions=PLAIN, style="eager", device="cpu",
        )  # fmt: skip
        self.drawn = layers.draw(self.settings, seed=5)
        self.layer = BatchNorm(self.settings)
        self.layer.load_state(self.drawn.state)

    def value(self, x: Any) -> float:
        """The scalar at an input."""
        return float(np.sum(self.drawn.dy * self.layer.forward(x)))

    def gradients(self) -> Any:
        """What the backward pass gives at the drawn input."""
        self.layer.forward(self.drawn.x)
        return self.layer.backward(self.drawn.dy)


def central(function: Callable[[], float], array: Any) -> Any:
    """Central differences of a function with respect to every element of an array that it reads."""
    found = np.zeros_like(array)
    for index in np.ndindex(array.shape):
        kept = array[index]
        array[index] = kept + STEP
        above = function()
        array[index] = kept - STEP
        below = function()
        array[index] = kept
        found[index] = (above - below) / (2 * STEP)
    return found


@each_shape
@each_part
def test_the_gradient_of_the_input_is_the_derivative(
    shape: Any, layout: Any, center: bool, scale: bool, layers: LayerKit, numbers: Numbers
) -> None:
    """Through mean and variance, too."""
    problem = Problem(shape, layout, center, scale, layers)
    dx, _, _ = problem.gradients()
    numbers.assert_within(dx, central(lambda: problem.value(problem.drawn.x), problem.drawn.x), TOLERANCE)


@each_shape
@pytest.mark.parametrize("center", [True, False])
def test_the_gradient_of_gamma_is_the_derivative(
    shape: Any, layout: Any, center: bool, layers: LayerKit, numbers: Numbers
) -> None:
    """With and without an offset."""
    problem = Problem(shape, layout, center, True, layers)
    _, dgamma, _ = problem.gradients()
    numbers.assert_within(dgamma, central(lambda: problem.value(problem.drawn.x), problem.layer.gamma), TOLERANCE)


@each_shape
@pytest.mark.parametrize("scale", [True, False])
def test_the_gradient_of_beta_is_the_derivative(
    shape: Any, layout: Any, scale: bool, layers: LayerKit, numbers: Numbers
) -> None:
    """With and without a scale."""
    problem = Problem(shape, layout, True, scale, layers)
    _, _, dbeta = problem.gradients()
    numbers.assert_within(dbeta, central(lambda: problem.value(problem.drawn.x), problem.layer.beta), TOLERANCE)


@each_part
def test_a_parameter_that_is_off_has_no_gradient(center: bool, scale: bool, layers: LayerKit) -> None:
    """None, in gamma's and beta's own place."""
    _, dgamma, dbeta = Problem((6, 3), "channels_last", center, scale, layers).gradients()
    assert ((dgamma is not None), (dbeta is not None)) == (scale, center)
