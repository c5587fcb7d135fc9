"""Probe variants of the Keras 2 layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf
import tf_keras

from bn_impls.interface import Configuration, Layer, Unsupported
from bn_impls.keras2_kernels import kernel_refusal
from bn_impls.tf_keras_layer import batch_norm
from bn_impls.variants.tensorflow_variants import Family


def _built(settings: Configuration, **arguments: Any) -> tf_keras.layers.BatchNormalization:
    layer = tf_keras.layers.BatchNormalization(**arguments)
    layer.build(tf.TensorShape([None, *settings.input_shape[1:]]))
    return layer


FAMILY = Family(batch_norm, kernel_refusal)
forward_only = FAMILY.forward_only
evaluating = FAMILY.evaluating
tensor_flag = FAMILY.tensor_flag
second_order = FAMILY.second_order
inference_gradient = FAMILY.inference_gradient
masked = FAMILY.masked
replicas = FAMILY.on_replicas


def _unrefused(make: Callable[[Configuration], Any]) -> Family:
    return Family(make, lambda _: None)


def verbatim(settings: Configuration) -> Layer | Unsupported:
    """Epsilon as given, also where the fused kernel raises it."""
    return _unrefused(batch_norm).offered(settings)


def defaults(settings: Configuration) -> Layer | Unsupported:
    """Nothing given but the axis and the dtype."""
    return _unrefused(lambda s: _built(s, axis=s.usual_axis, dtype=s.dtype)).offered(settings)


def frozen(settings: Configuration) -> Layer | Unsupported:
    """``trainable = False``."""

    def make(given: Configuration) -> tf_keras.layers.BatchNormalization:
        layer = batch_norm(given)
        layer.trainable = False
        return layer

    return Family(make, kernel_refusal).differentiated_for(settings, lambda layer: list(layer.trainable_variables))


def replicas_synchronized(settings: Configuration) -> Layer | Unsupported:
    """``synchronized=True``."""

    def make(given: Configuration) -> tf_keras.layers.BatchNormalization:
        return _built(given, **batch_norm(given).get_config() | {"synchronized": True, "fused": None})

    return FAMILY.on_replicas(settings, make)
