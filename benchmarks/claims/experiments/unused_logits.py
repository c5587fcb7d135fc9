"""Document 001's graph as it is written: which trainable parameters does its loss depend on?

TensorFlow is imported here, in a worker of an implementation that brings it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.axes.outcome import Outcome, Surroundings
from bn_impls.interface import Implementation

HIDDEN, CLASSES, INPUTS = (300, 100), 10, 784


def run(implementation: Implementation, parameters: Mapping[str, Any], surroundings: Surroundings) -> Outcome:
    """Build the document's graph with the old ``tf.layers`` and ask for the gradient of its loss.

    Returns:
        ``parameters``, ``without_gradient`` (numbers of variables) and ``updates`` (update operations collected);
        ``samples`` names the variables without a gradient.
    """
    import tensorflow as tf
    from tf_keras.src.legacy_tf_layers import core, normalization

    v1 = tf.compat.v1
    with tf.Graph().as_default():
        x, y = v1.placeholder(tf.float32, (None, INPUTS)), v1.placeholder(tf.int32, (None,))
        training = v1.placeholder_with_default(False, ())
        h = x
        for number, units in enumerate(HIDDEN, start=1):
            h = core.dense(h, units, name=f"hidden{number}")
            h = tf.nn.elu(normalization.batch_normalization(h, training=training, momentum=0.9))
        logits = core.dense(h, CLASSES, name="outputs")
        normalization.batch_normalization(logits, training=training, momentum=0.9)  # "logits_batchNorm", read by nobody
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits))
        variables = v1.trainable_variables()
        gradients = v1.gradients(loss, variables)
        updates = len(v1.get_collection(v1.GraphKeys.UPDATE_OPS))
    without = [v.op.name for v, gradient in zip(variables, gradients, strict=True) if gradient is None]
    return Outcome(
        metrics={"parameters": len(variables), "without_gradient": len(without), "updates": updates},
        samples={"without_gradient": without},
    )
