"""The Keras 3 layer: create, call with ``training=``, and the rest is done.

What its user must remember:

- ``momentum`` is the weight of the *old* moving value, and its default 0.99 needs hundreds of steps to settle.
- ``training`` is a Python bool: True in your own loop, or inference statistics are used and never learned.
- ``epsilon`` is 1e-3 by default, 100 times that of other libraries.
- ``trainable = False`` also switches to inference statistics.
"""

from __future__ import annotations

import tensorflow as tf

from bn_impls import keras_api as api
from bn_impls import tensorflow_boundary as boundary
from bn_impls.interface import (
    Configuration,
    Implementation,
    Layer,
    Trainer,
    TrainerConfiguration,
    Unsupported,
)
from bn_impls.keras_checkpoints import keras_formats
from bn_impls.networks.keras_network import keras_trainer
from bn_impls.state import State
from bn_impls.variants import found_in

# ---- the adapter ----------------------------------------------------------------------------------------------------


def build(configuration: Configuration) -> Layer | Unsupported:
    """Build a layer."""
    reason = boundary.refusal(configuration.device, configuration.style, configuration.dtype, boundary.LAYER_DTYPES)
    if reason or (reason := api.refusal(configuration.conventions, "tensorflow", "TensorFlow")):
        return reason
    with boundary.placed(configuration.device):
        layer = api.batch_norm(configuration, "layer")
        model = api.model_around(layer, configuration)
    parameters = (
        layer.gamma.value if configuration.scale else None,
        layer.beta.value if configuration.center else None,
    )
    counter = boundary.Counted()

    def load(state: State) -> None:
        api.load_state(layer, configuration, state)
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
        export_state=lambda: api.export_state(layer, configuration, counter.updates, boundary.to_numpy),
        load_state=load,
        observe=boundary.observe,
        formats=keras_formats(lambda: model),
    )


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
    variants=found_in("bn_impls.variants.keras_layer"),
    documented={
        "checkpoint_counter": "Keras' layer has no counter of updates, so its checkpoints hold none; nothing in it "
        "depends on the count",
    },
)
