"""The losses of :data:`bn_impls.networks.description.LOSSES` on TensorFlow tensors."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from bn_impls.networks.description import Loss, swapped_costs


def cross_entropy(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Mean of ``-log softmax(logits)[label]``."""
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))


def swapped_cross_entropy(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Mean of ``wrong - (wrong - right) softmax(logits)[label]``."""
    right, wrong = swapped_costs()
    chosen = tf.gather(tf.nn.softmax(logits), labels, axis=1, batch_dims=1)
    return tf.reduce_mean(wrong - (wrong - right) * chosen)


LOSSES: dict[Loss, Callable[[tf.Tensor, tf.Tensor], tf.Tensor]] = {
    "cross_entropy": cross_entropy,
    "swapped_cross_entropy": swapped_cross_entropy,
}
