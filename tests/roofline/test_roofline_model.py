"""The model's counts: by hand for small shapes, and by an evaluation whose numbers count what is done with them."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest

from benchmarks.roofline.model import demand
from bn_impls import registry
from bn_impls.interface import Configuration, Layer

DONE: Counter[str] = Counter()
DECAY, EPSILON = 0.9, 1e-3


class Counted:
    """A number that counts the operations it takes part in."""

    def __init__(self, value: float) -> None:
        self.value = float(value)

    def _with(self, value: float) -> Counted:
        DONE["operations"] += 1
        return Counted(value)

    def __add__(self, other: Counted) -> Counted:
        return self._with(self.value + other.value)

    def __sub__(self, other: Counted) -> Counted:
        return self._with(self.value - other.value)

    def __mul__(self, other: Counted) -> Counted:
        return self._with(self.value * other.value)

    def __truediv__(self, other: Counted) -> Counted:
        return self._with(self.value / other.value)

    def __neg__(self) -> Counted:  # a sign goes into the operation that uses it
        return Counted(-self.value)

    def root(self) -> Counted:
        """The square root."""
        return self._with(math.sqrt(self.value))


class Memory:
    """Values of which every reading and writing is counted."""

    def __init__(self, values: Any) -> None:
        self.values = [Counted(value) for value in np.ravel(values)]

    def read(self, index: int) -> Counted:
        """One access."""
        DONE["accessed"] += 1
        return self.values[index]

    def write(self, index: int, value: Counted) -> None:
        """One access."""
        DONE["accessed"] += 1
        self.values[index] = value


ONE, KEPT, NEW = Counted(1.0), Counted(DECAY), Counted(1 - DECAY)


def inference_channel(x: Memory, y: Memory, places: list[int], gamma: Any, beta: Any, mean: Any, variance: Any) -> None:
    """One channel by the moving statistics."""
    a = gamma / (variance + Counted(EPSILON)).root()
    b = beta - a * mean
    for place in places:
        y.write(place, a * x.read(place) + b)


def total(terms: list[Counted]) -> Counted:
    """A sum that begins at 0, as a loop does."""
    result = Counted(0.0)
    for term in terms:
        result = result + term
    return result


def training_channel(
    x: Memory,
    dy: Memory | None,
    y: Memory,
    dx: Memory | None,
    places: list[int],
    gamma: Any,
    beta: Any,
    moving: list[Any],
) -> tuple[Counted, Counted] | None:
    """One channel by the batch's own statistics; gives the gradients of gamma and beta."""
    m = Counted(len(places))
    values, squares, gradients, products = [], [], [], []
    for place in places:
        value = x.read(place)
        values.append(value)
        squares.append(value * value)
        if dy is not None:
            gradient = dy.read(place)
            gradients.append(gradient)
            products.append(gradient * value)
    mean = total(values) / m
    variance = total(squares) / m - mean * mean
    moving[:] = [KEPT * moving[0] + NEW * mean, KEPT * moving[1] + NEW * variance]
    root = (variance + Counted(EPSILON)).root()
    if dy is None or dx is None:
        a = gamma / root
        b = beta - a * mean
        for place in places:
            y.write(place, a * x.read(place) + b)
        return None
    i = ONE / root
    a = gamma * i
    b = beta - a * mean
    dbeta = total(gradients)
    dgamma = i * (total(products) - mean * dbeta)
    c = -(a * i * dgamma / m)
    e = -(a * dbeta / m + c * mean)
    for place in places:
        value = x.read(place)
        y.write(place, a * value + b)
        dx.write(place, a * dy.read(place) + c * value + e)
    return dgamma, dbeta


def drawn(shape: tuple[int, ...]) -> tuple[Any, Any]:
    """Input and output gradient."""
    generator = np.random.default_rng(3)
    return generator.standard_normal(shape), generator.standard_normal(shape)


def reference(shape: tuple[int, ...]) -> Layer:
    """The float64 NumPy layer of the shape."""
    implementation = registry.load(registry.describe("numpy-reference"))
    built = implementation.build(Configuration(
        input_shape=shape, layout="channels_last", dtype="float64", decay=DECAY, epsilon=EPSILON, center=True,
        scale=True, conventions=implementation.conventions, style="eager", device="cpu",
    ))  # fmt: skip
    assert isinstance(built, Layer)
    return built


SHAPES = [(2, 3), (5, 4), (2, 3, 4, 2)]


