"""TensorFlow 1's layer function: ``tf.layers.batch_normalization``, its updates in a collection.

What its user must remember:

- The updates stand in the collection UPDATE_OPS, and nothing runs them unless the training operation depends on them.
- ``training`` is False by default, and then there are no updates at all; feed a placeholder.
- Maps in float32 go to a fused kernel, whose moving variance divides by n - 1; rank 2, and float64, divide by n.
- ``momentum`` is the weight of the *old* value, 0.99 by default; ``epsilon`` is 1e-3.
- The function lives on in the package ``tf_keras``; ``tf.compat.v1.layers`` raises beside Keras 3.
"""

from __future__ import annotations

import warnings

import tensorflow as tf
import tensorflow.compat.v1 as v1
from tf_keras.src.legacy_tf_layers import normalization

from bn_impls.interface import (
    Configuration,
    Conventions,
    Implementation,
    Layer,
    Trainer,
    TrainerConfiguration,
    Unsupported,
)
from bn_impls.keras2_kernels import BY_RANK, kernel_refusal
from bn_impls.networks.tf1_network import tf1_trainer
from bn_impls.tf1_boundary import Drawn, Feeds, refusal, tf1_layer
from bn_impls.variants import found_in


def batch_normalization(x: tf.Tensor, training: tf.Tensor, settings: Configuration, name: str) -> tf.Tensor:
    """The layer as documents 000, 001 and 004 write it; ``training`` is a placeholder."""
    start = settings.conventions
    return normalization.batch_normalization(
        x,
        axis=settings.usual_axis,
        momentum=settings.decay,
        epsilon=settings.epsilon,
        center=settings.center,
        scale=settings.scale,
        moving_mean_initializer=v1.constant_initializer(start.initial_mean),
        moving_variance_initializer=v1.constant_initializer(start.initial_variance),
        training=training,
        name=name,
    )


# ---- the adapter ----------------------------------------------------------------------------------------------------


def draw(settings: Configuration, x: tf.Tensor, feeds: Feeds, name: str) -> Drawn:
    """The layer, and its variables and updates found by its name."""
    known = len(v1.get_collection(v1.GraphKeys.UPDATE_OPS))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tf.layers warns that it is deprecated, which is why it is here
        y = batch_normalization(x, feeds.is_training, settings, name)
    return found_by_name(y, name, known)


def found_by_name(y: tf.Tensor, name: str, known: int) -> Drawn:
    """What the layer left in the graph.

    Args:
        y: its output.
        name: its name.
        known: how many updates stood in the collection before it.
    """
    variables = {v.op.name.removeprefix(f"{name}/"): v for v in v1.global_variables(f"{name}/")}
    updates = v1.get_collection(v1.GraphKeys.UPDATE_OPS)[known:]
    return Drawn(
        y,
        variables.get("gamma"),
        variables.get("beta"),
        variables["moving_mean"],
        variables["moving_variance"],
        updates,
    )


def build(configuration: Configuration) -> Layer | Unsupported:
    """Build a layer."""
    if reason := refusal(configuration.device, configuration.style, configuration.dtype):
        return reason
    return kernel_refusal(configuration) or tf1_layer(configuration, draw)


def build_trainer(configuration: TrainerConfiguration) -> Trainer | Unsupported:
    """Build a network of TensorFlow 1 operations around :func:`batch_normalization`."""
    if reason := refusal(configuration.device, configuration.style, configuration.dtype):
        return reason
    return kernel_refusal(configuration) or tf1_trainer(configuration, draw, "within")


IMPLEMENTATION = Implementation(
    conventions=Conventions(
        ddof=0,
        initial_mean=0.0,
        initial_variance=1.0,
        warm_up=False,
        decay_in_float32=False,
        complement_in_float32=True,
        fused=BY_RANK,
    ),
    packages=("tf_keras", "tensorflow", "numpy"),
    build=build,
    build_trainer=build_trainer,
    variants=found_in("bn_impls.variants.tf1_layers"),
)
