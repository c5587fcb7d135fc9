"""The Keras 2 layer, as the package ``tf_keras`` keeps it: one name, two kernels.

What its user must remember:

- Maps in float32 go to a fused kernel, whose moving variance divides by n - 1; rank 2, and float64, divide by n.
- ``momentum`` is the weight of the *old* value, 0.99 by default; 1 - momentum is rounded to float32, also in float64.
- ``epsilon`` is 1e-3 by default.
- ``training`` is a Python bool: True in your own loop. ``trainable = False`` also switches to inference statistics.
"""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf
import tf_keras

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
from bn_impls.keras2_kernels import BY_RANK, kernel_refusal
from bn_impls.networks.tensorflow_network import tensorflow_trainer
from bn_impls.tensorflow_layer import Counting, counted_layer
from bn_impls.unbuilt import unbuilt_layer
from bn_impls.variants import found_in


def batch_norm(settings: Configuration) -> tf_keras.layers.BatchNormalization:
    """The layer as Keras 2's users write it, with its variables made."""
    layer = without_variables(settings)
    layer.build(_shape(settings))  # or the first call would
    return layer


def without_variables(settings: Configuration) -> tf_keras.layers.BatchNormalization:
    """The layer before its first call."""
    return tf_keras.layers.BatchNormalization(
        axis=settings.usual_axis,
        momentum=settings.decay,
        epsilon=settings.epsilon,
        center=settings.center,
        scale=settings.scale,
        moving_mean_initializer=tf_keras.initializers.Constant(settings.conventions.initial_mean),
        moving_variance_initializer=tf_keras.initializers.Constant(settings.conventions.initial_variance),
        dtype=settings.dtype if settings.parameter_dtype == settings.dtype else f"mixed_{settings.dtype}",
    )


def _shape(settings: Configuration) -> tf.TensorShape:
    return tf.TensorShape([None, *settings.input_shape[1:]])


# ---- the adapter ----------------------------------------------------------------------------------------------------


def _refusal(settings: Configuration | TrainerConfiguration) -> Unsupported | None:
    dtypes = boundary.LAYER_DTYPES if isinstance(settings, Configuration) else boundary.TENSORFLOW_DTYPES
    return boundary.refusal(settings.device, settings.style, settings.dtype, dtypes) or kernel_refusal(settings)


def build(configuration: Configuration) -> Layer | Unsupported:
    """Build a layer."""
    if reason := _refusal(configuration):
        return reason
    with boundary.placed(configuration.device):
        layer = batch_norm(configuration)
    return counted_layer(configuration, layer)


def unbuilt(configuration: Configuration) -> Layer | Unsupported:
    """A layer whose variables are made after the checkpoint was read, which waits for them."""

    def restore(directory: Path) -> Layer:
        layer, count = without_variables(configuration), tf.Variable(0, trainable=False, dtype=tf.int64)
        checkpoint = tf.train.Checkpoint(layer=layer, num_updates=count)
        with boundary.deferred(checkpoint, directory):
            layer.build(_shape(configuration))
        built = counted_layer(configuration, layer)
        built.import_state({**built.export_state(), "num_updates": int(count.numpy())})
        return built

    return unbuilt_layer(build(configuration), {"tf-checkpoint": restore})


def build_trainer(configuration: TrainerConfiguration) -> Trainer | Unsupported:
    """Build a network of TensorFlow operations around :func:`batch_norm`."""
    if reason := _refusal(configuration):
        return reason
    return tensorflow_trainer(configuration, lambda settings: Counting(batch_norm(settings)))


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
    narrow_statistics=False,
    variants=found_in("bn_impls.variants.tf_keras_layer"),
    unbuilt=unbuilt,
)
