"""What is special about Keras on JAX: values outside the variables, two passes, no float64."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

if os.environ.get("KERAS_BACKEND") != "jax":
    pytest.skip("test_keras_backends.py runs this in a process of its own", allow_module_level=True)

import keras  # the backend is known to be the right one

from bn_impls import keras_api, keras_jax_layer
from bn_impls.interface import Configuration, Layer, Unsupported

SETTINGS = Configuration(
    input_shape=(2, 1),
    layout="channels_last",
    dtype="float32",
    decay=0.75,
    epsilon=0.0,
    center=True,
    scale=True,
    conventions=keras_api.OWN,
    style="xla",
    device="cpu",
)
TWO_VALUES = np.array([[1.0], [3.0]])  # mean 2, variance 1 over n and 2 over n - 1
both_styles = pytest.mark.parametrize("style", ["xla", "eager"])


def build(**changes: Any) -> Layer:
    """A layer with changed settings."""
    layer = keras_jax_layer.build(replace(SETTINGS, **changes))
    assert isinstance(layer, Layer), layer
    return layer


@both_styles
def test_the_moving_variance_averages_the_variance_over_n(style: Any) -> None:
    """0.75 * 1 + 0.25 * 1; with the one over n - 1 it would be 1.25."""
    layer = build(style=style)
    layer.training_step(layer.to_native(TWO_VALUES))
    after = layer.export_state()
    assert (after["moving_mean"].tolist(), after["moving_variance"].tolist()) == ([0.5], [1.0])


@both_styles
def test_the_variance_takes_two_passes(style: Any) -> None:
    """4096 and 4097 have variance 0.25, which one pass in float32 does not see."""
    layer = build(style=style, decay=0.0)
    layer.training_step(layer.to_native(np.array([[4096.0], [4097.0]])))
    assert layer.export_state()["moving_variance"].tolist() == [0.25]


def test_a_call_returns_the_new_statistics_and_leaves_keras_variables_alone() -> None:
    """Who saves by Keras must copy them back; our checkpoints hold the values."""
    made = keras_jax_layer.KerasLayer(SETTINGS)
    _, moved = made.pure.forward(*made.start(), np.array(TWO_VALUES, np.float32))
    assert float(made.named_statistics(moved)["moving_mean"][0]) == 0.5
    assert float(made.pure.layer.moving_mean.value[0]) == 0.0


def test_a_float64_layer_would_compute_in_float32() -> None:
    """1 + 2^-30 is normalized as 1: Keras' behaviour for which float64 is refused; if this fails, it can be offered."""
    layer = keras.layers.BatchNormalization(epsilon=0.0, dtype="float64")
    x = np.array([[1.0 + 2.0**-30]])
    y = layer(x, training=False)
    assert (str(y.dtype), float(y[0, 0])) == ("float64", 1.0)


def test_float64_is_refused_with_the_reason() -> None:
    """Rather than labelled as what it is not."""
    found = keras_jax_layer.build(replace(SETTINGS, dtype="float64"))
    reason = "Keras on JAX computes a float64 layer in float32, so float64 is not offered"
    assert found == Unsupported(reason)
