"""Document 002's program: its network, its two functions of the loss, its loop, and its checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import keras
import numpy as np
import tensorflow as tf

from bn_impls.interface import Array

UNITS, LABELS, RATE = 256, 10, 1e-3
Batch = tuple[Array, Array]  # images, labels as integers


def create_model(image_shape: tuple[int, ...], units: int = UNITS) -> keras.Sequential:
    """The slide's function: flatten, twice dense, normalization and ReLU, and logits."""
    layers = [keras.layers.Flatten()]
    for _ in range(2):
        layers += [keras.layers.Dense(units), keras.layers.BatchNormalization(), keras.layers.Activation("relu")]
    return keras.Sequential([keras.Input(image_shape), *layers, keras.layers.Dense(LABELS)])


def loss_fn(model: keras.Model, images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """As the slide has it: in training mode, whoever asks."""
    logits = model(images, training=True)
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(logits=logits, labels=labels))


class Program:
    """The network and its optimizer in training; steps are traced once, which changes speed and nothing else."""

    def __init__(self, image_shape: tuple[int, ...], seed: int, rate: float = RATE) -> None:
        """Draw initial weights from the seed."""
        keras.utils.set_random_seed(seed)
        self.model = create_model(image_shape)
        self.optimizer = keras.optimizers.Adam(rate)
        self.optimizer.build(self.model.trainable_variables)
        self.step: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] = tf.function(self._step)
        self.logged: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] = tf.function(
            lambda images, labels: loss_fn(self.model, images, labels)
        )

    def _step(self, images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = loss_fn(self.model, images, labels)
        gradients = tape.gradient(loss, self.model.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.model.trainable_variables, strict=True))
        return loss

    def train(self, batches: Iterable[Batch], *, logging: bool) -> Array:
        """Run one step for each batch.

        Args:
            batches: of images and labels.
            logging: whether the loss is asked for once more after each step, as the slide's loop does to print it.

        Returns:
            The loss of each batch before its step.
        """
        losses = []
        for images, labels in batches:
            x, y = tf.constant(images), tf.constant(labels)
            losses.append(self.step(x, y))
            if logging:
                self.logged(x, y)
        return np.array([float(loss) for loss in losses])

    def normalizations(self) -> list[keras.layers.BatchNormalization]:
        """In order."""
        return [layer for layer in self.model.layers if isinstance(layer, keras.layers.BatchNormalization)]


def batches_of(inputs: Array, labels: Array, steps: int, size: int, seed: int) -> list[Batch]:
    """``steps`` random batches."""
    generator = np.random.default_rng(seed)
    rows = generator.integers(0, len(labels), (steps, size))
    return [(inputs[chosen].astype(np.float32), labels[chosen].astype(np.int32)) for chosen in rows]
