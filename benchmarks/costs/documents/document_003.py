"""Document 003: a subclassed Keras model whose methods are ``tf.function``, without batch normalization."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import numpy as np
import tensorflow as tf
import tf_keras
from tf_keras.activations import softmax
from tf_keras.losses import categorical_crossentropy

from benchmarks.costs.documents.model import DocumentLoop, Task
from bn_impls.interface import Array

Function = TypeVar("Function", bound=Callable[..., Any])


def traced(function: Function) -> Function:
    """``tf.function``, which has no types of its own."""
    found: Function = tf.function(function)
    return found


class MyModel(tf_keras.Model):  # type: ignore[misc]  # TensorFlow is untyped
    """The document's, with its weights given; ``model`` of its ``train_step`` is the model itself."""

    def __init__(self, weights: Mapping[str, Array]) -> None:
        super().__init__()
        self.w1, self.b1, self.w2, self.b2 = (tf.Variable(value, dtype=tf.float32) for value in weights.values())

    @traced
    def get_z1(self, X: Any) -> tf.Tensor:
        """Before the activation function of layer 1."""
        return tf.matmul(X, self.w1) + self.b1

    @traced
    def get_a1(self, X: Any) -> tf.Tensor:
        """After it."""
        return tf.tanh(self.get_z1(X))

    @traced
    def get_z2(self, X: Any) -> tf.Tensor:
        """Before that of layer 2."""
        return tf.matmul(self.get_a1(X), self.w2) + self.b2

    @traced
    def get_a2(self, X: Any) -> tf.Tensor:
        """After it."""
        return softmax(self.get_z2(X))

    @traced
    def call(self, X: Any) -> tf.Tensor:
        """Probabilities."""
        return self.get_a2(X)

    @traced
    def train_step(self, X: Any, y: Any) -> tf.Tensor:
        """The model is called twice, and the loss gets its arguments swapped."""
        self(X)
        with tf.GradientTape() as tape:
            loss_value = tf.reduce_mean(self.loss(self(X), y))
        grads = tape.gradient(loss_value, self.trainable_variables)
        self.optimizer.apply_gradients(zip(grads, self.trainable_variables, strict=True))
        return loss_value


@traced
def _nothing(x: Any, y: Any) -> tf.Tensor:
    return tf.constant(0.0)


def loop(task: Task) -> DocumentLoop:
    """Its ``fit``, which shuffles all rows anew for each batch, and looks at four tensors after each step."""
    train = task.data.train
    x, y = train.inputs.reshape(len(train.labels), -1), np.eye(task.data.class_count)[train.labels]
    model = MyModel(task.weights)
    model.compile(optimizer="adam", loss=categorical_crossentropy)
    shuffled = np.random.default_rng(0)

    def batches() -> Iterator[tuple[Array, Array]]:
        idxs = shuffled.permutation(len(x))
        for step in range(len(x) // task.batch_size):
            rows = slice(step * task.batch_size, (step + 1) * task.batch_size)
            yield x[idxs][rows], y[idxs][rows]

    def log_step(x_batch: Array, y_batch: Array) -> None:
        for look in (model.get_z1, model.get_z2, model.get_a1, model.get_a2):
            look(x_batch).numpy().flatten()

    return DocumentLoop(
        batches=batches,
        step=model.train_step,
        checked=lambda x_batch, y_batch: float(
            model.train_step(x_batch.reshape(len(x_batch), -1), np.eye(y.shape[1])[y_batch])
        ),
        called=_nothing,
        log_step=log_step,
    )
