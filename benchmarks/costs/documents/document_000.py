"""Document 000: ``tf.layers``, its updates under control dependencies, one session call and one feed a step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow.compat.v1 as v1
from tf_keras.src.legacy_tf_layers import core, normalization

from benchmarks.costs.documents.model import DocumentLoop, Task
from benchmarks.costs.documents.session import drawing, nothing_of, started
from benchmarks.datasets.model import Split
from bn_impls.interface import Array
from bn_impls.networks.description import Dense

EVALUATED_TOGETHER = 32  # rows, as in training


class Batches:
    """``next_batch`` of ``tensorflow.examples.tutorials.mnist``, which shuffles all images at an epoch's start."""

    def __init__(self, images: Array, labels: Array) -> None:
        self.images, self.labels, self.start = images, labels, len(images)
        self.generator = np.random.default_rng(0)

    def next_batch(self, size: int) -> tuple[Array, Array]:
        """The next rows; what is left of an epoch is full batches here."""
        if self.start + size > len(self.images):
            order = self.generator.permutation(len(self.images))
            self.images, self.labels, self.start = self.images[order], self.labels[order], 0
        self.start += size
        rows = slice(self.start - size, self.start)
        return self.images[rows], self.labels[rows]


def loop(
    task: Task,
    activation_fn: Callable[[tf.Tensor], tf.Tensor] = tf.nn.relu,
    optimizer: Callable[[float], v1.train.Optimizer] = v1.train.AdamOptimizer,
) -> DocumentLoop:
    """The document's ``Model`` and ``Solver``, of which the one with batch normalization is trained."""
    *hidden_dims, output_dim = [layer.units for layer in task.network.layers if isinstance(layer, Dense)]
    images, labels = flat(task.data.train.inputs, task.data.train.labels, output_dim)
    with drawing():
        x = v1.placeholder(tf.float32, [None, images.shape[1]])
        y = v1.placeholder(tf.float32, [None, output_dim])
        mode = v1.placeholder(tf.bool)
        net = x
        for h_dim in hidden_dims:
            net = core.dense(net, h_dim)
            net = normalization.batch_normalization(net, training=mode)
            net = activation_fn(net)
        net = core.dense(net, output_dim)
        loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(logits=net, labels=y))
        with tf.control_dependencies(v1.get_collection(v1.GraphKeys.UPDATE_OPS)):
            train_op = optimizer(task.learning_rate).minimize(loss)
        right = tf.equal(tf.argmax(tf.nn.softmax(net), 1), tf.argmax(y, 1))
        accuracy = tf.reduce_mean(tf.cast(right, tf.float32))
        nothing = nothing_of([x, y, mode])
        session = started(task.weights)
    train = Batches(images, labels)

    def batches() -> Iterator[tuple[Array, Array]]:
        for _ in range(len(images) // task.batch_size):
            yield train.next_batch(task.batch_size)

    def step(x_batch: Array, y_batch: Array) -> Any:
        return session.run([train_op, loss], feed_dict={x: x_batch, y: y_batch, mode: True})

    def evaluate(split: Split, size: int) -> None:
        every, one_hot = flat(split.inputs, split.labels, output_dim)
        for start in range(0, len(every), size):
            rows = slice(start, start + size)
            session.run([loss, accuracy], feed_dict={x: every[rows], y: one_hot[rows], mode: False})

    def log_epoch() -> None:
        evaluate(task.data.train, EVALUATED_TOGETHER)
        evaluate(task.data.validation, len(task.data.validation.labels))

    return DocumentLoop(
        batches=batches,
        step=step,
        checked=lambda inputs, labels: float(step(*flat(inputs, labels, output_dim))[1]),
        unfetched=lambda x_batch, y_batch: session.run(train_op, feed_dict={x: x_batch, y: y_batch, mode: True}),
        called=lambda x_batch, y_batch: session.run(nothing, feed_dict={x: x_batch, y: y_batch, mode: True}),
        log_epoch=log_epoch,
    )


def flat(inputs: Array, labels: Array, classes: int) -> tuple[Array, Array]:
    """Rows of pixels (n, pixels), and labels as one-hot rows (n, classes)."""
    return inputs.reshape(len(labels), -1), np.eye(classes, dtype=np.float32)[labels]
