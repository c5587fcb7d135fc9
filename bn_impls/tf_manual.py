"""TensorFlow's low-level functions: moments, batch_normalization and an ExponentialMovingAverage of one's own.

What its user must remember:

- ``ExponentialMovingAverage.apply`` takes variables in TF 2, not tensors: keep the batch's moments in two variables.
- ``num_updates`` must be a variable, or its first value is frozen into the trace; its update is yours.
- The average object is not tracked: hold ``ema.average(v)`` as attributes, or checkpoints silently lose the statistics.
- With ``num_updates`` the decay warms up: min(decay, (1 + n) / (10 + n)).
- The decay is float32 inside, whatever the dtype of the statistics: float64 averages are good to 1e-8 only.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
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
from bn_impls.state import State
from bn_impls.variants import found_in

Moments = Callable[[tf.Tensor, tuple[int, ...]], tuple[tf.Tensor, tf.Tensor]]


class BatchNorm(tf.Module):
    """Batch normalization by hand, in TF 2 form."""

    def __init__(self, settings: Configuration, moments: Moments = tf.nn.moments) -> None:
        super().__init__()
        self.moments = moments
        self.axes, self.epsilon = settings.reduction_axes, settings.epsilon
        self.wide = None if settings.usual_axis == -1 else settings.parameter_shape  # (1, C, 1, ...)
        shape, dtype, start = (settings.channels,), settings.dtype, settings.conventions
        self.gamma = tf.Variable(tf.ones(shape, dtype)) if settings.scale else None
        self.beta = tf.Variable(tf.zeros(shape, dtype)) if settings.center else None
        self.batch_mean = tf.Variable(tf.fill(shape, tf.cast(start.initial_mean, dtype)), trainable=False)
        self.batch_variance = tf.Variable(tf.fill(shape, tf.cast(start.initial_variance, dtype)), trainable=False)
        self.num_updates = tf.Variable(0, trainable=False, dtype=tf.int64)
        steps = self.num_updates if start.warm_up else None
        self.average = tf.train.ExponentialMovingAverage(settings.decay, num_updates=steps)
        self.average.apply([self.batch_mean, self.batch_variance])  # makes the shadows, equal to their variables
        self.moving_mean = self.average.average(self.batch_mean)
        self.moving_variance = self.average.average(self.batch_variance)

    def __call__(self, x: tf.Tensor, training: bool) -> tf.Tensor:
        """Normalize; ``training`` is a Python bool."""
        if training:
            mean, variance = self.moments(x, self.axes)
            self.batch_mean.assign(mean)
            self.batch_variance.assign(variance)
            self.average.apply([self.batch_mean, self.batch_variance])
            self.num_updates.assign_add(1)
        else:
            mean, variance = self.moving_mean, self.moving_variance
        parameters = [mean, variance, self.beta, self.gamma]
        if self.wide is not None:
            parameters = [None if v is None else tf.reshape(v, self.wide) for v in parameters]
        return tf.nn.batch_normalization(x, *parameters, self.epsilon)


# ---- the adapter ----------------------------------------------------------------------------------------------------


def conventions_refusal(conventions: Conventions) -> Unsupported | None:
    """Why these conventions are not offered, or None."""
    if conventions.ddof:
        return Unsupported("tf.nn.moments divides by n; ddof 1 is not offered")
    if conventions.debias:
        return Unsupported("tf.train.ExponentialMovingAverage debiases shadows of tensors only; here are variables")
    if not conventions.decay_in_float32:
        return Unsupported("tf.train.ExponentialMovingAverage rounds its decay to float32; an exact one is not offered")
    return None


def _export(layer: BatchNorm, settings: Configuration) -> State:
    ones, zeros = np.ones(settings.channels, settings.dtype), np.zeros(settings.channels, settings.dtype)
    return State(
        gamma=ones if layer.gamma is None else layer.gamma.numpy(),
        beta=zeros if layer.beta is None else layer.beta.numpy(),
        moving_mean=layer.moving_mean.numpy(),
        moving_variance=layer.moving_variance.numpy(),
        num_updates=int(layer.num_updates.numpy()),
    )


def _load(layer: BatchNorm, state: State) -> None:
    layer.moving_mean.assign(state["moving_mean"])
    layer.moving_variance.assign(state["moving_variance"])
    layer.num_updates.assign(state["num_updates"])
    for variable, array in ((layer.gamma, state["gamma"]), (layer.beta, state["beta"])):
        if variable is not None:
            variable.assign(array)


def build(configuration: Configuration) -> Layer | Unsupported:
    """Build a layer."""
    reason = boundary.refusal(configuration.device, configuration.style, configuration.dtype, boundary.LAYER_DTYPES)
    if reason or (reason := conventions_refusal(configuration.conventions)):
        return reason
    with boundary.placed(configuration.device):
        layer = BatchNorm(configuration)

    def forward(x: tf.Tensor) -> tf.Tensor:
        return layer(x, training=True)

    tensor = tf.TensorSpec(configuration.input_shape, configuration.dtype)
    with boundary.placed(configuration.device):
        inference = boundary.styled(lambda x: layer(x, training=False), configuration.style, tensor)
        training_step = boundary.styled(forward, configuration.style, tensor)
        with_gradients = boundary.styled(
            boundary.gradients(forward, (layer.gamma, layer.beta)), configuration.style, tensor, tensor
        )
    return Layer(
        configuration=configuration,
        inference=inference,
        training_step=training_step,
        training_step_with_gradients=with_gradients,
        to_native=boundary.to_native(configuration.device, configuration.dtype),
        to_numpy=boundary.to_numpy,
        synchronize=boundary.synchronize,
        export_state=lambda: _export(layer, configuration),
        load_state=lambda state: _load(layer, state),
        observe=boundary.observe,
        formats=boundary.layer_formats({"layer": layer}, lambda x: layer(x, training=False), tensor),
    )


def build_trainer(configuration: TrainerConfiguration) -> Trainer | Unsupported:
    """Build a network of TensorFlow operations around :class:`BatchNorm`."""
    if reason := conventions_refusal(configuration.conventions):
        return reason
    return tensorflow_trainer(configuration, BatchNorm)


IMPLEMENTATION = Implementation(
    conventions=Conventions(ddof=0, initial_mean=0.0, initial_variance=1.0, warm_up=True, decay_in_float32=True),
    packages=("tensorflow", "numpy"),
    build=build,
    build_trainer=build_trainer,
    narrow_statistics=True,
    variants=found_in("bn_impls.variants.tf_manual"),
)
