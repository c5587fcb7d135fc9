"""Evaluation by moving averages of the weights, with document 004's batch normalization inside the network.

The documentation of ``ExponentialMovingAverage`` restores averages into the weights by ``variables_to_restore()``. That
works where the weights *were* averaged. Document 004 averages the moments only; its weights have no shadows, and the
same call then looks for names that no checkpoint has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow.compat.v1 as v1

from bn_impls.interface import Array
from bn_impls.tf1_manual import batch_normalization

SHADOW = "/ExponentialMovingAverage"
ROWS, INPUTS, UNITS, STEPS = 16, 4, 8, 20


@dataclass(frozen=True)
class Drawn:
    """A small network in the default graph."""

    x: tf.Tensor
    is_training: tf.Tensor
    step: tf.Tensor
    y: tf.Tensor
    update: tf.Operation


def draw() -> Drawn:
    """A dense layer, document 004's function, and a second dense layer."""
    x = v1.placeholder(tf.float32, [None, INPUTS], "x")
    is_training, step = v1.placeholder(tf.bool, [], "is_training"), v1.placeholder(tf.int64, [], "step")
    start = v1.initializers.glorot_uniform(seed=0)
    first = v1.get_variable("first", [INPUTS, UNITS], initializer=start)
    last = v1.get_variable("last", [UNITS, 1], initializer=start)
    h, update, *_ = batch_normalization(is_training, step, x @ first, (0,), 0.9, 1e-3, True, True, "normalized")
    return Drawn(x, is_training, step, tf.nn.relu(h) @ last, update)


def evaluation_with_averaged_weights(folder: Path) -> Mapping[str, Any]:
    """Train with averages of the weights, save everything, and evaluate by the averages in a graph of its own.

    Args:
        folder: empty; receives the checkpoint.

    Returns:
        ``shadows_of_weights`` and ``shadows_of_statistics``, counts of names in the checkpoint; ``evaluated_bitwise``,
        whether the restored graph computes what the averages give; ``differs_from_weights``, whether they are not
        simply the weights.
    """
    x = np.random.default_rng(0).normal(2.0, 3.0, (ROWS, INPUTS)).astype(np.float32)
    by_averages, by_weights = _trained(folder, x)
    names = [name for name, _ in tf.train.list_variables(str(folder / "model.ckpt"))]
    shadows = [name for name in names if name.endswith(SHADOW)]
    weights = [name for name in shadows if name.removesuffix(SHADOW) in names]
    restored = _restored(folder, x)
    return {
        "shadows_of_weights": len(weights),
        "shadows_of_statistics": len(shadows) - len(weights),
        "evaluated_bitwise": bool(np.array_equal(restored, by_averages)),
        "differs_from_weights": not np.array_equal(by_averages, by_weights),
    }


def _trained(folder: Path, x: Array) -> tuple[Array, Array]:
    """Inference by the averaged weights and by the last ones, after saving."""
    with tf.Graph().as_default():
        net = draw()
        minimize = v1.train.GradientDescentOptimizer(0.05).minimize(tf.reduce_mean(tf.square(net.y - 1)))
        average = tf.train.ExponentialMovingAverage(0.9)
        weights = v1.trainable_variables()
        with tf.control_dependencies([minimize]):
            shadowed = average.apply(weights)
        saver = v1.train.Saver()
        use_averages = [variable.assign(average.average(variable)) for variable in weights]
        with v1.Session() as session:
            session.run(v1.global_variables_initializer())
            for step in range(STEPS):
                session.run([shadowed, net.update], {net.x: x, net.is_training: True, net.step: step})
            saver.save(session, str(folder / "model.ckpt"), write_meta_graph=False, write_state=False)
            evaluating = {net.x: x, net.is_training: False, net.step: STEPS}
            by_weights = session.run(net.y, evaluating)
            session.run(use_averages)
            return session.run(net.y, evaluating), by_weights


def _restored(folder: Path, x: Array) -> Array:
    """Inference in a new graph, restored as the documentation writes it."""
    with tf.Graph().as_default():
        net = draw()
        saver = v1.train.Saver(tf.train.ExponentialMovingAverage(0.9).variables_to_restore())
        with v1.Session() as session:
            saver.restore(session, str(folder / "model.ckpt"))
            y: Array = session.run(net.y, {net.x: x, net.is_training: False, net.step: STEPS})
            return y
