"""Document 004: its own batch normalization, whose updates run in a second session call a step.

The document shows its layer and its calls; network, optimizer and dropout are those that it names.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import tensorflow as tf
import tensorflow.compat.v1 as v1
from tf_keras.src.legacy_tf_layers import convolutional, core, pooling

from benchmarks.costs.documents.model import DocumentLoop, Task
from benchmarks.costs.documents.session import drawing, nothing_of, started
from bn_impls.interface import Array
from bn_impls.networks.description import Activation, BatchNorm, Conv, Dense, Dropout, Flatten, MaxPool
from bn_impls.tf1_manual import batch_normalization


def loop(task: Task) -> DocumentLoop:
    """Two session calls a step."""
    train = task.data.train
    with drawing():
        net = Net(task)
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=net.labels, logits=net.logits))
        train_op = v1.train.AdamOptimizer(learning_rate=task.learning_rate).minimize(loss)
        nothing = nothing_of([net.input, net.labels, net.is_training, net.training_step])
        session = started(task.weights)
    shuffled, steps = np.random.default_rng(0), iter(range(1 << 62))

    def batches() -> Iterator[tuple[Array, Array]]:
        order = shuffled.permutation(len(train.labels))
        for start in range(0, len(order), task.batch_size):
            rows = order[start : start + task.batch_size]
            yield train.inputs[rows], train.labels[rows]

    def feed(training: bool, step: int, x: Array, y: Array) -> dict[tf.Tensor, object]:
        return {net.is_training: training, net.training_step: step, net.input: x, net.labels: y}

    def step(x: Array, y: Array) -> None:
        number = next(steps)
        session.run(train_op, feed_dict=feed(True, number, x, y))
        session.run(net.update, feed_dict=feed(False, number, x, y))

    def called(x: Array, y: Array) -> None:
        session.run(nothing, feed_dict=feed(True, 0, x, y))
        session.run(nothing, feed_dict=feed(False, 0, x, y))

    def checked(x: Array, y: Array) -> float:
        number = next(steps)
        kept = {net.dropout_rate: 0.0}
        value, _ = session.run([loss, train_op], feed_dict=feed(True, number, x, y) | kept)
        session.run(net.update, feed_dict=feed(False, number, x, y) | kept)
        return float(value)

    return DocumentLoop(batches=batches, step=step, checked=checked, called=called)


class Net:
    """The network in the default graph: placeholders, logits and the update of all averages."""

    def __init__(self, task: Task) -> None:
        self.input = v1.placeholder(tf.float32, [None, *task.network.input_shape])
        self.labels = v1.placeholder(tf.int64, [None])
        self.is_training = v1.placeholder(tf.bool, [])
        self.training_step = v1.placeholder(tf.int64, [])
        rate = next((layer.rate for layer in task.network.layers if isinstance(layer, Dropout)), 0.0)
        self.dropout_rate = v1.placeholder_with_default(rate, [])
        self.updates: list[tf.Operation] = []
        net = self.input
        for named in task.network.named_layers():
            match named.layer:
                case Conv(filters=filters, size=size):
                    net = convolutional.conv2d(net, filters, size, padding="same")
                case Dense(units=units):
                    net = core.dense(net, units)
                case BatchNorm(decay=decay, epsilon=epsilon):
                    net = self._normalized(net, decay, epsilon, named.name)
                case Activation():
                    net = tf.nn.relu(net)
                case MaxPool(size=size):
                    net = pooling.max_pooling2d(net, size, size)
                case Flatten():
                    net = core.flatten(net)
                case Dropout():
                    net = core.dropout(net, self.dropout_rate, training=self.is_training)
        self.logits, self.update = net, tf.group(*self.updates)

    def _normalized(self, net: tf.Tensor, decay: float, epsilon: float, name: str) -> tf.Tensor:
        axes = tuple(range(len(net.shape) - 1))
        y, update, *_ = batch_normalization(
            self.is_training, self.training_step, net, axes, decay, epsilon, center=True, scale=True, name=name
        )
        self.updates.append(update)
        return y