@pytest.mark.parametrize("shape", SHAPES)
def test_operations_and_accesses_are_those_of_an_evaluation_that_gives_the_right_gradients(
    shape: tuple[int, ...],
) -> None:
    """Forward and backward: counted while computing what the reference computes."""
    x, dy = drawn(shape)
    y, dx, dgamma, dbeta = reference(shape).differentiated(x, dy)
    DONE.clear()
    given, gradient, output, input_gradient = Memory(x), Memory(dy), Memory(0 * x), Memory(0 * x)
    found = []
    for channel in range(shape[-1]):
        places = list(range(channel, x.size, shape[-1]))
        moving = [Counted(0.0), Counted(1.0)]
        found.append(training_channel(given, gradient, output, input_gradient, places, ONE, Counted(0.0), moving))
        DONE["accessed"] += 8  # gamma, beta, two statistics in, two out, two gradients
    np.testing.assert_allclose([value.value for value in output.values], y.ravel(), rtol=0, atol=1e-12)
    np.testing.assert_allclose([value.value for value in input_gradient.values], dx.ravel(), rtol=0, atol=1e-12)
    np.testing.assert_allclose([[a.value, b.value] for a, b in filter(None, found)], np.c_[dgamma, dbeta], atol=1e-12)
    model = demand("training_forward_backward", shape, "channels_last", "float64")
    assert model is not None
    assert (model.operations, model.accessed_bytes) == (DONE["operations"], 8 * DONE["accessed"])


@pytest.mark.parametrize("shape", SHAPES)
def test_operations_and_accesses_of_training_forward(shape: tuple[int, ...]) -> None:
    """Output and moving statistics are the reference's."""
    x, _ = drawn(shape)
    layer = reference(shape)
    y = layer.training_step(x)
    start, state = layer.configuration.conventions, layer.export_state()
    DONE.clear()
    given, output, moved = Memory(x), Memory(0 * x), []
    for channel in range(shape[-1]):
        moving = [Counted(start.initial_mean), Counted(start.initial_variance)]
        places = list(range(channel, x.size, shape[-1]))
        training_channel(given, None, output, None, places, ONE, Counted(0.0), moving)
        moved.append([statistic.value for statistic in moving])
        DONE["accessed"] += 6
    np.testing.assert_allclose([value.value for value in output.values], y.ravel(), rtol=0, atol=1e-12)
    np.testing.assert_allclose(moved, np.c_[state["moving_mean"], state["moving_variance"]], atol=1e-12)
    model = demand("training_forward", shape, "channels_last", "float64")
    assert model is not None
    assert (model.operations, model.accessed_bytes) == (DONE["operations"], 8 * DONE["accessed"])


@pytest.mark.parametrize("shape", SHAPES)
def test_operations_and_accesses_of_inference(shape: tuple[int, ...]) -> None:
    """By the start values of the statistics."""
    x, _ = drawn(shape)
    layer = reference(shape)
    start = layer.configuration.conventions
    DONE.clear()
    given, output = Memory(x), Memory(0 * x)
    for channel in range(shape[-1]):
        mean, variance = Counted(start.initial_mean), Counted(start.initial_variance)
        places = list(range(channel, x.size, shape[-1]))
        inference_channel(given, output, places, ONE, Counted(0.0), mean, variance)
        DONE["accessed"] += 4
    np.testing.assert_allclose([value.value for value in output.values], layer.inference(x).ravel(), atol=1e-12)
    model = demand("inference", shape, "channels_last", "float64")
    assert model is not None
    assert (model.operations, model.accessed_bytes) == (DONE["operations"], 8 * DONE["accessed"])


@pytest.mark.parametrize(
    ("work", "dtype", "moved", "accessed"),
    [  # (2, 3): six values of three channels
        ("inference", "float32", 2 * 6 * 4 + 4 * 3 * 4, 2 * 6 * 4 + 4 * 3 * 4),
        ("training_forward", "float32", 2 * 6 * 4 + 6 * 3 * 4, 3 * 6 * 4 + 6 * 3 * 4),
        ("training_forward_backward", "float32", 4 * 6 * 4 + 8 * 3 * 4, 6 * 6 * 4 + 8 * 3 * 4),
        ("training_forward_backward", "float64", 4 * 6 * 8 + 8 * 3 * 8, 6 * 6 * 8 + 8 * 3 * 8),
        ("training_forward_backward", "bfloat16", 4 * 6 * 2 + 8 * 3 * 4, 6 * 6 * 2 + 8 * 3 * 4),
        ("inference", "float16", 2 * 6 * 2 + 4 * 3 * 4, 2 * 6 * 2 + 4 * 3 * 4),
    ],
)
def test_bytes_by_hand(work: str, dtype: str, moved: int, accessed: int) -> None:
    """16 bits keep their parameters and statistics in float32."""
    model = demand(work, (2, 3), "channels_last", dtype)
    assert model is not None
    assert (model.moved_bytes, model.accessed_bytes) == (moved, accessed)
    assert model.arithmetic_dtype == ("float64" if dtype == "float64" else "float32")


def test_channels_first_counts_its_own_axis() -> None:
    """Two maps of 2 x 5: two channels, not five."""
    first = demand("inference", (1, 2, 2, 5), "channels_first", "float32")
    assert first is not None
    assert first.moved_bytes == 2 * 20 * 4 + 4 * 2 * 4


@pytest.mark.parametrize("case", [("network_training_step", (32, 784), "float32"), ("inference", (2, 3), "int8")])
def test_what_has_no_model_has_no_limit(case: tuple[str, tuple[int, ...], str]) -> None:
    """A whole network, and a dtype that is none of ours."""
    assert demand(case[0], case[1], "channels_last", case[2]) is None
