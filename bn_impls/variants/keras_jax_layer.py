"""Probe variants of the Keras 3 layer on JAX."""

from __future__ import annotations

from typing import Any

import jax
import keras

from bn_impls import keras_api as api
from bn_impls.interface import Configuration, Layer, Unsupported
from bn_impls.keras_jax_layer import KerasLayer, StatelessBatchNorm, Values, refusal
from bn_impls.variants.jax_variants import SIDE_BY_SIDE, Family, rows_of

FAMILY = Family(KerasLayer, refusal)
verbatim = FAMILY.offered
forward_only = FAMILY.forward_only
evaluating = FAMILY.evaluating
second_order = FAMILY.second_order
inference_gradient = FAMILY.inference_gradient
replicas = SIDE_BY_SIDE
replicas_synchronized = Unsupported("Keras on JAX refuses synchronized=True")


def defaults(settings: Configuration) -> Layer | Unsupported:
    """Nothing given but the axis and the dtype."""

    def make(given: Configuration) -> keras.layers.BatchNormalization:
        return keras.layers.BatchNormalization(axis=given.usual_axis, dtype=given.dtype)

    return FAMILY.offered(settings, lambda given: KerasLayer(given, make))


def frozen(settings: Configuration) -> Layer | Unsupported:
    """``trainable = False``: gamma and beta are then among the values that are not trained."""

    def make(given: Configuration) -> keras.layers.BatchNormalization:
        layer = api.batch_norm(given)
        layer.trainable = False
        return layer

    return FAMILY.offered(settings, lambda given: KerasLayer(given, make))


def masked(settings: Configuration) -> Layer | Unsupported:
    """``mask`` beside the input."""

    def call(pure: StatelessBatchNorm, parameters: Values, statistics: Values, x: Any, mask: Any) -> Any:
        return pure.call(parameters, statistics, x, training=True, mask=rows_of(mask, x, x.ndim - 1))

    return FAMILY.called(settings, call)


def tensor_flag(settings: Configuration) -> Layer | Unsupported:
    """``training`` is an array."""

    def call(pure: StatelessBatchNorm, parameters: Values, statistics: Values, x: Any, flag: jax.Array) -> Any:
        return pure.call(parameters, statistics, x, training=flag)

    return FAMILY.called(settings, call)
