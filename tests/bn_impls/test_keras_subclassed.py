"""Document 002's way to call Keras: a model subclass, eager, in a tape; and how it is told from others."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

if os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow":
    pytest.skip("Keras runs on another backend in this process", allow_module_level=True)
tf = pytest.importorskip("tensorflow", reason="TensorFlow is not installed")

import keras  # noqa: E402  # comes with TensorFlow

from bn_impls import keras_layer  # noqa: E402


class Subclass(keras.Model):  # type: ignore[misc]  # Keras has no types
    """Somebody's model."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.batch_norm = layer

    def call(self, x: Any, training: bool = False) -> Any:
        """Normalize."""
        return self.batch_norm(x, training=training)


@pytest.fixture(scope="module")
def callables() -> dict[str, tuple[Any, str]]:
    """Ways to call Keras, and what they are."""
    layer, subclass = keras.layers.BatchNormalization(), Subclass(keras.layers.BatchNormalization())
    functional = keras.Sequential([keras.Input((3,)), keras.layers.BatchNormalization()])
    x = tf.ones((4, 3))
    for call in (layer, subclass, functional):
        call(x)
    graph = tf.function(lambda x: subclass(x, training=True), autograph=False)
    return {
        "a layer": (lambda x: layer(x, training=True), "eager"),
        "a model of Keras' own": (lambda x: functional(x, training=True), "eager"),
        "a subclass": (lambda x: subclass(x, training=True), "subclassed"),
        "a graph of a subclass": (graph, "graph"),
        "no operation": (lambda x: x, "unknown"),
    }


WAYS = ("a layer", "a model of Keras' own", "a subclass", "a graph of a subclass", "no operation")


@pytest.mark.parametrize("look", [1, 2], ids=["first-call", "second-call"])
@pytest.mark.parametrize("way", WAYS)
def test_a_call_is_seen_as_what_runs(way: str, look: int, callables: Any) -> None:
    """Subclassed is eager, and inside a call of a model that is not Keras' own; tracing one does not count."""
    function, expected = callables[way]
    seen = [keras_layer.observe(function, tf.ones((4, 3)))["style"].observed for _ in range(look)]
    assert seen == [expected] * look


def test_the_evidence_names_the_class(named_offer: Any) -> None:
    """And the operations."""
    offer = named_offer("keras")
    layer = offer.build(style="subclassed")
    x = layer.to_native(np.ones(layer.configuration.input_shape))
    evidence = layer.observe(layer.training_step, x)["style"].evidence
    assert "operations ran one by one" in evidence
    assert evidence.endswith("inside NormalizingModel.__call__, of a subclass of keras.Model")


def test_a_model_without_a_dtype_casts_what_goes_in() -> None:
    """Keras' behaviour that the exhibit works around: 1 + 2^-30 reaches the float64 layer as 1."""
    layer = keras.layers.BatchNormalization(epsilon=0.0, dtype="float64")
    layer.build((1, 1))
    y = Subclass(layer)(tf.constant([[1.0 + 2.0**-30]], tf.float64))
    assert (y.dtype, y.numpy().tolist()) == (tf.float64, [[1.0]])


def test_watching_leaves_keras_as_it_was() -> None:
    """The watched call is taken away again."""
    before = keras.Model.__call__
    keras_layer.observe(lambda x: x + 1.0, tf.ones(2))
    assert keras.Model.__call__ is before


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")  # Keras to h5py
def test_a_checkpoint_goes_from_one_style_to_another(named_offer: Any, tmp_path: Any) -> None:
    """The file is of a model around the same layer, so a layer called as a graph restores it."""
    offer = named_offer("keras")
    first, second = offer.build(style="subclassed"), offer.build(style="eager")
    first.import_state({**first.export_state(), "moving_mean": np.array([1.0, 2.0, 3.0, 4.0])})
    first.formats["weights-h5"].save(tmp_path)
    second.formats["weights-h5"].restore(tmp_path)
    assert second.export_state()["moving_mean"].tolist() == [1.0, 2.0, 3.0, 4.0]
