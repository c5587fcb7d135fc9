"""The TensorFlow builder: a network of plain TensorFlow operations around an implementation's layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from bn_impls import tensorflow_boundary as boundary
from bn_impls.interface import Array, Configuration, Trainer, TrainerConfiguration, Unsupported
from bn_impls.networks.description import (
    Activation,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    MaxPool,
    NamedLayer,
    Unused,
)
from bn_impls.networks.tensorflow_loop import Masks, TrainingLoop
from bn_impls.networks.tensorflow_losses import LOSSES
from bn_impls.networks.tensorflow_optimizers import TensorFlowOptimizer

MakeBatchNorm = Callable[[Configuration], tf.Module]
ACTIVATIONS = {"relu": tf.nn.relu, "elu": tf.nn.elu, "tanh": tf.tanh, "sigmoid": tf.sigmoid}
STATISTICS = ("moving_mean", "moving_variance", "num_updates")


class Part(tf.Module):
    """A layer with weights, by the description's parameter names."""

    def __init__(self, kernel: tuple[int, ...], dtype: str) -> None:
        super().__init__()
        self.kernel = tf.Variable(tf.zeros(kernel, dtype))
        self.bias = tf.Variable(tf.zeros(kernel[-1:], dtype))


class TensorFlowNetwork(tf.Module):
    """Layers in order; batch normalization is whatever was handed in."""

    def __init__(self, settings: TrainerConfiguration, make_batch_norm: MakeBatchNorm) -> None:
        super().__init__()
        self.named, self.loss = tuple(settings.network.named_layers()), settings.network.loss
        self.parts: dict[str, tf.Module] = {}
        for named in self.named:
            match named.layer:
                case Dense(units=units):
                    self.parts[named.name] = Part((named.input_shape[0], units), settings.dtype)
                case Conv(filters=filters, size=size):
                    self.parts[named.name] = Part((size, size, named.input_shape[-1], filters), settings.dtype)
                case (BatchNorm() as norm) | Unused(layer=norm):
                    self.parts[named.name] = make_batch_norm(settings.layer_configuration(norm, named.input_shape))
        self.weights = {
            name: getattr(self.parts[name.rsplit("/", 1)[0]], name.rsplit("/", 1)[1])
            for name in settings.network.parameter_shapes()
        }
        self.batch_norms = {n.name: self.parts[n.name] for n in self.named if n.batch_norm is not None}
        self.statistics = {
            f"{name}/{statistic}": getattr(layer, statistic)
            for name, layer in self.batch_norms.items()
            for statistic in STATISTICS
        }

    def __call__(self, h: tf.Tensor, training: bool, masks: Masks) -> tf.Tensor:
        """Logits."""
        for named in self.named:
            h = self._apply(named, h, training, masks)
        return h

    def _apply(self, named: NamedLayer, h: tf.Tensor, training: bool, masks: Masks) -> tf.Tensor:
        match named.layer:
            case Dense():
                part = self.parts[named.name]
                return h @ part.kernel + part.bias
            case Conv():
                part = self.parts[named.name]
                return tf.nn.conv2d(h, part.kernel, strides=1, padding="SAME") + part.bias
            case MaxPool(size=size):
                return tf.nn.max_pool2d(h, size, size, "VALID")
            case Flatten():
                return tf.reshape(h, [tf.shape(h)[0], named.output_shape[0]])
            case Activation(function=function):
                return ACTIVATIONS[function](h)
            case Dropout():
                return h * masks[named.name] if training else h
            case BatchNorm():
                return self.parts[named.name](h, training=training)
            case Unused():
                self.parts[named.name](h, training=training)
                return h
        raise TypeError(f"{named.name} is a {type(named.layer).__name__}, which this builder does not know")


def _as_described(name: str, variable: tf.Variable) -> Array:
    """A copy; moving statistics are flat, whatever a library's broadcasting shape."""
    array = np.asarray(variable.numpy())
    return array.reshape(-1) if "/moving_" in name else array


def _step(network: TensorFlowNetwork, optimizer: TensorFlowOptimizer) -> Callable[..., tf.Tensor]:
    def step(x: tf.Tensor, labels: tf.Tensor, masks: Masks) -> tf.Tensor:
        with tf.GradientTape() as tape:
            logits = network(x, training=True, masks=masks)
            loss = LOSSES[network.loss](labels, logits)
        none = tf.UnconnectedGradients.ZERO  # of a batch normalization that nobody reads
        gradients = tape.gradient(loss, list(network.weights.values()), unconnected_gradients=none)
        optimizer.apply(dict(zip(network.weights, gradients, strict=True)))
        return loss

    return step


def tensorflow_trainer(
    configuration: TrainerConfiguration,
    make_batch_norm: MakeBatchNorm,
    settle: Callable[[Any], None] = lambda layer: None,
) -> Trainer | Unsupported:
    """Build the network around an implementation's layer.

    Args:
        configuration: which network, optimizer and conventions.
        make_batch_norm: makes the layer: a module called as ``layer(x, training=bool)`` with variables ``gamma`` and
            ``beta`` (each (C,)), ``moving_mean`` and ``moving_variance`` (each C values) and ``num_updates``.
        settle: called with each layer after an import, if it has variables that follow from those named.

    Returns:
        The trainer, or why there is none.
    """
    if reason := boundary.refusal(configuration.device, configuration.style, configuration.dtype):
        return reason
    with boundary.placed(configuration.device):
        network = TensorFlowNetwork(configuration, make_batch_norm)
        optimizer = TensorFlowOptimizer(configuration.optimizer, network.weights)
    variables = {**network.weights, **network.statistics}
    changed = [variable for variable in network.variables if not variable.trainable]
    loop = TrainingLoop(configuration, _step(network, optimizer), network, changed)
    checkpoint = tf.train.Checkpoint(network=network, optimizer=optimizer)
    root = tf.Module()
    root.network, root.optimizer = network, optimizer

    def serving() -> Any:
        shape = tf.TensorSpec([None, *configuration.network.input_shape], configuration.dtype)
        return tf.function(loop.predictors["moving"].python_function, autograph=False).get_concrete_function(shape)

    def load_weights(weights: Mapping[str, Array]) -> None:
        for name, variable in variables.items():
            variable.assign(weights[name].reshape(variable.shape))
        for layer in network.batch_norms.values():
            settle(layer)

    return Trainer(
        configuration=configuration,
        load_data=loop.load_data,
        train=loop.train,
        predict=loop.predict,
        export_weights=lambda: {name: _as_described(name, variable) for name, variable in variables.items()},
        load_weights=load_weights,
        export_optimizer=optimizer.export,
        load_optimizer=optimizer.load,
        observe=lambda: loop.observe(next(iter(network.weights.values()))),
        formats={
            "tf-checkpoint": boundary.checkpoint_format(checkpoint),
            "saved-model": boundary.saved_model_format(root, serving),
        },
        partial_formats={  # document 002 tracks the network alone
            "tf-checkpoint:network": boundary.checkpoint_format(tf.train.Checkpoint(network=network))
        },
    )
