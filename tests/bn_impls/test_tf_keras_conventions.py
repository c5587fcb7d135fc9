"""Keras 2 by value: one layer, two kernels; and conventions that depend on rank and dtype."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bn_impls.interface import (
    Configuration,
    Conventions,
    Implementation,
    Layer,
    OtherKernel,
    TrainerConfiguration,
    Unsupported,
)
from bn_impls.networks.description import BatchNorm, Conv, Dense, Flatten, Glorot, Network
from bn_impls.networks.optimizers import SGD
from bn_impls.registry import descriptors, load

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow greets on stderr

TOLERANCE = {"float64": 64 * 2.0**-53, "float32": 64 * 2.0**-24}
"""Values up to 10: a mean of 24 terms, squares, and the average's three roundings."""
KERNEL = OtherKernel(ranks=(4, 5), dtypes=("float32",), ddof=1)
PLAIN = Conventions(ddof=0, initial_mean=0.0, initial_variance=1.0, warm_up=False, decay_in_float32=False)
BY_KERNEL = replace(PLAIN, fused=KERNEL)


@pytest.fixture(scope="module")
def keras2() -> Implementation:
    """Import it, or skip with the reason."""
    descriptor = descriptors()["tf-keras"]
    if reason := descriptor.missing():
        pytest.skip(reason)
    found: Implementation = load(descriptor)
    return found


def configuration(conventions: Conventions, **changes: Any) -> Configuration:
    """A small layer."""
    usual: dict[str, Any] = {
        "input_shape": (6, 4), "layout": "channels_last", "dtype": "float32", "decay": 0.9, "epsilon": 1e-3,
        "center": True, "scale": True, "style": "graph", "device": "cpu",
    }  # fmt: skip
    return Configuration(conventions=conventions, **usual | changes)


@pytest.mark.parametrize("style", ["graph", "eager", "xla"])
@pytest.mark.parametrize(
    ("shape", "layout", "dtype", "ddof"),
    [
        ((6, 4), "channels_last", "float32", 0),
        ((6, 4), "channels_last", "float64", 0),
        ((6, 2, 4), "channels_last", "float32", 0),
        ((3, 2, 2, 4), "channels_last", "float32", 1),
        ((3, 2, 2, 4), "channels_last", "float64", 0),
        ((3, 4, 2, 2), "channels_first", "float32", 1),
        ((2, 2, 2, 2, 4), "channels_last", "float32", 1),
    ],
)
def test_the_moving_variance_divides_by_rank_and_dtype(
    keras2: Implementation, style: str, shape: tuple[int, ...], layout: str, dtype: str, ddof: int
) -> None:
    """By n - 1 for float32 maps and volumes, by n elsewhere; the new value weighs float32(0.1) everywhere."""
    settings = configuration(keras2.conventions, input_shape=shape, layout=layout, dtype=dtype, style=style)
    assert settings.conventions.ddof == ddof
    layer = keras2.build(settings)
    assert isinstance(layer, Layer), layer
    x = np.random.default_rng(0).normal(1.0, 2.0, shape).astype(dtype)
    layer.training_step(layer.to_native(x))
    weight = float(np.float32(0.1))
    expected = (1 - weight) + weight * x.astype(np.float64).var(axis=settings.reduction_axes, ddof=ddof)
    np.testing.assert_allclose(layer.export_state()["moving_variance"], expected, rtol=0, atol=TOLERANCE[dtype])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"ddof": 1}, "divides by n for rank 2 in float32; ddof 1 is not offered"),
        ({"warm_up": True}, "keeps its momentum constant"),
        ({"complement_in_float32": False}, "rounds 1 - momentum to float32"),
        ({"decay_in_float32": True}, "rounds 1 - momentum to float32"),
    ],
)
def test_a_convention_that_is_not_offered_is_a_value(keras2: Implementation, change: Any, reason: str) -> None:
    """With the reason."""
    conventions = replace(configuration(keras2.conventions).conventions, **change)
    found = keras2.build(configuration(conventions))
    assert isinstance(found, Unsupported)
    assert reason in found.reason


