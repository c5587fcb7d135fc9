"""float16 and bfloat16 layers: what comes out, what is kept, and how exact it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from bn_impls.accuracy.comparison import Comparison, judge, summarize
from bn_impls.accuracy.dtypes import SIXTEEN_BITS, numpy_dtype
from bn_impls.interface import Layer

if TYPE_CHECKING:
    from tests.bn_impls.conftest import Offer

KEPT_IN_FLOAT32 = ("keras", "tf-fused", "tf-keras", "torch", "flax")


@pytest.fixture(params=SIXTEEN_BITS)
def dtype(request: pytest.FixtureRequest) -> str:
    """Both."""
    pytest.importorskip("ml_dtypes", reason="NumPy has no bfloat16 of its own")
    return str(request.param)


def built(offer: Offer, dtype: str) -> Layer:
    """A layer of maps."""
    layer = offer.implementation().build(offer.configuration(dtype=dtype, input_shape=(8, 7, 7, 5)))
    assert isinstance(layer, Layer), layer
    return layer


@pytest.mark.parametrize("name", [*KEPT_IN_FLOAT32, "tf-manual"])
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


def test_by_hand_in_tensorflow_everything_is_16_bits(dtype: str, named_offer: Callable[[str], Offer]) -> None:
    """tf.nn.moments and the average return what they are given; the grade shows what that costs."""
    layer = built(named_offer("tf-manual"), dtype)
    figures = Comparison(layer, seed=0).step(gradients=True)
    state: Any = layer.export_state()
    assert {state[key].dtype.name for key in ("gamma", "beta", "moving_mean", "moving_variance")} == {dtype}
    assert figures["moving_variance"]["over_bound"] > 10


@pytest.mark.parametrize("name", [*KEPT_IN_FLOAT32, "tf-manual"])
def test_an_array_goes_to_the_framework_and_back_without_loss(
    name: str, dtype: str, named_offer: Callable[[str], Offer]
) -> None:
    """To the bit, with a number that float16 and bfloat16 round in different ways."""
    layer = built(named_offer(name), dtype)
    array = np.random.default_rng(0).normal(1.0, 1.0, (8, 7, 7, 5)).astype(numpy_dtype(dtype))
    back = layer.to_numpy(layer.to_native(array))
    assert back.dtype == array.dtype
    assert np.array_equal(back.view(np.uint16), array.view(np.uint16))
