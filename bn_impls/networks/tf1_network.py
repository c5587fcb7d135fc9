"""The builder for TensorFlow 1 graphs: placeholders, one session call a step with a feed, TensorFlow's own optimizers.

The loop stays outside the graph, as the documents write it: their placeholders get their values once a call, so a loop
inside the graph could not switch between training and inference, and drawing document 004's function a second time for
it would make a second set of averages.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import tensorflow as tf
import tensorflow.compat.v1 as v1

from bn_impls.interface import Array, Observation, Statistics, Trainer, TrainerConfiguration
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
from bn_impls.networks.optimizers import SGD, Optimizer
from bn_impls.networks.tensorflow_losses import LOSSES
from bn_impls.tf1_boundary import STEP, Draw, Drawn, Host, observe

ACTIVATIONS = {"relu": tf.nn.relu, "elu": tf.nn.elu, "tanh": tf.tanh, "sigmoid": tf.sigmoid}
Updates = Literal["beside", "after", "within"]
"""Where the updates of the moving statistics run: beside the training operation in the same session call; after it in
a second one with ``is_training`` false; or within it, which waits for them."""


def tf1_optimizer(settings: Optimizer, dtype: str) -> v1.train.Optimizer:
    """TensorFlow 1's optimizer; its constants as tensors, because Python numbers become float32 inside."""
    rate = tf.constant(settings.rate, dtype)
    if isinstance(settings, SGD):
        return v1.train.GradientDescentOptimizer(rate)
    betas = (tf.constant(beta, dtype) for beta in (settings.beta_1, settings.beta_2))
    return v1.train.AdamOptimizer(rate, *betas, tf.constant(settings.epsilon, dtype))


def training_operation(optimizer: v1.train.Optimizer, loss: tf.Tensor) -> tf.Operation:
    """The training operation as documents 000 and 004 write it for ``tf.layers``: it waits for the updates."""
    with tf.control_dependencies(v1.get_collection(v1.GraphKeys.UPDATE_OPS)):
        return optimizer.minimize(loss)


