"""Document 001: ``tf.layers`` with a normalization of the logits that nobody reads, its updates fetched beside."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow.compat.v1 as v1
from tf_keras.src.legacy_tf_layers import core, normalization

from benchmarks.costs.documents.model import DocumentLoop, Task
from benchmarks.costs.documents.session import drawing, nothing_of, started
from bn_impls.interface import Array
from bn_impls.networks.description import Dense


def loop(task: Task) -> DocumentLoop:
    """Its graph, ``shuffle_batch``, and the two fetches of its step."""
    *hidden, outputs = [layer.units for layer in task.network.layers if isinstance(layer, Dense)]
    inputs, labels = task.data.train.inputs, task.data.train.labels.astype(np.int32)
    x_train = inputs.reshape(len(labels), -1)
    with drawing():
        x = v1.placeholder(tf.float32, shape=(None, x_train.shape[1]))
        y = v1.placeholder(tf.int32, shape=(None))
        training = v1.placeholder_with_default(False, shape=())
        normalized = partial(normalization.batch_normalization, training=training, momentum=0.9)
        layer = x
        for units in hidden:
            layer = tf.nn.elu(normalized(core.dense(layer, units)))
        logits = core.dense(layer, outputs)
        normalized(logits)
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits))
        training_ops = v1.train.GradientDescentOptimizer(task.learning_rate).minimize(loss)
        accuracy = tf.reduce_mean(tf.cast(tf.nn.in_top_k(y, logits, 1), tf.float32))
        extra_update_ops = v1.get_collection(v1.GraphKeys.UPDATE_OPS)
        nothing = nothing_of([x, y, training])
        session = started(task.weights)
    shuffled = np.random.RandomState(42)
    x_valid = task.data.validation.inputs.reshape(len(task.data.validation.labels), -1)
    y_valid = task.data.validation.labels.astype(np.int32)

    def batches() -> Iterator[tuple[Array, Array]]:
        rnd_idx = shuffled.permutation(len(x_train))
        for batch_idx in np.array_split(rnd_idx, len(x_train) // task.batch_size):
            yield x_train[batch_idx], labels[batch_idx]

    def run(fetches: Any, x_batch: Array, y_batch: Array) -> Any:
        return session.run(fetches, feed_dict={training: True, x: x_batch, y: y_batch})

    return DocumentLoop(
        batches=batches,
        step=partial(run, [training_ops, extra_update_ops]),
        checked=lambda inputs, labels: float(
            run([training_ops, extra_update_ops, loss], inputs.reshape(len(labels), -1), labels)[-1]
        ),
        called=partial(run, nothing),
        log_epoch=lambda: session.run(accuracy, feed_dict={x: x_valid, y: y_valid}),
    )
