"""Probe variants of the Keras 3 layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from bn_impls.interface import Configuration, Layer, Unsupported
from bn_impls.keras_api import batch_norm
from bn_impls.keras_api import refusal as keras_refusal
from bn_impls.variants.tensorflow_variants import Family


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
masked = FAMILY.masked
replicas = FAMILY.on_replicas


def defaults(settings: Configuration) -> Layer | Unsupported:
    """Nothing given but the axis and the dtype."""
    own = Family(
        lambda s: Taken(keras.layers.BatchNormalization(axis=s.usual_axis, dtype=s.dtype), s),
        _refusal,
    )
    return own.offered(settings)


def _trainable(layer: Taken) -> list[tf.Variable]:
    return [variable.value for variable in layer.layer.trainable_variables]


def frozen(settings: Configuration) -> Layer | Unsupported:
    """``trainable = False``."""

    def make(given: Configuration) -> Taken:
        layer = Taken(batch_norm(given), given)
        layer.layer.trainable = False
        return layer

    return Family(make, _refusal).differentiated_for(settings, _trainable)


synchronized = _with(synchronized=True)


def replicas_synchronized(settings: Configuration) -> Layer | Unsupported:
    """``synchronized=True``."""
    return FAMILY.on_replicas(settings, synchronized)
