"""float16 and bfloat16 layers: what comes out, what is kept, and how exact it is."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from bn_impls.accuracy.comparison import Comparison, judge, summarize
from bn_impls.accuracy.dtypes import SIXTEEN_BITS, numpy_dtype
from bn_impls.interface import Layer, Unsupported

if TYPE_CHECKING:
    from tests.bn_impls.conftest import Offer

KEPT_IN_FLOAT32 = ("keras", "keras-jax", "keras-torch", "tf-fused", "tf-keras", "torch", "flax")
ALL_16_BITS = ("tf-manual", "haiku", "sonnet")
SHAPES = {"sonnet": (56, 7, 5)}  # maps of rank 4 go to a kernel that takes no scale of 16 bits


@pytest.fixture(params=SIXTEEN_BITS)
def dtype(request: pytest.FixtureRequest) -> str:
    """Both."""
    pytest.importorskip("ml_dtypes", reason="NumPy has no bfloat16 of its own")
    return str(request.param)


def built(offer: Offer, dtype: str, **changes: Any) -> Layer:
    """A layer of maps; test_keras_backends.py runs those of Keras' other backends in processes of their own."""
    for variable, value in offer.descriptor.environment:
        if os.environ.get(variable) != value:
            pytest.skip(f"{offer.name} needs a process with {variable}={value}")
    shape = SHAPES.get(offer.name, (8, 7, 7, 5))
    layer = offer.implementation().build(offer.configuration(dtype=dtype, input_shape=shape, **changes))
    assert isinstance(layer, Layer), layer
    return layer


@pytest.mark.parametrize("name", [*KEPT_IN_FLOAT32, *ALL_16_BITS])
def test_a_16_bit_layer_agrees_with_the_reference(name: str, dtype: str, named_offer: Callable[[str], Offer]) -> None:
    """Outputs and input gradients in the input's dtype (a misfit would raise), within what 16 bits explain."""
    layer = built(named_offer(name), dtype)
    comparison = Comparison(layer, seed=0)
    steps = [comparison.step(gradients=gradients) for gradients in (True, True, False)]
    assert judge(summarize(steps), layer.export_state()["num_updates"], 3, []) is None


@pytest.mark.parametrize("name", KEPT_IN_FLOAT32)
def test_mixed_precision_keeps_parameters_and_statistics_in_float32(
    name: str, dtype: str, named_offer: Callable[[str], Offer]
) -> None:
    """Before and after a step; training computes in float32 and rounds once."""
    layer = built(named_offer(name), dtype)
    comparison = Comparison(layer, seed=0)
    figures = comparison.step(gradients=True)
    state: Any = layer.export_state()
    assert {state[key].dtype.name for key in ("gamma", "beta", "moving_mean", "moving_variance")} == {"float32"}
    assert figures["output_training"]["over_bound"] <= 1
    assert max(figures[key]["over_bound"] for key in ("moving_mean", "moving_variance")) <= 1


@pytest.mark.parametrize("name", ALL_16_BITS)
def test_where_nothing_is_kept_wider_everything_is_16_bits(
    name: str, dtype: str, named_offer: Callable[[str], Offer]
) -> None:
    """Moments and averages have the dtype that they are given; the grade shows what that costs."""
    layer = built(named_offer(name), dtype)
    figures = Comparison(layer, seed=0).step(gradients=True)
    state: Any = layer.export_state()
    assert {state[key].dtype.name for key in ("gamma", "beta", "moving_mean", "moving_variance")} == {dtype}
    assert figures["moving_variance"]["over_bound"] > 10


@pytest.mark.parametrize("name", [*KEPT_IN_FLOAT32, *ALL_16_BITS])
def test_an_array_goes_to_the_framework_and_back_without_loss(
    name: str, dtype: str, named_offer: Callable[[str], Offer]
) -> None:
    """To the bit, with a number that float16 and bfloat16 round in different ways."""
    layer = built(named_offer(name), dtype)
    array = np.random.default_rng(0).normal(1.0, 1.0, layer.configuration.input_shape).astype(numpy_dtype(dtype))
    back = layer.to_numpy(layer.to_native(array))
    assert back.dtype == array.dtype
    assert np.array_equal(back.view(np.uint16), array.view(np.uint16))


@pytest.mark.parametrize("name", ["haiku", "sonnet"])
def test_a_debiased_average_in_bfloat16_is_nan_where_its_decay_rounds_to_1(
    name: str, named_offer: Callable[[str], Offer]
) -> None:
    """Decay and its power are bfloat16, too: 0.999 is 1 there, and the first update is 0 / 0; 0.996 is below 1."""
    pytest.importorskip("ml_dtypes", reason="NumPy has no bfloat16 of its own")
    for decay, finite in ((0.999, False), (0.996, True)):
        layer = built(named_offer(name), "bfloat16", decay=decay)
        layer.training_step(layer.to_native(np.ones(layer.configuration.input_shape, np.float32)))
        mean = layer.export_state()["moving_mean"].astype(np.float64)
        assert np.allclose(mean, 1.0, rtol=2**-7) if finite else np.isnan(mean).all(), (decay, mean)


def test_sonnet_gives_the_reason_of_its_kernel_for_maps(dtype: str, named_offer: Callable[[str], Offer]) -> None:
    """What the API itself refuses is a row with the API's own words."""
    offer = named_offer("sonnet")
    refused = offer.implementation().build(offer.configuration(dtype=dtype, input_shape=(8, 7, 7, 5)))
    assert isinstance(refused, Unsupported)
    assert refused.reason.startswith(f"snt.BatchNorm refuses {dtype} maps: Value for attr 'U' of")
