"""What is special about our own kernel: exact sums far from 0, rows and columns, threads, ranks 2 to 5."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

numba = pytest.importorskip("numba", reason="Numba is not installed")

from bn_impls import numba_layer  # noqa: E402  # needs Numba
from bn_impls.accuracy.bounds import step_bounds  # noqa: E402
from bn_impls.interface import Configuration, Layer, Unsupported  # noqa: E402
from bn_impls.numba_threads import Helper  # noqa: E402

SETTINGS = Configuration(
    input_shape=(2, 1),
    layout="channels_last",
    dtype="float64",
    decay=0.75,
    epsilon=0.0,
    center=True,
    scale=True,
    conventions=numba_layer.OWN,
    style="eager",
    device="cpu",
)
SHAPES: dict[str, tuple[tuple[int, ...], str]] = {
    "rank-2": ((33, 3), "channels_last"),
    "rank-2-channels-first": ((33, 3), "channels_first"),
    "rank-3": ((5, 7, 2), "channels_last"),
    "rank-3-channels-first": ((5, 3, 7), "channels_first"),
    "rank-4-folded": ((4, 4, 4, 3), "channels_last"),
    "rank-4-threaded": ((16, 33, 31, 4), "channels_last"),
    "rank-4-channels-first-threaded": ((8, 3, 45, 47), "channels_first"),
    "rank-4-one-example": ((1, 2, 5, 5), "channels_first"),
    "rank-2-grouped": ((256, 1030), "channels_last"),
    "rank-2-many-rows-grouped": ((1000, 300), "channels_last"),
    "rank-4-past-the-caches": ((2, 65, 67, 64), "channels_last"),
    "rank-4-channels-first-past-the-caches": ((4, 8, 128, 136), "channels_first"),
    "rank-4-many-maps": ((16, 9, 30, 31), "channels_first"),
    "rank-5": ((2, 3, 3, 3, 2), "channels_last"),
    "rank-5-channels-first": ((2, 3, 4, 3, 5), "channels_first"),
    "one-pixel-channels-first": ((70, 3, 1, 1), "channels_first"),
}
each_shape = pytest.mark.parametrize(("shape", "layout"), SHAPES.values(), ids=SHAPES)


def build(**changes: Any) -> Layer:
    """A layer with changed settings."""
    layer = numba_layer.build(replace(SETTINGS, **changes))
    assert isinstance(layer, Layer), layer
    return layer


def exact_channel(x: Any, dy: Any, epsilon: float) -> tuple[float, float, float, float, Any, Any]:
    """Mean, variance, dgamma, dbeta, xhat and dx of one channel with gamma 1; every sum is exact and rounded once."""
    n = len(x)
    mean = math.fsum(x) / n
    d = x - mean
    variance = math.fsum(d * d) / n
    xhat = d / math.sqrt(variance + epsilon)
    dbeta, dgamma = math.fsum(dy), math.fsum(dy * xhat)
    dx = (dy - dbeta / n - xhat * (dgamma / n)) / math.sqrt(variance + epsilon)
    return mean, variance, dgamma, dbeta, xhat, dx


@each_shape
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("mean", [0.0, 1e3, 1e6], ids=["mean-0", "mean-1e3", "mean-1e6"])
def test_every_result_is_within_twice_the_bound_of_a_good_evaluation(
    shape: Any, layout: Any, dtype: str, mean: float
) -> None:
    """Against sums that are exact, element by element, also where the mean is a million deviations from 0."""
    layer = build(input_shape=shape, layout=layout, dtype=dtype, epsilon=1e-3, decay=0.0)
    settings, generator = layer.configuration, np.random.default_rng(5)
    x = (mean + generator.standard_normal(shape)).astype(dtype)
    dy = generator.standard_normal(shape).astype(dtype)
    y, dx, dgamma, dbeta = layer.training_step_with_gradients(x, dy)
    wide_x, wide_dy = x.astype(np.float64), dy.astype(np.float64)
    ones = np.ones(settings.channels)
    bounds = step_bounds(settings, "good", wide_x, wide_dy, ones, 0 * ones)
    state, axis = layer.export_state(), settings.channel_axis
    for channel in range(settings.channels):
        of_channel = [np.take(array, channel, axis).ravel() for array in (wide_x, wide_dy, y, dx)]
        right = exact_channel(*of_channel[:2], 1e-3)
        of_bounds = [np.take(bound, channel, axis).ravel() for bound in (bounds.output, bounds.gradient_input)]
        compared: list[Any] = [
            (state["moving_mean"][channel], right[0], bounds.mean[channel]),
            (state["moving_variance"][channel], right[1], bounds.variance[channel]),
            (dgamma[channel], right[2], bounds.gradient_gamma[channel]),
            (dbeta[channel], right[3], bounds.gradient_beta[channel]),
            (of_channel[2], right[4], of_bounds[0]),
            (of_channel[3], right[5], of_bounds[1]),
        ]
        for number, (got, expected, bound) in enumerate(compared):
            assert np.all(np.abs(got - expected) <= 2 * bound), (number, channel)


def test_one_step_has_the_values_of_the_equations() -> None:
    """1 and 3: mean 2, variance 1, xhat -1 and 1; dy 1 and 3: dbeta 4, dgamma 2, dx = dy - 2 - xhat = 0."""
    layer = build()
    results = layer.training_step_with_gradients(np.array([[1.0], [3.0]]), np.array([[1.0], [3.0]]))
    assert [tensor.ravel().tolist() for tensor in results] == [[-1.0, 1.0], [0.0, 0.0], [2.0], [4.0]]
    state = layer.export_state()
    assert (state["moving_mean"].tolist(), state["moving_variance"].tolist()) == ([0.5], [1.0])


def test_values_that_drift_are_summed_exactly() -> None:
    """64 values at 2^20 come first, and 192 follow at 0: everything is representable, the variance 3/16 2^40."""
    layer = build(input_shape=(256, 1), decay=0.0)
    x = np.zeros((256, 1))
    x[:64] = 2.0**20
    layer.training_step(x)
    state = layer.export_state()
    assert (state["moving_mean"].tolist(), state["moving_variance"].tolist()) == ([2.0**18], [3 / 16 * 2.0**40])


@pytest.mark.parametrize("size", [4, 40_000], ids=["one-thread", "threads"])
def test_an_infinite_value_spoils_its_own_channel_only(size: int) -> None:
    """Its mean is infinite and its variance no number, as the equations say; the other channel is normalized."""
    x = np.tile([[1.0, 1.0], [3.0, 3.0]], (size // 2, 1))
    x[0, 0] = np.inf
    layer = build(input_shape=(size, 2), decay=0.0)
    y = layer.training_step(x)
    state = layer.export_state()
    assert np.isnan(y[:, 0]).all()
    assert y[:, 1].tolist() == [-1.0, 1.0] * (size // 2)
    assert np.isposinf(state["moving_mean"][0])
    assert np.isnan(state["moving_variance"][0])


def test_an_empty_batch_has_no_statistics() -> None:
    """0 / 0, as in the reference; the output is empty."""
    layer = build(input_shape=(0, 2))
    assert layer.training_step(np.empty((0, 2))).shape == (0, 2)
    assert np.isnan(layer.export_state()["moving_mean"]).all()


def test_a_single_value_has_variance_0() -> None:
    """A batch of one is its own mean: with epsilon 1, the output is beta."""
    layer = build(input_shape=(1, 1), epsilon=1.0, decay=0.0)
    assert layer.training_step(np.array([[5.0]])).tolist() == [[0.0]]
    assert layer.export_state()["moving_variance"].tolist() == [0.0]


@pytest.mark.parametrize("layout", ["channels_last", "channels_first"])
@pytest.mark.parametrize("shape", [(512, 512), (400, 3, 41, 5)], ids=["grouped", "in-rows"])
def test_threads_change_no_bit(shape: Any, layout: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every piece has sums of its own, which are added in the order of the pieces, whoever made them."""
    x, dy = np.random.default_rng(1).standard_normal((2, *shape)).astype(np.float32)
    monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", 3)
    layer = build(input_shape=shape, layout=layout, dtype="float32")
    results = [layer.differentiated(x, dy) for _ in range(20)]
    monkeypatch.setattr(Helper, "offer", lambda *arguments: None)
    for alone, *others in zip(layer.differentiated(x, dy), *results, strict=True):
        for other in others:
            np.testing.assert_array_equal(alone, other)


def test_results_are_fresh_arrays() -> None:
    """The only memory that a step asks for: a later call overwrites none of them."""
    layer = build()
    first = layer.training_step(np.array([[1.0], [3.0]]))
    kept = first.copy()
    layer.training_step(np.array([[7.0], [-3.0]]))
    np.testing.assert_array_equal(first, kept)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"device": "gpu"}, "computes on the CPU only"),
        ({"style": "graph"}, "one call style: eager, not graph"),
        ({"conventions": replace(numba_layer.OWN, ddof=1)}, "divides by n; ddof 1 is not offered"),
        ({"conventions": replace(numba_layer.OWN, warm_up=True)}, "applies its decay as given"),
    ],
)
def test_what_is_not_offered_is_a_value(change: Any, reason: str) -> None:
    """With the reason."""
    found = numba_layer.build(replace(SETTINGS, **change))
    assert isinstance(found, Unsupported)
    assert reason in found.reason
