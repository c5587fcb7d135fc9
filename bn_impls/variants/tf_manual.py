"""Probe variants of TensorFlow's low-level functions."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from bn_impls.interface import Configuration, Layer, Unsupported
from bn_impls.tf_manual import BatchNorm, conventions_refusal
from bn_impls.variants.tensorflow_variants import Family


def _refusal(settings: Configuration) -> Unsupported | None:
    return conventions_refusal(settings.conventions)


def _set_count(layer: Any, updates: int) -> None:
    layer.num_updates.assign(updates)


FAMILY = Family(BatchNorm, _refusal, _set_count)
verbatim = FAMILY.forward_only
evaluating = FAMILY.evaluating
tensor_flag = FAMILY.tensor_flag
second_order = FAMILY.second_order
inference_gradient = FAMILY.inference_gradient
replicas = FAMILY.on_replicas
defaults = Unsupported("tf.nn.batch_normalization and ExponentialMovingAverage have no default epsilon and decay")
frozen = Unsupported("functions have no switch that freezes: what is not given to the optimizer stays")
masked = Unsupported("tf.nn.moments takes no mask; tf.nn.weighted_moments would be another layer")


def forward_only(settings: Configuration) -> Any:
    """Moments and normalization, without ``ExponentialMovingAverage.apply``."""

    def forward(layer: BatchNorm) -> Any:
        def call(x: tf.Tensor) -> tf.Tensor:
            mean, variance = tf.nn.moments(x, layer.axes)
            return tf.nn.batch_normalization(x, mean, variance, layer.beta, layer.gamma, layer.epsilon)

        return call

    return FAMILY.offered(settings, forward=forward)


def all_reduced_moments(x: tf.Tensor, axes: tuple[int, ...]) -> tuple[tf.Tensor, tf.Tensor]:
    """Mean and variance over all replicas, whose parts of the batch have the same size.

    The variance of all rows is the mean of the parts' variances and of their means' squared distances from the whole
    mean, so that nothing cancels, as it does in E[x^2] - E[x]^2.
    """
    replica = tf.distribute.get_replica_context()
    mean, variance = tf.nn.moments(x, axes)
    whole = replica.all_reduce(tf.distribute.ReduceOp.MEAN, mean)
    return whole, replica.all_reduce(tf.distribute.ReduceOp.MEAN, variance + tf.square(mean - whole))


def synchronized(settings: Configuration) -> BatchNorm:
    """The layer with moments over all replicas, as its users would write it."""
    return BatchNorm(settings, all_reduced_moments)


def replicas_synchronized(settings: Configuration) -> Layer | Unsupported:
    """Moments by hand, all-reduced."""
    return FAMILY.on_replicas(settings, synchronized)
