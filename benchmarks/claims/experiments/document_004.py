"""Document 004's code on a small network: its function, its two session calls a step, and its plain Saver."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow.compat.v1 as v1

from bn_impls.interface import Array
from bn_impls.tf1_manual import batch_normalization

FILTERS, UNITS, CLASSES = 8, 32, 2
DECAY, EPSILON = 0.99, 1e-5
RATE = 1e-3
AVERAGE = "ExponentialMovingAverage"


class Program:
    """The graph, drawn once and run in a session of its own; use it as a context.

    Attributes:
        averages: the ExponentialMovingAverage of each layer.
        variables: every global variable by name.
    """

    def __init__(self, image_shape: Sequence[int], seed: int) -> None:
        """Draw convolution, normalization, ReLU; dense, normalization, ReLU; logits.

        Args:
            image_shape: (height, width, channels).
            seed: of the initial weights.
        """
        self.graph = tf.Graph()
        with self.graph.as_default():
            v1.set_random_seed(seed)
            self.is_training = v1.placeholder(tf.bool, [], "isTraining")
            self.step = v1.placeholder(tf.int64, [], "trainingStep")
            self.x = v1.placeholder(tf.float32, [None, *image_shape], "input")
            self.labels = v1.placeholder(tf.int32, [None], "labels")
            self._draw()
            self.variables = {variable.op.name: variable for variable in v1.global_variables()}
            self.saver = v1.train.Saver()  # the document's: of everything
            self.initialize = v1.global_variables_initializer()
        self.session = v1.Session(graph=self.graph)
        self.session.run(self.initialize)

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *_: object) -> None:
        self.session.close()

    def _draw(self) -> None:
        self.averages: list[tf.train.ExponentialMovingAverage] = []
        updates = []
        kernel = v1.get_variable("conv/kernel", (3, 3, self.x.shape[-1], FILTERS))
        net, update = self._normalized(tf.nn.conv2d(self.x, kernel, 1, "SAME"), (0, 1, 2), "norm_conv")
        updates.append(update)
        net = tf.nn.max_pool2d(tf.nn.relu(net), 2, 2, "VALID")
        net = tf.reshape(net, [-1, int(np.prod(net.shape[1:]))])
        net, update = self._normalized(self._dense(net, UNITS, "dense"), (0,), "norm_dense")
        updates.append(update)
        logits = self._dense(tf.nn.relu(net), CLASSES, "outputs")
        self.loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=self.labels, logits=logits))
        self.train = v1.train.AdamOptimizer(RATE).minimize(self.loss)
        self.update = tf.group(*updates)

    def _normalized(self, net: tf.Tensor, axes: tuple[int, ...], name: str) -> tuple[tf.Tensor, tf.Operation]:
        y, update, averages, _, _ = batch_normalization(
            self.is_training, self.step, net, axes, DECAY, EPSILON, center=True, scale=True, name=name
        )
        self.averages.append(averages)
        return y, update

    @staticmethod
    def _dense(net: tf.Tensor, units: int, name: str) -> tf.Tensor:
        kernel = v1.get_variable(f"{name}/kernel", (net.shape[-1], units))
        return net @ kernel + v1.get_variable(f"{name}/bias", (units,), initializer=v1.zeros_initializer())

    # ---- the document's loop ----------------------------------------------------------------------------------------

    def _feed(self, x: Array, labels: Array, step: int, training: bool) -> dict[tf.Tensor, object]:
        return {self.is_training: training, self.step: step, self.x: x, self.labels: labels}

    def run_step(self, x: Array, labels: Array, step: int) -> None:
        """The training operation, then the update in a call of its own with isTraining false."""
        self.session.run(self.train, self._feed(x, labels, step, training=True))
        self.session.run(self.update, self._feed(x, labels, step, training=False))

    def inference_loss(self, x: Array, labels: Array) -> float:
        """By the moving averages."""
        return float(self.session.run(self.loss, self._feed(x, labels, 0, training=False)))

    def values(self) -> dict[str, Array]:
        """Every variable."""
        return {name: np.array(value) for name, value in self.session.run(self.variables).items()}

    def save(self, prefix: Path) -> None:
        """By the plain Saver."""
        with self.graph.as_default():  # Saver asks "is eager on?" when saving
            self.saver.save(self.session, str(prefix), write_meta_graph=False, write_state=False)

    def restore(self, prefix: Path) -> None:
        """By the plain Saver."""
        with self.graph.as_default():
            self.saver.restore(self.session, str(prefix))


def batches(inputs: Array, labels: Array, steps: int, size: int, seed: int) -> Iterator[tuple[Array, Array]]:
    """``steps`` random batches."""
    generator = np.random.default_rng(seed)
    for _ in range(steps):
        rows = generator.integers(0, len(labels), size)
        yield inputs[rows], labels[rows]
