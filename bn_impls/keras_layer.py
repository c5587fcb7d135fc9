"""The Keras 3 layer: create, call with ``training=``, and the rest is done.

What its user must remember:

- ``momentum`` is the weight of the *old* moving value, and its default 0.99 needs hundreds of steps to settle.
- ``training`` is a Python bool: True in your own loop, or inference statistics are used and never learned.
- ``epsilon`` is 1e-3 by default, 100 times that of other libraries.
- ``trainable = False`` also switches to inference statistics.
"""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from bn_impls import tensorflow_boundary as boundary
from bn_impls.interface import (
    Configuration,
    Conventions,
    Implementation,
    Layer,
    Trainer,
    TrainerConfiguration,
    Unsupported,
)
from bn_impls.keras_checkpoints import keras_formats
from bn_impls.networks.keras_network import keras_trainer
from bn_impls.state import State


def batch_norm(settings: Configuration, name: str | None = None) -> keras.layers.BatchNormalization:
    """The layer as Keras' users write it."""
    return keras.layers.BatchNormalization(
        axis=settings.usual_axis,
        momentum=settings.decay,
        epsilon=settings.epsilon,
        center=settings.center,
        scale=settings.scale,
        moving_mean_initializer=keras.initializers.Constant(settings.conventions.initial_mean),
        moving_variance_initializer=keras.initializers.Constant(settings.conventions.initial_variance),
        dtype=settings.dtype,
        name=name,
    )


# ---- the adapter ----------------------------------------------------------------------------------------------------


def _refusal(conventions: Conventions) -> Unsupported | None:
    if keras.backend.backend() != "tensorflow":
        return Unsupported(f"Keras runs on {keras.backend.backend()} here; this implementation is for TensorFlow")
    if conventions.ddof:
        return Unsupported("keras.layers.BatchNormalization divides by n; ddof 1 is not offered")
    if conventions.warm_up:
        return Unsupported("keras.layers.BatchNormalization keeps its momentum constant; warm-up is not offered")
    if conventions.decay_in_float32:
        return Unsupported("keras.layers.BatchNormalization applies its momentum as given, not rounded to float32")
    return None


def _export(layer: keras.layers.BatchNormalization, settings: Configuration, updates: int) -> State:
    ones, zeros = np.ones(settings.channels, settings.dtype), np.zeros(settings.channels, settings.dtype)
    return State(
        gamma=layer.gamma.numpy() if settings.scale else ones,
        beta=layer.beta.numpy() if settings.center else zeros,
        moving_mean=layer.moving_mean.numpy(),
        moving_variance=layer.moving_variance.numpy(),
        num_updates=updates,
    )


def _load(layer: keras.layers.BatchNormalization, settings: Configuration, state: State) -> None:
    layer.moving_mean.assign(state["moving_mean"])
    layer.moving_variance.assign(state["moving_variance"])
    if settings.scale:
        layer.gamma.assign(state["gamma"])
    if settings.center:
        layer.beta.assign(state["beta"])


def build(configuration: Configuration) -> Layer | Unsupported:
    """Build a layer."""
    reason = boundary.refusal(configuration.device, configuration.style, configuration.dtype)
    if reason or (reason := _refusal(configuration.conventions)):
        return reason
    with boundary.placed(configuration.device):
        layer = batch_norm(configuration, "layer")
        model = keras.Sequential([keras.Input(batch_shape=configuration.input_shape, dtype=configuration.dtype), layer])
    parameters = (
        layer.gamma.value if configuration.scale else None,
        layer.beta.value if configuration.center else None,
    )
    counter = boundary.Counted()

    def load(state: State) -> None:
        _load(layer, configuration, state)
        counter.updates = state["num_updates"]

    def forward(x: tf.Tensor) -> tf.Tensor:
        return layer(x, training=True)

    tensor = tf.TensorSpec(configuration.input_shape, configuration.dtype)
    with boundary.placed(configuration.device):
        inference = boundary.styled(lambda x: layer(x, training=False), configuration.style, tensor)
        training_step = boundary.styled(forward, configuration.style, tensor)
        with_gradients = boundary.styled(boundary.gradients(forward, parameters), configuration.style, tensor, tensor)
    return Layer(
        configuration=configuration,
        inference=inference,
        training_step=counter.wrap(training_step),
        training_step_with_gradients=counter.wrap(with_gradients),
        to_native=boundary.to_native(configuration.device, configuration.dtype),
        to_numpy=boundary.to_numpy,
        synchronize=boundary.synchronize,
        export_state=lambda: _export(layer, configuration, counter.updates),
        load_state=load,
        observe=boundary.observe,
        formats=keras_formats(lambda: model),
    )


def build_trainer(configuration: TrainerConfiguration) -> Trainer | Unsupported:
    """Build a Keras model around :func:`batch_norm`, with a Keras optimizer."""
    if reason := _refusal(configuration.conventions):
        return reason
    return keras_trainer(configuration, batch_norm)


IMPLEMENTATION = Implementation(
    conventions=Conventions(ddof=0, initial_mean=0.0, initial_variance=1.0, warm_up=False, decay_in_float32=False),
    packages=("keras", "tensorflow", "numpy"),
    build=build,
    build_trainer=build_trainer,
    documented={
        "checkpoint_counter": "Keras' layer has no counter of updates, so its checkpoints hold none; nothing in it "
        "depends on the count",
    },
)
