"""Probe variants of the Haiku module."""

from __future__ import annotations

from typing import Any

import haiku as hk
import jax
import jax.numpy as jnp

from bn_impls.haiku_layer import NAME, HaikuLayer, PureBatchNorm
from bn_impls.interface import Configuration, Layer, Unsupported
from bn_impls.jax_layer import layer_of
from bn_impls.variants.jax_variants import AXIS, SIDE_BY_SIDE, Family

FAMILY = Family(HaikuLayer)
forward_only = FAMILY.forward_only
evaluating = FAMILY.evaluating
second_order = FAMILY.second_order
inference_gradient = FAMILY.inference_gradient
replicas = SIDE_BY_SIDE
defaults = Unsupported("hk.BatchNorm must be told decay_rate, create_scale and create_offset; eps alone has a default")
frozen = Unsupported("Haiku has no switch that freezes: what is not given to the optimizer stays")
masked = Unsupported("hk.BatchNorm takes no mask")


def verbatim(settings: Configuration) -> Layer | Unsupported:
    """With the values that ``init`` gives for an example of zeros."""
    held = FAMILY.held(settings)
    if isinstance(held, Unsupported):
        return held
    example = jax.device_put(jnp.zeros(settings.input_shape, settings.dtype), held.place)
    held.parameters, held.statistics = _pure(held.layer).transformed.init(None, example, True)
    return layer_of(held)


def _pure(layer: Any) -> PureBatchNorm:
    pure: PureBatchNorm = layer.pure
    return pure


def tensor_flag(settings: Configuration) -> Layer | Unsupported:
    """``is_training`` is an array."""

    def call(pure: PureBatchNorm, parameters: Any, state: Any, x: jax.Array, flag: jax.Array) -> Any:
        return pure.transformed.apply(parameters, state, x, flag)

    return FAMILY.called(settings, call)


def replicas_synchronized(settings: Configuration) -> Layer | Unsupported:
    """``cross_replica_axis``."""

    def make(given: Configuration) -> hk.TransformedWithState:
        def call(x: jax.Array, is_training: bool) -> jax.Array:
            layer = hk.BatchNorm(
                True, True, given.decay, given.epsilon, data_format=given.layout, cross_replica_axis=AXIS, name=NAME
            )
            return layer(x, is_training)

        return hk.without_apply_rng(hk.transform_with_state(call))

    return FAMILY.on_replicas(settings, lambda given: HaikuLayer(given, make))
