"""Probe variants of the Sonnet module."""

from __future__ import annotations

from typing import Any

import sonnet as snt
import tensorflow as tf

from bn_impls.interface import Configuration, Layer, Unsupported
from bn_impls.sonnet_layer import Held, decay_rate, refusal
from bn_impls.variants.tensorflow_variants import Family


def _set_count(layer: Held, updates: int) -> None:
    layer.num_updates.assign(updates)
    layer.settle()


FAMILY = Family(Held, refusal, _set_count)
verbatim = forward_only = FAMILY.forward_only
evaluating = FAMILY.evaluating
tensor_flag = FAMILY.tensor_flag
second_order = FAMILY.second_order
inference_gradient = FAMILY.inference_gradient
replicas = FAMILY.on_replicas
frozen = Unsupported("Sonnet modules have no switch that freezes: what is not given to the optimizer stays")
masked = Unsupported("snt.BatchNorm takes no mask")


def defaults(settings: Configuration) -> Layer | Unsupported:
    """Nothing given but scale and offset, which must be."""

    def module(given: Configuration) -> Any:
        made = snt.BatchNorm(create_scale=True, create_offset=True, data_format=given.layout)
        made(tf.zeros(given.input_shape, given.dtype), is_training=False)
        return made

    return Family(lambda given: Held(given, module), refusal, _set_count).offered(settings)


def replicas_synchronized(settings: Configuration) -> Layer | Unsupported:
    """``snt.distribute.CrossReplicaBatchNorm``."""

    def module(given: Configuration) -> Any:
        made = snt.distribute.CrossReplicaBatchNorm(
            create_scale=True,
            create_offset=True,
            moving_mean=snt.ExponentialMovingAverage(decay_rate(given)),
            moving_variance=snt.ExponentialMovingAverage(decay_rate(given)),
            eps=given.epsilon,
            data_format=given.layout,
        )
        made._initialize(tf.zeros(given.input_shape, given.dtype))  # a call would, but it must be a replica's
        return made

    return FAMILY.on_replicas(settings, lambda given: Held(given, module))