class Tf1Network:
    """The network in one graph, its training operation, and its loop."""

    def __init__(self, settings: TrainerConfiguration, draw: Draw, updates: Updates) -> None:
        """Draw everything, and open the session."""
        self.settings, self.draw = settings, draw
        layers = settings.network.named_layers()
        self.host = Host(settings.device, [named.name for named in layers if named.batch_norm is not None])
        self.normalizations: dict[str, Drawn] = {}
        self.weights: dict[str, tf.Variable] = {}
        self.masks: dict[str, tf.Tensor] = {}
        with self.host.drawing():
            self.x = v1.placeholder(settings.dtype, [None, *settings.network.input_shape], "x")
            self.labels = v1.placeholder(tf.int32, [None], "labels")
            self.logits = self._forward(self.x)
            self.loss = LOSSES[settings.network.loss](self.labels, self.logits)
            self.optimizer = tf1_optimizer(settings.optimizer, settings.dtype)
            minimize = training_operation if updates == "within" else v1.train.Optimizer.minimize
            self.train_operation = minimize(self.optimizer, self.loss)
            start = [start for drawn in self.normalizations.values() for start in drawn.start(settings.conventions)]
        self.host.open(start)
        self._order_weights()
        self._make_callables(updates)

    # ---- drawing ----------------------------------------------------------------------------------------------------

    def _forward(self, h: tf.Tensor) -> tf.Tensor:
        for named in self.settings.network.named_layers():
            h = self._apply(named, h)
        return h

    def _apply(self, named: NamedLayer, h: tf.Tensor) -> tf.Tensor:
        match named.layer:
            case Dense(units=units):
                kernel, bias = self._part(named.name, (named.input_shape[0], units))
                return h @ kernel + bias
            case Conv(filters=filters, size=size):
                kernel, bias = self._part(named.name, (size, size, named.input_shape[-1], filters))
                return tf.nn.conv2d(h, kernel, strides=1, padding="SAME") + bias
            case MaxPool(size=size):
                return tf.nn.max_pool2d(h, size, size, "VALID")
            case Flatten():
                return tf.reshape(h, [-1, named.output_shape[0]])
            case Activation(function=function):
                return ACTIVATIONS[function](h)
            case Dropout():
                return h * self._mask(named)
            case BatchNorm():
                return self._normalize(named, h)
            case Unused():
                self._normalize(named, h)
                return h
        raise TypeError(f"{named.name} is a {type(named.layer).__name__}, which this builder does not know")

    def _part(self, name: str, kernel: tuple[int, ...]) -> tuple[tf.Variable, tf.Variable]:
        zeros, dtype = v1.zeros_initializer(), self.settings.dtype
        with v1.variable_scope(name):
            found = [
                v1.get_variable(parameter, shape, dtype, initializer=zeros)
                for parameter, shape in (("kernel", kernel), ("bias", kernel[-1:]))
            ]
        self.weights |= {f"{name}/kernel": found[0], f"{name}/bias": found[1]}
        return found[0], found[1]

    def _mask(self, named: NamedLayer) -> tf.Tensor:
        """A placeholder that is 1 unless a mask is fed: dropout is off where nobody trains."""
        rank = 1 + len(named.input_shape)
        ones = tf.ones([1] * rank, self.settings.dtype)
        self.masks[named.name] = v1.placeholder_with_default(ones, [None] * rank, named.name)
        return self.masks[named.name]

    def _normalize(self, named: NamedLayer, h: tf.Tensor) -> tf.Tensor:
        assert named.batch_norm is not None
        layer = self.settings.layer_configuration(named.batch_norm, named.input_shape)
        drawn = self.draw(layer, h, self.host.feeds(named.name), named.name)
        self.normalizations[named.name] = drawn
        self.weights |= {f"{named.name}/{parameter}": v for parameter, v in drawn.parameters.items()}
        return drawn.output

    def _order_weights(self) -> None:
        """Weights and slots by the description's names, in its order."""
        self.weights = {name: self.weights[name] for name in self.settings.network.parameter_shapes()}
        self.statistics = {
            f"{name}/{statistic}": variable
            for name, drawn in self.normalizations.items()
            for statistic, variable in drawn.statistics.items()
        }
        slots = {
            f"{name}/{slot}": self.optimizer.get_slot(variable, slot)
            for name, variable in self.weights.items()
            for slot in self.settings.optimizer.slots
        }
        self.slots = {name: variable for name, variable in slots.items() if variable is not None}
        self.without_gradient = {  # of a batch normalization that nobody reads: the optimizer makes none
            name: self.weights[name.rsplit("/", 1)[0]].shape for name, variable in slots.items() if variable is None
        }

    # ---- the calls --------------------------------------------------------------------------------------------------

    def _make_callables(self, updates: Updates) -> None:
        session = self.host.session
        operations = [operation for drawn in self.normalizations.values() for operation in drawn.updates]
        fed = [self.x, *self.host.fed]
        self.run_step = session.make_callable(
            [self.loss, self.train_operation, operations if updates == "beside" else []],
            [*fed, self.labels, *self.masks.values()],
        )
        self.run_updates = session.make_callable(operations, fed) if updates == "after" and operations else None
        self.run_logits = session.make_callable(self.logits, fed)

    def load_data(self, inputs: Array, labels: Array) -> None:
        """Keep the data set: its rows are fed."""
        self.inputs, self.targets = inputs.astype(self.settings.dtype), labels.astype(np.int32)

    def train(self, indices: Array, masks: Mapping[str, Array]) -> Array:
        """Run one step for each row of indices."""
        fed = [masks[name].astype(self.settings.dtype) for name in self.masks]
        losses = np.empty(len(indices), self.settings.dtype)
        for number, rows in enumerate(indices):
            losses[number] = self._step(rows, [mask[number] for mask in fed])
        return losses

    def _step(self, rows: Array, masks: list[Array]) -> Any:
        x = self.inputs[rows]
        loss, *_ = self.run_step(x, *self.host.values(True), self.targets[rows], *masks)
        if self.run_updates is not None:
            self.run_updates(x, *self.host.values(False))
        self.host.count()
        return loss

    def predict(self, inputs: Array, statistics: Statistics) -> Array:
        """Logits, with dropout off; an update that is not fetched does not run."""
        return np.asarray(self.run_logits(inputs.astype(self.settings.dtype), *self.host.values(statistics == "batch")))

    def observe(self) -> Mapping[str, Observation]:
        """Trace a training step that is undone afterwards."""
        kept, counts = self.host.read(self.host.variables), dict(self.host.counts)
        rows = np.zeros(self.settings.batch_size, np.int32)
        shapes = self.settings.network.dropout_shapes().values()
        masks = [np.ones((len(rows), *shape), self.settings.dtype) for shape in shapes]
        try:
            seen = observe(self._step, rows, masks)
        finally:
            self.host.write([(self.host.variables[name], value) for name, value in kept.items()])
            self.host.counts = counts
        return seen

    # ---- state ------------------------------------------------------------------------------------------------------

    def export_weights(self) -> dict[str, Array]:
        """Copies of weights, statistics and the number of updates."""
        counts = {name: np.array(count, np.int64) for name, count in self.host.counts.items() if name != STEP}
        return self.host.read(self.weights | self.statistics) | counts

    def load_weights(self, weights: Mapping[str, Array]) -> None:
        """Set weights, statistics and the number of updates."""
        self.host.write([(v, weights[name]) for name, v in (self.weights | self.statistics).items()])
        self.host.counts |= {name: int(weights[name]) for name in self.host.counts if name != STEP}

    def export_optimizer(self) -> dict[str, Array]:
        """Copies of the slots, and the number of steps; of a weight without a gradient they are 0."""
        none = {name: np.zeros(shape, self.settings.dtype) for name, shape in self.without_gradient.items()}
        return self.host.read(self.slots) | none | {"step": np.array(self.host.counts[STEP], np.int64)}

    def load_optimizer(self, arrays: Mapping[str, Array]) -> None:
        """Set slots, steps and the powers of beta that TensorFlow keeps."""
        step = self.host.counts[STEP] = int(arrays["step"])
        powers = [(v, beta_power(beta, step, self.settings.dtype)) for v, beta in self._powers()]
        self.host.write([*((v, arrays[name]) for name, v in self.slots.items()), *powers])

    def _powers(self) -> list[tuple[tf.Variable, float]]:
        settings = self.settings.optimizer
        if isinstance(settings, SGD):
            return []
        named = (("beta1_power", settings.beta_1), ("beta2_power", settings.beta_2))
        return [(self.host.variables[name], beta) for name, beta in named]


def beta_power(beta: float, steps: int, dtype: str) -> Array:
    """``beta^(steps + 1)`` as TensorFlow's Adam arrives at it: multiplied step by step, in the variables' dtype."""
    return np.asarray(np.cumprod(np.full(steps + 1, beta, dtype), dtype=dtype)[-1])


def tf1_trainer(configuration: TrainerConfiguration, draw: Draw, updates: Updates) -> Trainer:
    """Build the network around an implementation's layer.

    Args:
        configuration: which network, optimizer and conventions; it was found to be possible.
        draw: draws the layer.
        updates: where the updates of the moving statistics run.

    Returns:
        The trainer.
    """
    network = Tf1Network(configuration, draw, updates)
    return Trainer(
        configuration=configuration,
        load_data=network.load_data,
        train=network.train,
        predict=network.predict,
        export_weights=network.export_weights,
        load_weights=network.load_weights,
        export_optimizer=network.export_optimizer,
        load_optimizer=network.load_optimizer,
        observe=network.observe,
        formats=network.host.formats(),
        partial_formats=network.host.partial_formats(),
        close=network.host.close,
    )
