"""The Keras 3 layer: create, call with ``training=``, and the rest is done.

What its user must remember:

- ``momentum`` is the weight of the *old* moving value, and its default 0.99 needs hundreds of steps to settle.
- ``training`` is a Python bool: True in your own loop, or inference statistics are used and never learned.
- ``epsilon`` is 1e-3 by default, 100 times that of other libraries.
- ``trainable = False`` also switches to inference statistics.
- In a model subclass called in a ``tf.GradientTape`` (document 002's way, style ``subclassed``), every operation runs
  by itself, and ``call`` must hand ``training`` on. The model has a dtype of its own: left at float32, it casts what
  goes in, and a float64 layer inside computes on float32 values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import keras
import tensorflow as tf

from bn_impls import keras_api as api
from bn_impls import tensorflow_boundary as boundary
from bn_impls.errors import BadCheckpoint
from bn_impls.interface import (
    Configuration,
    Documented,
    Format,
    Implementation,
    Layer,
    Observation,
    Style,
    Trainer,
    TrainerConfiguration,
    Unsupported,
)
from bn_impls.keras_checkpoints import keras_formats
from bn_impls.networks.keras_network import keras_trainer
from bn_impls.state import State
from bn_impls.unbuilt import unbuilt_layer
from bn_impls.variants import found_in


class NormalizingModel(keras.Model):
    """A model subclass with the layer inside, as document 002 writes its network."""

    def __init__(self, layer: keras.layers.BatchNormalization) -> None:
        super().__init__(dtype=layer.dtype_policy)
        self.batch_norm = layer

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Normalize."""
        return self.batch_norm(x, training=training)


# ---- the adapter ----------------------------------------------------------------------------------------------------


def observe(function: Callable[..., Any], *inputs: Any) -> Mapping[str, Observation]:
    """What TensorFlow sees, and, where single operations ran, whether they ran inside a call of a model subclass."""
    called: list[str] = []
    call = keras.Model.__call__

    def watched(model: keras.Model, *arguments: Any, **options: Any) -> Any:
        if not type(model).__module__.startswith("keras."):  # Keras' own models call no code of their users
            called.append(type(model).__name__)
        return call(model, *arguments, **options)

    with mock.patch.object(keras.Model, "__call__", watched):
        found = boundary.observe(function, *inputs)
    style = found["style"]
    if not called or style.observed != "eager":
        return found
    evidence = f"{style.evidence}; inside {called[0]}.__call__, of a subclass of keras.Model"
    return {**found, "style": Observation("subclassed", evidence)}


def _called_as(configuration: Configuration) -> Style:
    return "eager" if configuration.style == "subclassed" else configuration.style


def layer_refusal(configuration: Configuration) -> Unsupported | None:
    """Why a layer cannot be built so, or None."""
    style = _called_as(configuration)
    reason = boundary.refusal(configuration.device, style, configuration.dtype, boundary.LAYER_DTYPES)
    return reason or api.refusal(configuration.conventions, "tensorflow", "TensorFlow")


def build(configuration: Configuration) -> Layer | Unsupported:
    """Build a layer."""
    if reason := layer_refusal(configuration):
        return reason
    with boundary.placed(configuration.device):
        return layer_around(configuration, api.batch_norm(configuration, "layer"))


def layer_around(configuration: Configuration, layer: keras.layers.Layer) -> Layer:
    """The layer of the interface around a layer of Keras that has no variables yet."""
    with boundary.placed(configuration.device):
        model = api.model_around(layer, configuration)
    return layer_of(configuration, layer, model)


def layer_of(configuration: Configuration, layer: keras.layers.BatchNormalization, model: keras.Model) -> Layer:
    """The layer of the interface around one of Keras, which is the only one of a model."""
    style = _called_as(configuration)
    called = NormalizingModel(layer) if configuration.style == "subclassed" else layer
    parameters = (
        layer.gamma.value if configuration.scale else None,
        layer.beta.value if configuration.center else None,
    )
    counter = boundary.Counted()

    def load(state: State) -> None:
        api.load_state(layer, configuration, state)
        counter.updates = state["num_updates"]

    def forward(x: tf.Tensor) -> tf.Tensor:
        return called(x, training=True)

    tensor = tf.TensorSpec(configuration.input_shape, configuration.dtype)
    with boundary.placed(configuration.device):
        inference = boundary.styled(lambda x: called(x, training=False), style, tensor)
        training_step = boundary.styled(forward, style, tensor)
        with_gradients = boundary.styled(boundary.gradients(forward, parameters), style, tensor, tensor)
    return Layer(
        configuration=configuration,
        inference=inference,
        training_step=counter.wrap(training_step),
        training_step_with_gradients=counter.wrap(with_gradients),
        to_native=boundary.to_native(configuration.device, configuration.dtype),
        to_numpy=boundary.to_numpy,
        synchronize=boundary.synchronize,
        export_state=lambda: api.export_state(layer, configuration, counter.updates, boundary.to_numpy),
        load_state=load,
        observe=observe,
        formats={**keras_formats(lambda: model), **tracked_formats(model, configuration)},
    )


def tracked_formats(model: keras.Model, configuration: Configuration) -> dict[str, Format]:
    """``tf.train.Checkpoint`` and SavedModel of the model around the layer."""
    tensor = tf.TensorSpec(configuration.input_shape, configuration.dtype)
    return boundary.layer_formats({"model": model}, lambda x: model(x, training=False), tensor)


def unbuilt(configuration: Configuration) -> Layer | Unsupported:
    """A model without variables: Keras refuses to load weights into it; TensorFlow's checkpoint waits for them."""
    model = keras.Sequential([api.batch_norm(configuration, "layer")])

    def load_weights(directory: Path) -> Layer:
        keras_formats(lambda: model)["weights-h5"].restore(directory)
        raise BadCheckpoint(f"{directory}: an unbuilt model took weights; what it has built from them is not known")

    def restore(directory: Path) -> Layer:
        with boundary.deferred(tf.train.Checkpoint(model=model), directory):
            model.build(configuration.input_shape)
        (layer,) = model.layers
        return layer_of(configuration, layer, model)

    return unbuilt_layer(build(configuration), {"weights-h5": load_weights, "tf-checkpoint": restore})


def build_trainer(configuration: TrainerConfiguration) -> Trainer | Unsupported:
    """Build a Keras model around :func:`bn_impls.keras_api.batch_norm`, with a Keras optimizer."""
    if reason := api.refusal(configuration.conventions, "tensorflow", "TensorFlow"):
        return reason
    return keras_trainer(configuration, api.batch_norm)


IMPLEMENTATION = Implementation(
    conventions=api.OWN,
    packages=("keras", "tensorflow", "numpy"),
    build=build,
    build_trainer=build_trainer,
    narrow_statistics=False,
    variants=found_in("bn_impls.variants.keras_layer"),
    unbuilt=unbuilt,
    documented={
        "checkpoint_counter": Documented(
            "checkpoint_counter",
            "Keras' layer has no counter of updates, so its checkpoints hold none; nothing in it depends on the count",
        )
    },
)
