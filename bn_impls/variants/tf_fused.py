"""Probe variants of TensorFlow's fused kernel."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from bn_impls.interface import Configuration, Layer, Unsupported
from bn_impls.tf_fused import BatchNorm, configuration_refusal
from bn_impls.variants.tensorflow_variants import Family


class Given(BatchNorm):
    """The kernel with the arguments that are handed in, and no others."""

    def __init__(self, settings: Configuration, **arguments: Any) -> None:
        super().__init__(settings)
        self.arguments = arguments

    def __call__(self, x: tf.Tensor, training: bool) -> tf.Tensor:
        """Normalize a map; without a factor there is no average, and the old statistics must not be given."""
        keep = training and "exponential_avg_factor" not in self.arguments
        given = self.arguments if training else {k: v for k, v in self.arguments.items() if k == "epsilon"}
        y, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            tf.reshape(x, [-1, 1, 1, self.settings.channels]) if x.shape.rank == 2 else x,
            self.gamma,
            self.beta,
            mean=None if keep else self.moving_mean,
            variance=None if keep else self.moving_variance,
            is_training=training,
            **given,
        )
        if training:
            self.moving_mean.assign(mean)
            self.moving_variance.assign(variance)
        return tf.reshape(y, tf.shape(x))


def _dtype_refusal(settings: Configuration) -> Unsupported | None:
    return None if settings.dtype == "float32" else Unsupported(f"there is no kernel for {settings.dtype}")


FAMILY = Family(BatchNorm, configuration_refusal)
evaluating = FAMILY.evaluating
tensor_flag = FAMILY.tensor_flag
second_order = FAMILY.second_order
inference_gradient = FAMILY.inference_gradient
replicas = FAMILY.on_replicas
frozen = Unsupported("a function has no switch that freezes: what is not given to the optimizer stays")
masked = Unsupported("fused_batch_norm takes no mask")
replicas_synchronized = Unsupported("the fused kernel knows of no replicas")


def defaults(settings: Configuration) -> Layer | Unsupported:
    """Neither epsilon nor factor given; the returned statistics are assigned."""
    return Family(Given, _dtype_refusal).offered(settings)


def verbatim(settings: Configuration) -> Layer | Unsupported:
    """The configured decay as ``exponential_avg_factor``, and epsilon as given."""

    def make(given: Configuration) -> Given:
        return Given(given, epsilon=given.epsilon, exponential_avg_factor=given.decay)

    return Family(make, _dtype_refusal).offered(settings)


def forward_only(settings: Configuration) -> Layer | Unsupported:
    """The kernel's output alone."""

    def forward(layer: BatchNorm) -> Any:
        def call(x: tf.Tensor) -> tf.Tensor:
            return tf.compat.v1.nn.fused_batch_norm(
                x, layer.gamma, layer.beta, layer.moving_mean, layer.moving_variance, settings.epsilon,
                is_training=True, exponential_avg_factor=1 - settings.decay,
            )[0]  # fmt: skip

        return call

    return FAMILY.offered(settings, forward=forward)