def test_a_network_is_refused_for_one_layer_that_is_not_offered(keras2: Implementation) -> None:
    """Its maps would divide by n - 1, whatever was asked for."""
    norm = BatchNorm(decay=0.9, epsilon=1e-3, center=True, scale=True)
    network = Network("maps", (3, 3, 1), (Conv(2, 3), norm, Flatten(), Dense(2)), Glorot())
    conventions = replace(keras2.conventions, fused=None)
    settings = TrainerConfiguration(network=network, optimizer=SGD(0.1), conventions=conventions, batch_size=4,
                                    dtype="float32", style="graph", device="cpu")  # fmt: skip
    assert keras2.build_trainer is not None
    found = keras2.build_trainer(settings)
    assert isinstance(found, Unsupported)
    assert "divides by n - 1 for rank 4 in float32" in found.reason


def test_a_layers_checkpoint_holds_the_count(keras2: Implementation, tmp_path: Path) -> None:
    """Although the API has none."""
    first, second = (keras2.build(configuration(keras2.conventions)) for _ in range(2))
    assert isinstance(first, Layer)
    assert isinstance(second, Layer)
    x = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    for _ in range(2):
        first.training_step(first.to_native(x))
    first.formats["tf-checkpoint"].save(tmp_path)
    second.formats["tf-checkpoint"].restore(tmp_path)
    for name, value in first.export_state().items():
        np.testing.assert_array_equal(second.export_state()[name], value)  # type: ignore[literal-required]


# ---- the conventions themselves -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "dtype", "ddof"),
    [((6, 4), "float32", 0), ((6, 2, 2, 4), "float32", 1), ((6, 2, 2, 4), "float64", 0), ((6, 2, 4), "float32", 0)],
)
def test_a_configuration_knows_which_kernel_it_meets(shape: tuple[int, ...], dtype: str, ddof: int) -> None:
    """What a layer's configuration says holds without exception."""
    found = configuration(BY_KERNEL, input_shape=shape, dtype=dtype).conventions
    assert (found.ddof, found.fused) == (ddof, None)


def test_a_configuration_keeps_its_kernel_when_the_reference_takes_its_place() -> None:
    """Replacing the dtype of a float32 layer by float64 asks for the exact value of the same thing."""
    maps = configuration(BY_KERNEL, input_shape=(6, 2, 2, 4))
    assert replace(maps, dtype="float64").conventions.ddof == 1


@pytest.mark.parametrize(("dtype", "expected"), [("float32", (0, 1)), ("float64", (0, 0))])
def test_the_exact_network_follows_each_layers_kernel(dtype: str, expected: tuple[int, int]) -> None:
    """Dense and maps, as they are in the dtype that is being judged."""
    norm = BatchNorm(decay=0.9, epsilon=1e-3, center=True, scale=True)
    settings = TrainerConfiguration(network=Network("any", (4,), (Dense(2),), Glorot()), optimizer=SGD(0.1),
                                    conventions=BY_KERNEL, batch_size=4, dtype=dtype, style="graph",
                                    device="cpu").exact()  # fmt: skip
    found = [settings.layer_configuration(norm, shape).conventions.ddof for shape in ((4,), (2, 2, 4))]
    assert (settings.dtype, tuple(found)) == ("float64", expected)


def test_the_complement_alone_may_be_rounded() -> None:
    """1 - 0.9 rounded to float32 is float32(0.1), which is 1.5e-9 above 0.1; an exact decay stays exact."""
    rounded = replace(PLAIN, complement_in_float32=True)
    assert 1 - rounded.decay_of(0.9, 0) == pytest.approx(float(np.float32(0.1)), abs=1e-16)
    assert PLAIN.decay_of(0.9, 0) == 0.9
