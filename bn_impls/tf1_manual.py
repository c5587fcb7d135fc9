"""TensorFlow 1 by hand: a graph with placeholders, moments, and an ExponentialMovingAverage of the moments.

What its user must remember:

- The function returns an update operation; whoever trains must run it, or inference normalizes by zeros.
- The averages of *tensors* start at 0, the variance's too; only a warm-up (``num_updates``) makes up for that.
- The step is fed by the caller and no variable holds it: a checkpoint that loses it starts the warm-up again.
- Run in a call of its own with ``isTraining`` false, the update sees the weights *after* the training step, and deeper
  layers are fed by moving statistics that the same call is changing. Nothing orders that read and that write: it is a
  race, mostly won by the read, and two trainings need not end with the same statistics.
- The decay is float32 inside, whatever the dtype of the statistics: float64 averages are good to 1e-8 only.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import tensorflow as tf
import tensorflow.compat.v1 as v1

from bn_impls.interface import (
    Configuration,
    Conventions,
    Implementation,
    Layer,
    Trainer,
    TrainerConfiguration,
    Unsupported,
)
from bn_impls.networks.tf1_network import Updates, tf1_trainer
from bn_impls.tf1_boundary import Drawn, Feeds, refusal, tf1_layer
from bn_impls.variants import found_in


def batch_normalization(
    is_training: tf.Tensor,  # placeholder, bool
    current_step: tf.Tensor | None,  # placeholder; None for a constant decay
    x: tf.Tensor,
    axes: tuple[int, ...],
    decay: float,
    epsilon: float,
    center: bool,
    scale: bool,
    name: str,
) -> tuple[tf.Tensor, tf.Operation, tf.train.ExponentialMovingAverage, list[tf.Tensor], list[tf.Variable | None]]:
    """Document 004's function: output, update operation, and what a checkpoint of one's own needs."""
    with v1.variable_scope(name):
        batch_mean, batch_variance = tf.nn.moments(x, axes)
        averages = tf.train.ExponentialMovingAverage(decay, num_updates=current_step)
        update = averages.apply([batch_mean, batch_variance])
        mean = tf.cond(is_training, lambda: batch_mean, lambda: averages.average(batch_mean))
        variance = tf.cond(is_training, lambda: batch_variance, lambda: averages.average(batch_variance))
        channels = batch_mean.shape
        gamma = v1.get_variable("gamma", channels, x.dtype, initializer=v1.ones_initializer()) if scale else None
        beta = v1.get_variable("beta", channels, x.dtype, initializer=v1.zeros_initializer()) if center else None
        parameters = [mean, variance, beta, gamma]
        if len(x.shape) - 1 in axes:  # the channels are not last
            wide = [1 if axis in axes else -1 for axis in range(len(x.shape))]  # (1, C, 1, ...)
            parameters = [None if v is None else tf.reshape(v, wide) for v in parameters]
        y = tf.nn.batch_normalization(x, *parameters, epsilon)
    return y, update, averages, [batch_mean, batch_variance], [gamma, beta]


# ---- the adapter ----------------------------------------------------------------------------------------------------


def draw(settings: Configuration, x: tf.Tensor, feeds: Feeds, name: str) -> Drawn:
    """The function above with a layer's settings."""
    step = feeds.current_step if settings.conventions.warm_up else None
    y, update, averages, moments, (gamma, beta) = batch_normalization(
        feeds.is_training, step, x, settings.reduction_axes, settings.decay, settings.epsilon, settings.center,
        settings.scale, name,
    )  # fmt: skip
    mean, variance = (averages.average(moment) for moment in moments)
    return Drawn(y, gamma, beta, mean, variance, [update])


def configuration_refusal(configuration: Configuration | TrainerConfiguration) -> Unsupported | None:
    """Why this cannot be built, or None."""
    if reason := refusal(configuration.device, configuration.style, configuration.dtype):
        return reason
    if configuration.conventions.ddof:
        return Unsupported("tf.nn.moments divides by n; ddof 1 is not offered")
    if configuration.conventions.debias:
        return Unsupported("document 004 leaves zero_debias at its default, False; a debiased average is not offered")
    if not configuration.conventions.decay_in_float32:
        return Unsupported("tf.train.ExponentialMovingAverage rounds its decay to float32; an exact one is not offered")
    return None


def build(configuration: Configuration, *, updates: Updates) -> Layer | Unsupported:
    """Build a layer."""
    return configuration_refusal(configuration) or tf1_layer(configuration, draw, two_calls=updates == "after")


def build_trainer(configuration: TrainerConfiguration, *, updates: Updates) -> Trainer | Unsupported:
    """Build a network of TensorFlow 1 operations around :func:`batch_normalization`."""
    return configuration_refusal(configuration) or tf1_trainer(configuration, draw, updates)


def _averaged_weights(folder: Path) -> Mapping[str, Any]:
    from bn_impls.tf1_averages import evaluation_with_averaged_weights  # it imports this module's function

    return evaluation_with_averaged_weights(folder)


def _implementation(updates: Updates) -> Implementation:
    return Implementation(
        conventions=Conventions(ddof=0, initial_mean=0.0, initial_variance=0.0, warm_up=True, decay_in_float32=True),
        packages=("tensorflow", "numpy"),
        build=partial(build, updates=updates),
        build_trainer=partial(build_trainer, updates=updates),
        variants=found_in("bn_impls.variants.tf1_manual"),
        checkpoint_probes={"averaged_weights": _averaged_weights},
    )


ONE_CALL = _implementation("beside")
TWO_CALLS = _implementation("after")
