"""Document 002's network in training: loss and accuracy as its loop logs them, and as they should be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.axes.outcome import Outcome, Surroundings
from benchmarks.axes.training import loss_and_accuracy
from benchmarks.claims.experiments.document_002 import Program, batches_of
from bn_impls.interface import Array, Implementation

Forward = Callable[[tf.Tensor], tf.Tensor]


def run(implementation: Implementation, parameters: Mapping[str, Any], surroundings: Surroundings) -> Outcome:
    """Train twice from one seed on one course of batches: with the document's logging, and without it.

    Args:
        implementation: not used; its worker has Keras.
        parameters: ``dataset``, ``steps``, ``batch_size``, ``seed``, and ``every``, the steps between two looks at the
            validation data.
        surroundings: give the data set.

    Returns:
        Curves of the training that logs, one value a step: ``printed_loss`` and ``printed_accuracy``, by the document's
        two functions after the step; ``step_loss`` and ``step_accuracy``, of the forward pass that the step itself
        makes. Of the one that does not: ``inference_loss`` and ``inference_accuracy`` of the batch before its step. Of
        both at each of ``looks``, the steps so far: ``validation_loss_logging`` and ``validation_loss_silent`` in
        inference mode. Metrics: how far they part.
    """
    data = surroundings.dataset(parameters["dataset"])
    train, steps, seed = data.train, parameters["steps"], parameters["seed"]
    batches = batches_of(train.inputs, train.labels, steps, parameters["batch_size"], seed)
    validation = tf.constant(data.validation.inputs), data.validation.labels
    looks = [*range(parameters["every"], steps, parameters["every"]), steps]
    curves: dict[str, list[tuple[float, float]]] = {}
    losses: dict[str, list[float]] = {}
    for name, logging in (("logging", True), ("silent", False)):
        program = Program(train.inputs.shape[1:], seed)
        step, infer = _step_with_logits(program), _inference(program)
        for number, (images, labels) in enumerate(batches, start=1):
            x, y = tf.constant(images), tf.constant(labels)
            if logging:
                own = loss_and_accuracy(step(x, y).numpy(), labels)
                printed = float(program.logged(x, y)), loss_and_accuracy(infer(x).numpy(), labels)[1]
                found = {"printed": printed, "step": own}
            else:
                found = {"inference": loss_and_accuracy(infer(x).numpy(), labels)}
                step(x, y)
            for who, pair in found.items():
                curves.setdefault(who, []).append(pair)
            if number in looks:
                losses.setdefault(name, []).append(loss_and_accuracy(infer(validation[0]).numpy(), validation[1])[0])
    arrays: dict[str, Array] = {"looks": np.array(looks)}
    for who, pairs in curves.items():
        arrays[f"{who}_loss"], arrays[f"{who}_accuracy"] = np.array(pairs).T
    arrays |= {f"validation_loss_{name}": np.array(values) for name, values in losses.items()}
    return Outcome(metrics=_apart(arrays), samples={"dataset": data.description()}, arrays=arrays)


def _step_with_logits(program: Program) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """The document's step, which also gives the logits that its loss is made of: enough to log both."""
    model, optimizer = program.model, program.optimizer

    def step(images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            logits = model(images, training=True)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(logits=logits, labels=labels))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return logits

    traced: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] = tf.function(step)
    return traced


def _inference(program: Program) -> Forward:
    """The forward pass of the document's ``accuracy_fn``."""
    traced: Forward = tf.function(lambda images: program.model(images, training=False))
    return traced


def _apart(arrays: Mapping[str, Array]) -> dict[str, float]:
    """How far what is printed parts from what it should be, means over the steps."""
    ratios = arrays["validation_loss_logging"] / arrays["validation_loss_silent"]
    return {
        "printed_less_step_loss_nats": float((arrays["printed_loss"] - arrays["step_loss"]).mean()),
        "printed_less_inference_loss_nats": float((arrays["printed_loss"] - arrays["inference_loss"]).mean()),
        "printed_less_step_accuracy": float((arrays["printed_accuracy"] - arrays["step_accuracy"]).mean()),
        "largest_validation_loss_change_rel": float(np.abs(ratios - 1).max()),
    }
