"""What is special about Keras on PyTorch: one pass, no float64, no graph."""

from __future__ import annotations

import os
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

if os.environ.get("KERAS_BACKEND") != "torch":
    pytest.skip("test_keras_backends.py runs this in a process of its own", allow_module_level=True)

import keras  # the backend is known to be the right one
import torch

from bn_impls import keras_api, keras_torch_layer
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
    style="eager",
    device="cpu",
)
TWO_VALUES = np.array([[1.0], [3.0]])  # mean 2, variance 1 over n and 2 over n - 1


def build(**changes: Any) -> Layer:
    """A layer with changed settings."""
    layer = keras_torch_layer.build(replace(SETTINGS, **changes))
    assert isinstance(layer, Layer), layer
    return layer


def test_the_moving_variance_averages_the_variance_over_n() -> None:
    """0.75 * 1 + 0.25 * 1; with the one over n - 1 it would be 1.25."""
    layer = build()
    layer.training_step(layer.to_native(TWO_VALUES))
    after = layer.export_state()
    assert (after["moving_mean"].tolist(), after["moving_variance"].tolist()) == ([0.5], [1.0])


def test_the_variance_takes_one_pass() -> None:
    """4096 and 4097 have variance 0.25; float32 has 4096.5^2 and the mean of the squares only to the nearest 2: 0."""
    layer = build(decay=0.0)
    layer.training_step(layer.to_native(np.array([[4096.0], [4097.0]])))
    assert layer.export_state()["moving_variance"].tolist() == [0.0]


def test_one_graph_is_refused_by_the_compiler() -> None:
    """Keras' behaviour for which ``graph`` is refused; if this fails, it can be offered."""
    layer = keras.layers.BatchNormalization()
    layer.build((2, 1))
    compiled = torch.compile(lambda x: layer(x, training=True), fullgraph=True, dynamic=False)
    with warnings.catch_warnings(), pytest.raises(torch._dynamo.exc.Unsupported):
        warnings.simplefilter("ignore")  # of caches that it traces through
        compiled(torch.ones(2, 1))


def test_a_graph_is_not_offered() -> None:
    """With the reason."""
    found = keras_torch_layer.build(replace(SETTINGS, style="graph"))
    assert isinstance(found, Unsupported)
    assert found.reason.startswith("torch.compile cannot take Keras' layer as one graph")


def test_channels_are_last_in_the_tensors_too() -> None:
    """Nothing is permuted on the way in."""
    layer = build(input_shape=(2, 3, 4, 5))
    assert layer.to_native(np.zeros((2, 3, 4, 5))).shape == (2, 3, 4, 5)


def test_a_float64_layer_would_compute_in_float32() -> None:
    """1 + 2^-30 is normalized as 1: Keras' behaviour for which float64 is refused; if this fails, it can be offered."""
    layer = keras.layers.BatchNormalization(epsilon=0.0, dtype="float64")
    x = torch.tensor([[1.0 + 2.0**-30]], dtype=torch.float64)
    y = layer(x, training=False)
    assert (y.dtype, float(y[0, 0].detach())) == (torch.float64, 1.0)


def test_float64_is_refused_with_the_reason() -> None:
    """Rather than labelled as what it is not."""
    found = keras_torch_layer.build(replace(SETTINGS, dtype="float64"))
    reason = "Keras on PyTorch computes a float64 layer in float32, so float64 is not offered"
    assert found == Unsupported(reason)
