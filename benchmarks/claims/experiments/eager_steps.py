"""Time of an eager step of document 002's notebook, with batch normalization and without, in one process in turn.

Its style is kept: Keras layers called eagerly, a gradient tape, TensorFlow 1's Adam, and after each step the loss and
two accuracies that it prints.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow.compat.v1 as v1
import tf_keras

from benchmarks.axes.outcome import Outcome, Surroundings
from benchmarks.costs.documents.document_002 import accuracy_fn, loss_fn
from bn_impls.interface import Array, Implementation

ROUNDS, STEPS = 12, 5
"""Visits of each network, and steps in one; the first visit warms up."""
NETWORKS = {"with": True, "without": False}
Step = Callable[[], Any]


def run(implementation: Implementation, parameters: Mapping[str, Any], surroundings: Surroundings) -> Outcome:
    """Time both networks, a step alone and a step with what the notebook prints after it.

    Args:
        implementation: not used; its worker has Keras 2.
        parameters: ``dataset``, ``hidden`` (units), ``batch_size``, ``learning_rate`` and ``seed``.
        surroundings: give the data set.

    Returns:
        Median seconds over the visits, ``<with|without>_<step|logged_step>_s``, and the medians of the ratios of
        neighbouring visits, ``<step|logged_step>_time_ratio``, with over without.
    """
    data = surroundings.dataset(parameters["dataset"])
    rows = np.random.default_rng(parameters["seed"]).choice(len(data.train.labels), parameters["batch_size"], False)
    batch = _tensors(data.train.inputs[rows], data.train.labels[rows], data.class_count)
    test = _tensors(data.test.inputs, data.test.labels, data.class_count)
    calls: dict[tuple[str, str], Step] = {}
    for name, batch_norm in NETWORKS.items():
        tf_keras.utils.set_random_seed(parameters["seed"])
        network = create_model(parameters["hidden"], data.class_count, batch_norm)
        step, logged = _steps(network, v1.train.AdamOptimizer(parameters["learning_rate"]), batch, test)
        calls |= {(name, "step"): step, (name, "logged_step"): logged}
    seconds = _in_turn(calls, parameters["seed"])
    kinds = ("step", "logged_step")
    return Outcome(
        metrics={
            **{f"{name}_{kind}_s": float(np.median(found)) for (name, kind), found in seconds.items()},
            **{f"{kind}_time_ratio": float(np.median(np.divide(seconds["with", kind], seconds["without", kind])))
               for kind in kinds},
        },
        arrays={f"{name}_{kind}_seconds": np.array(found) for (name, kind), found in seconds.items()},
    )  # fmt: skip


def create_model(hidden: list[int], classes: int, batch_norm: bool) -> tf_keras.Model:
    """The notebook's function: dense layers, each normalized or not before its ReLU, and logits."""
    layers: list[tf_keras.layers.Layer] = [tf_keras.layers.Flatten()]
    for units in hidden:
        layers.append(tf_keras.layers.Dense(units))
        layers += [tf_keras.layers.BatchNormalization()] if batch_norm else []
        layers.append(tf_keras.layers.Activation("relu"))
    return tf_keras.Sequential([*layers, tf_keras.layers.Dense(classes)])


def _tensors(inputs: Array, labels: Array, classes: int) -> tuple[tf.Tensor, tf.Tensor]:
    return tf.constant(inputs.astype(np.float32)), tf.constant(tf_keras.utils.to_categorical(labels, classes))


def _steps(network: tf_keras.Model, optimizer: Any, batch: Any, test: Any) -> tuple[Step, Step]:
    def step() -> Any:
        with tf.GradientTape() as tape:
            loss = loss_fn(network, *batch)
        gradients = tape.gradient(loss, network.trainable_variables)
        optimizer.apply_gradients(zip(gradients, network.trainable_variables, strict=True))
        return loss

    def logged() -> str:
        step()
        told = (loss_fn(network, *batch), accuracy_fn(network, *batch), accuracy_fn(network, *test))
        return "{:.8f} {:.4f} {:.4f}".format(*(float(one) for one in told))

    return step, logged


def _in_turn(calls: Mapping[tuple[str, str], Step], seed: int) -> dict[tuple[str, str], list[float]]:
    """Seconds a call, one value a visit; in an order drawn anew for each round, so that drift hits all alike."""
    order, generator = list(calls), random.Random(seed)
    found: dict[tuple[str, str], list[float]] = {key: [] for key in calls}
    for number in range(ROUNDS + 1):
        generator.shuffle(order)
        for key in order:
            began = time.perf_counter()
            for _ in range(STEPS):
                last = calls[key]()
            str(last)  # waits for what is still computed
            if number:
                found[key].append((time.perf_counter() - began) / STEPS)
    return found
