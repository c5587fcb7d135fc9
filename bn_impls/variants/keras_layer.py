"""Probe variants of the Keras 3 layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from bn_impls.interface import Configuration, Layer, Unsupported
from bn_impls.keras_api import batch_norm
from bn_impls.keras_api import refusal as keras_refusal
from bn_impls.variants.tensorflow_variants import Family, broadcast_mask, traced


class Taken(tf.Module):  # type: ignore[misc]  # TensorFlow has no types
    """A Keras layer, and the variables of TensorFlow inside its own."""

    def __init__(self, layer: keras.layers.BatchNormalization, settings: Configuration) -> None:
        super().__init__()
        if not layer.built:
            layer.build(settings.input_shape)
        self.layer = layer
        self.gamma = None if layer.gamma is None else layer.gamma.value
        self.beta = None if layer.beta is None else layer.beta.value
        self.moving_mean, self.moving_variance = layer.moving_mean.value, layer.moving_variance.value

    def __call__(self, x: tf.Tensor, **flags: Any) -> tf.Tensor:
        """Normalize."""
        return self.layer(x, **flags)


def _with(**changes: Any) -> Callable[[Configuration], Taken]:
    """The layer as its users write it, with other arguments."""

    def make(settings: Configuration) -> Taken:
        arguments = batch_norm(settings).get_config() | changes
        return Taken(keras.layers.BatchNormalization(**arguments), settings)

    return make


def _refusal(settings: Configuration) -> Unsupported | None:
    return keras_refusal(settings.conventions, "tensorflow", "TensorFlow")


FAMILY = Family(lambda settings: Taken(batch_norm(settings), settings), _refusal)
verbatim = forward_only = FAMILY.forward_only
evaluating = FAMILY.evaluating
tensor_flag = FAMILY.tensor_flag
second_order = FAMILY.second_order
inference_gradient = FAMILY.inference_gradient
replicas = FAMILY.on_replicas


def defaults(settings: Configuration) -> Layer | Unsupported:
    """Nothing given but the axis and the dtype."""
    own = Family(
        lambda s: Taken(keras.layers.BatchNormalization(axis=s.usual_axis, dtype=s.dtype), s),
        _refusal,
    )
    return own.offered(settings)


def frozen(settings: Configuration) -> Layer | Unsupported:
    """``trainable = False``; users then differentiate for the layer's ``trainable_variables``."""

    def differentiate(layer: Taken) -> Callable[..., Any]:
        layer.layer.trainable = False
        parameters = [None if v is None or not v.trainable else v.value for v in (layer.layer.gamma, layer.layer.beta)]

        def compute(x: tf.Tensor, dy: tf.Tensor) -> tuple[tf.Tensor | None, ...]:
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = layer(x, training=True)
            found = tape.gradient(y, [x, *(v for v in parameters if v is not None)], output_gradients=dy)
            given = iter(found[1:])
            return y, found[0], *(None if v is None else next(given) for v in parameters)

        return compute

    return FAMILY.offered(settings, differentiate=differentiate)


def masked(settings: Configuration) -> Layer | Unsupported:
    """``mask`` beside the input."""

    def forward(layer: Taken) -> Callable[..., Any]:
        call = traced(lambda x, mask: layer(x, training=True, mask=mask), settings.style)
        return lambda x, mask: call(x, broadcast_mask(mask, x))

    return FAMILY.offered(settings, forward=forward, raw=lambda _: True)


def replicas_synchronized(settings: Configuration) -> Layer | Unsupported:
    """``synchronized=True``."""
    return FAMILY.on_replicas(settings, _with(synchronized=True))
