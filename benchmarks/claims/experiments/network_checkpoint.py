"""Document 002's ``tf.train.Checkpoint(dnn=network)`` beside one with the optimizer, restored in fresh processes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.axes.outcome import Outcome, Surroundings
from benchmarks.claims.experiments.document_002 import Batch, Program, batches_of
from bn_impls import canonical
from bn_impls.interface import Implementation

ARRAYS = "before.npz"
STEPS_AFTER = 50
OTHER_SEED = 12345
ARMS = ("network", "network_and_optimizer")


def _checkpoints(program: Program) -> dict[str, tf.train.Checkpoint]:
    return {
        "network": tf.train.Checkpoint(dnn=program.model),  # the document's
        "network_and_optimizer": tf.train.Checkpoint(dnn=program.model, optimizer=program.optimizer),
    }


def _batches(parameters: Mapping[str, Any], surroundings: Surroundings) -> tuple[list[Batch], tuple[int, ...]]:
    train = surroundings.dataset(parameters["dataset"]).train
    steps = parameters["steps"] + STEPS_AFTER
    drawn = batches_of(train.inputs, train.labels, steps, parameters["batch_size"], parameters["seed"])
    return drawn, train.inputs.shape[1:]


def save(implementation: Implementation, parameters: Mapping[str, Any], surroundings: Surroundings) -> Outcome:
    """Train, save both checkpoints, and go on for 50 steps.

    Args:
        implementation: not used; its worker has Keras.
        parameters: ``dataset``, ``steps`` before the checkpoint, ``batch_size`` and ``seed``.
        surroundings: give the data set and the folder of the checkpoints.
    """
    batches, shape = _batches(parameters, surroundings)
    program = Program(shape, parameters["seed"])
    program.train(batches[:-STEPS_AFTER], logging=False)
    for name, checkpoint in _checkpoints(program).items():
        checkpoint.write(str(surroundings.scratch / name))
    weights = {f"weight/{n}": np.asarray(v) for n, v in enumerate(program.model.weights)}
    losses = program.train(batches[-STEPS_AFTER:], logging=False)
    canonical.write(surroundings.scratch / ARRAYS, {**weights, "losses": losses})
    return Outcome()


def restore(implementation: Implementation, parameters: Mapping[str, Any], surroundings: Surroundings) -> Outcome:
    """In a fresh process, restore each and run the same 50 steps.

    Returns:
        Whether the weights came back; how far the losses are from those without interruption.
    """
    batches, shape = _batches(parameters, surroundings)
    stored = canonical.read(surroundings.scratch / ARRAYS)
    expected = stored.pop("losses")
    metrics: dict[str, Any] = {}
    arrays = {"uninterrupted": expected}
    for name in ARMS:
        program = Program(shape, OTHER_SEED)
        status = _checkpoints(program)[name].read(str(surroundings.scratch / name))
        status.assert_existing_objects_matched()
        back = [np.array_equal(np.asarray(v), stored[f"weight/{n}"]) for n, v in enumerate(program.model.weights)]
        iterations = int(np.asarray(program.optimizer.iterations))
        losses = program.train(batches[-STEPS_AFTER:], logging=False)
        off = losses / expected - 1
        arrays[name] = losses
        metrics |= {
            f"{name}_weights_bitwise": sum(back),
            f"{name}_optimizer_step": iterations,
            f"{name}_first_loss_difference_rel": float(abs(off[0])),
            f"{name}_largest_loss_difference_rel": float(np.abs(off).max()),
            f"{name}_mean_loss_excess_rel": float(losses.mean() / expected.mean() - 1),
        }
    return Outcome(metrics=metrics | {"weights": len(back), "steps": parameters["steps"]}, arrays=arrays)
