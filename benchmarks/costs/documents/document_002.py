"""Document 002, and its notebook: eager execution, a gradient tape, ``tf.data``, TensorFlow 1's Adam."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import tensorflow as tf
import tensorflow.compat.v1 as v1
import tf_keras

from benchmarks.costs.documents.model import DocumentLoop, Task
from bn_impls.networks.description import Dense

SHUFFLED_AMONG = 100_000


def create_model(hidden: list[int], label_dim: int) -> tf_keras.Model:
    """The document's, with as many layers as asked for."""
    weight_init = tf_keras.initializers.glorot_uniform()
    model = tf_keras.Sequential()
    model.add(tf_keras.layers.Flatten())
    for units in hidden:
        model.add(tf_keras.layers.Dense(units=units, use_bias=True, kernel_initializer=weight_init))
        model.add(tf_keras.layers.BatchNormalization())
        model.add(tf_keras.layers.Activation(tf_keras.activations.relu))
    model.add(tf_keras.layers.Dense(units=label_dim, use_bias=True, kernel_initializer=weight_init))
    return model


def loss_fn(model: tf_keras.Model, images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """In training mode, where the document logs it too."""
    logits = model(images, training=True)
    return tf.reduce_mean(v1.nn.softmax_cross_entropy_with_logits_v2(logits=logits, labels=labels))


def accuracy_fn(model: tf_keras.Model, images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """In inference mode."""
    logits = model(images, training=False)
    prediction = tf.equal(tf.argmax(logits, -1), tf.argmax(labels, -1))
    return tf.reduce_mean(tf.cast(prediction, tf.float32))


def loop(task: Task) -> DocumentLoop:
    """Its step, its iterators over shuffled data, and what it logs after every step."""
    *hidden, label_dim = [layer.units for layer in task.network.layers if isinstance(layer, Dense)]
    train, test = task.data.train, task.data.test
    train_dataset = (
        tf.data.Dataset.from_tensor_slices((train.inputs, tf_keras.utils.to_categorical(train.labels, label_dim)))
        .shuffle(buffer_size=SHUFFLED_AMONG)
        .prefetch(buffer_size=task.batch_size)
        .batch(task.batch_size)
        .repeat()
    )
    test_dataset = (
        tf.data.Dataset.from_tensor_slices((test.inputs, tf_keras.utils.to_categorical(test.labels, label_dim)))
        .shuffle(buffer_size=SHUFFLED_AMONG)
        .prefetch(buffer_size=len(test.labels))
        .batch(len(test.labels))
        .repeat()
    )
    train_iterator, test_iterator = (
        v1.data.make_one_shot_iterator(dataset) for dataset in (train_dataset, test_dataset)
    )
    network = create_model(hidden, label_dim)
    network.build((None, *train.inputs.shape[1:]))
    for variable, value in zip(network.trainable_variables, task.weights.values(), strict=True):
        variable.assign(value)
    optimizer = v1.train.AdamOptimizer(learning_rate=task.learning_rate)
    global_step = v1.train.get_or_create_global_step()

    def batches() -> Iterator[Any]:
        for _ in range(len(train.labels) // task.batch_size):
            yield train_iterator.get_next()

    def step(train_input: tf.Tensor, train_label: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = loss_fn(network, train_input, train_label)
        grads = tape.gradient(loss, network.variables)
        optimizer.apply_gradients(zip(grads, network.variables, strict=True), global_step=global_step)
        return loss

    def log_step(train_input: tf.Tensor, train_label: tf.Tensor) -> str:
        train_loss = loss_fn(network, train_input, train_label)
        train_accuracy = accuracy_fn(network, train_input, train_label)
        test_input, test_label = test_iterator.get_next()
        test_accuracy = accuracy_fn(network, test_input, test_label)
        return f"{train_loss:.8f} {train_accuracy:.4f} {test_accuracy:.4f}"

    return DocumentLoop(
        batches=batches,
        step=step,
        checked=lambda x, y: float(step(tf.constant(x), tf_keras.utils.to_categorical(y, label_dim))),
        log_step=log_step,
    )
