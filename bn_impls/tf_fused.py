"""TensorFlow's fused kernel: ``fused_batch_norm``, which returns new statistics for the caller to assign.

What its user must remember:

- ``exponential_avg_factor`` is the weight of the *new* value, a Python float; left out, it is 1: no average at all.
- The returned variance divides by n - 1, although the one that normalizes divides by n.
- Rank 4 (or 5) only: a dense layer's output is reshaped to (n, 1, 1, c) and back.
- Scale and offset are float32 and obligatory; there is no float64 kernel.
"""

from __future__ import annotations

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
from bn_impls.networks.tensorflow_network import tensorflow_trainer
from bn_impls.tensorflow_layer import Counting, counted_layer
from bn_impls.variants import found_in


class BatchNorm(tf.Module):  # type: ignore[misc]  # TensorFlow has no types
    """Batch normalization by the fused kernel, in TF 2 form."""

    def __init__(self, settings: Configuration) -> None:
        super().__init__()
        self.settings = settings
        self.order = "NHWC" if settings.layout == "channels_last" else "NCHW"
        shape, start = (settings.channels,), settings.conventions
        self.gamma = tf.Variable(tf.ones(shape)) if settings.scale else None
        self.beta = tf.Variable(tf.zeros(shape)) if settings.center else None
        self.moving_mean = tf.Variable(tf.fill(shape, start.initial_mean), trainable=False)
        self.moving_variance = tf.Variable(tf.fill(shape, start.initial_variance), trainable=False)

    def __call__(self, x: tf.Tensor, training: bool) -> tf.Tensor:
        """Normalize; ``training`` is a Python bool."""
        settings = self.settings
        channels = settings.channels
        dense = x.shape.rank == 2
        y, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            tf.reshape(x, [-1, 1, 1, channels]) if dense else x,
            tf.ones([channels]) if self.gamma is None else self.gamma,
            tf.zeros([channels]) if self.beta is None else self.beta,
            mean=self.moving_mean,
            variance=self.moving_variance,
            epsilon=settings.epsilon,
            data_format="NHWC" if dense else self.order,
            is_training=training,
            exponential_avg_factor=1 - settings.decay if training else 1.0,
        )
        if training:
            self.moving_mean.assign(mean)
            self.moving_variance.assign(variance)
        return tf.reshape(y, tf.shape(x)) if dense else y


# ---- the adapter ----------------------------------------------------------------------------------------------------


def configuration_refusal(settings: Configuration | TrainerConfiguration) -> Unsupported | None:
    """Why this cannot be built, or None."""
    if settings.dtype == "float64":
        return Unsupported("FusedBatchNormV3 has no kernel for float64; float32 and 16 bits are offered")
    dtypes = boundary.LAYER_DTYPES if isinstance(settings, Configuration) else boundary.TENSORFLOW_DTYPES
    if reason := boundary.refusal(settings.device, settings.style, settings.dtype, dtypes):
        return reason
    if not settings.conventions.ddof:
        return Unsupported("fused_batch_norm returns a variance divided by n - 1; ddof 0 is not offered")
    if settings.conventions.debias:
        return Unsupported("exponential_avg_factor weighs every new value alike; a debiased average is not offered")
    if settings.conventions.warm_up:
        return Unsupported("exponential_avg_factor is a Python float, frozen into a graph; warm-up is not offered")
    if isinstance(settings, Configuration):
        return _layer_refusal(settings)
    return next(filter(None, map(_layer_refusal, settings.layer_configurations())), None)


def _layer_refusal(layer: Configuration) -> Unsupported | None:
    rank = len(layer.input_shape)
    if rank not in (2, 4):
        return Unsupported(f"rank {rank} is not offered: maps of rank 4 are, and rank 2 by reshaping")
    return None


def build(configuration: Configuration) -> Layer | Unsupported:
    """Build a layer."""
    if reason := configuration_refusal(configuration):
        return reason
    with boundary.placed(configuration.device):
        layer = BatchNorm(configuration)
    return counted_layer(configuration, layer)


def build_trainer(configuration: TrainerConfiguration) -> Trainer | Unsupported:
    """Build a network of TensorFlow operations around :class:`BatchNorm`."""
    if reason := configuration_refusal(configuration):
        return reason
    return tensorflow_trainer(configuration, lambda settings: Counting(BatchNorm(settings)))


IMPLEMENTATION = Implementation(
    conventions=Conventions(ddof=1, initial_mean=0.0, initial_variance=1.0, warm_up=False, decay_in_float32=False),
    packages=("tensorflow", "numpy"),
    build=build,
    build_trainer=build_trainer,
    narrow_statistics=False,
    variants=found_in("bn_impls.variants.tf_fused"),
)
