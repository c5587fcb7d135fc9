"""What is special about our own kernel: exact sums far from 0, rows and columns, threads, ranks 2 to 5, its cache."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

numba = pytest.importorskip("numba", reason="Numba is not installed")

from bn_impls import numba_kernel, numba_layer  # noqa: E402  # needs Numba
from bn_impls.accuracy.bounds import step_bounds  # noqa: E402
from bn_impls.interface import Configuration, Layer, Unsupported  # noqa: E402

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


def test_a_shift_far_from_the_mean_costs_no_more_than_its_share_of_the_values() -> None:
    """64 values at 2^20 make the shift, and 192 follow at 0: everything is representable, the variance 3/16 2^40."""
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


def test_one_thread_and_several_give_the_same_within_rounding() -> None:
    """Shares of rows are summed in float64 and added."""
    x = np.random.default_rng(1).standard_normal((5000, 13))
    found = []
    for threads in (1, min(2, numba.config.NUMBA_NUM_THREADS)):
        before = numba.get_num_threads()
        numba.set_num_threads(threads)
        try:
            found.append(build(input_shape=x.shape).training_step(x))
        finally:
            numba.set_num_threads(before)
    np.testing.assert_allclose(found[0], found[1], rtol=0, atol=16 * 2.0**-53 * np.abs(x).max())


@pytest.mark.parametrize(
    ("positions", "channels", "folds"),
    [(64, 3, 64), (562_500, 8, 4), (7, 5, 1), (1024, 512, 1), (0, 4, 1), (256, 1, 256)],
)
def test_few_channels_are_folded_into_wide_rows(positions: int, channels: int, folds: int) -> None:
    """By a power of two that divides the positions, up to 256 columns."""
    assert numba_layer.folds(positions, channels) == folds


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
        ({"dtype": "float16"}, "float16 is not offered: only float32 and float64 are"),
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


NO_CACHE = """
import numba.core.caching as caching
caching.CacheImpl._locator_classes = []  # as where neither the package's folder nor the user's can be written
import numpy as np
from bn_impls import numba_kernel, numba_layer
from tests.bn_impls.test_numba_kernel import SETTINGS
assert type(numba_kernel.inference._cache).__name__ == "NullCache"
print(numba_layer.build(SETTINGS).inference(np.array([[1.0], [3.0]])).ravel().tolist())
"""


def test_it_works_where_no_cache_folder_can_be_written() -> None:
    """It compiles again in every process; a fresh layer with epsilon 0 gives its input back."""
    root = Path(__file__).resolve().parents[2]
    found = subprocess.run(
        [sys.executable, "-c", NO_CACHE],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (found.stdout.strip(), found.returncode) == ("[1.0, 3.0]", 0), found.stderr


TAKE_LOCK = """
import fcntl, sys
with open(sys.argv[1], "rb") as source:
    try:
        fcntl.flock(source, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("locked")
    else:
        print("free")
"""


def test_compiled_code_is_kept_by_the_content_of_its_source() -> None:
    """Another source or another Numba gets another folder, so that no index names code that is not its own."""
    folder = Path(numba_kernel.cache_folder())
    source = Path(numba_kernel.__file__).read_bytes() + numba.__version__.encode()
    assert folder.name == sha256(source).hexdigest()[:16]
    assert str(folder) == numba.config.CACHE_DIR


def test_only_one_process_at_a_time_fills_the_cache() -> None:
    """Numba saves an index before the code that it names, so a second process might load what is not there yet."""
    pytest.importorskip("fcntl", reason="this system has no such locks")

    def seen() -> str:
        command = [sys.executable, "-c", TAKE_LOCK, numba_kernel.__file__]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    with numba_layer.locked_cache():
        held = seen()
    assert (held, seen()) == ("locked", "free")
