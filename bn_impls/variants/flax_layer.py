"""Probe variants of the Flax module."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from bn_impls.flax_layer import FlaxLayer, PureBatchNorm, batch_norm
from bn_impls.interface import Configuration, Layer, Unsupported
from bn_impls.variants.jax_variants import AXIS, SIDE_BY_SIDE, Family, rows_of

FAMILY = Family(FlaxLayer)
forward_only = FAMILY.forward_only
evaluating = FAMILY.evaluating
second_order = FAMILY.second_order
inference_gradient = FAMILY.inference_gradient
replicas = SIDE_BY_SIDE
frozen = Unsupported("nnx modules have no switch that freezes: what is not given to the optimizer stays")


def _offered(settings: Configuration, make: Callable[[Configuration], nnx.BatchNorm]) -> Layer | Unsupported:
    return FAMILY.offered(settings, lambda given: FlaxLayer(given, make))


def defaults(settings: Configuration) -> Layer | Unsupported:
    """Nothing given but the number of channels, their axis and the dtypes."""
    return _offered(
        settings,
        lambda s: nnx.BatchNorm(s.channels, axis=s.channel_axis, dtype=s.dtype, param_dtype=s.dtype, rngs=nnx.Rngs(0)),
    )


def verbatim(settings: Configuration) -> Layer | Unsupported:
    """The configured decay as ``momentum``, and the module's own start values."""
    return _offered(
        settings,
        lambda s: nnx.BatchNorm(
            s.channels, axis=s.channel_axis, momentum=s.decay, epsilon=s.epsilon, dtype=s.dtype, param_dtype=s.dtype,
            rngs=nnx.Rngs(0),
        ),
    )  # fmt: skip


def _called(settings: Configuration, options: Callable[[jax.Array, jax.Array], Any]) -> Layer | Unsupported:
    """The module called with options made of the input and one more array."""

    def call(pure: PureBatchNorm, parameters: nnx.State, statistics: nnx.State, x: Any, more: Any) -> Any:
        layer = nnx.merge(pure.structure, parameters, statistics, copy=True)
        return layer(x, **options(x, more)), nnx.state(layer, nnx.BatchStat)

    return FAMILY.called(settings, call)


def masked(settings: Configuration) -> Layer | Unsupported:
    """``mask`` beside the input."""

    def options(x: jax.Array, mask: jax.Array) -> Any:
        return {"use_running_average": False, "mask": rows_of(mask, x, x.ndim)}

    return _called(settings, options)


def tensor_flag(settings: Configuration) -> Layer | Unsupported:
    """``use_running_average`` is an array."""
    return _called(settings, lambda x, flag: {"use_running_average": jnp.logical_not(flag)})


def replicas_synchronized(settings: Configuration) -> Layer | Unsupported:
    """The module's ``axis_name``."""

    def make(given: Configuration) -> nnx.BatchNorm:
        layer = batch_norm(given)
        layer.axis_name = AXIS
        return layer

    return FAMILY.on_replicas(settings, lambda given: FlaxLayer(given, make))
