"""Document 004's checkpoint: written after some steps, restored in a fresh process, and trained on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow.compat.v1 as v1

from benchmarks.axes.outcome import Outcome, Surroundings
from benchmarks.claims.experiments.document_004 import AVERAGE, Program, batches
from bn_impls import canonical
from bn_impls.interface import Array, Implementation

DATASET = "digits"
PREFIX, ARRAYS = "model.ckpt", "before.npz"
LOOKS = (0, 1, 10, 50)  # updates after the restore at which the loss is a metric
EVERY_STEPS = 10  # before the checkpoint, between two looks at the loss
OTHER_SEED = 12345  # of the fresh process, so that restoring nothing is noticed


def save(implementation: Implementation, parameters: Mapping[str, Any], surroundings: Surroundings) -> Outcome:
    """Train, save, and go on without interruption.

    Args:
        implementation: not used; its worker has TensorFlow.
        parameters: ``steps`` before the checkpoint, ``batch_size`` and ``seed``.
        surroundings: give the data set and the folder of the checkpoint.
    """
    data = _Data.of(surroundings, parameters)
    with Program(data.shape, parameters["seed"]) as program:
        trained = []  # not from step 0: averages of nothing are 0, and divide by the root of epsilon
        for step, (x, labels) in enumerate(data.first):
            program.run_step(x, labels, step)
            if (step + 1) % EVERY_STEPS == 0:
                trained.append((step + 1, program.inference_loss(*data.validation)))
        program.save(surroundings.scratch / PREFIX)
        values = program.values()
        losses, after = data.losses(program, parameters["steps"])
    named = {f"value/{name}": value for name, value in values.items()}
    canonical.write(
        surroundings.scratch / ARRAYS, {**named, "losses": losses, "after": after, "trained": np.array(trained)}
    )
    return Outcome()


def restore(implementation: Implementation, parameters: Mapping[str, Any], surroundings: Surroundings) -> Outcome:
    """In a fresh process: restore in the document's way and in that of the class's documentation; train on.

    Returns:
        What came back; the error of ``variables_to_restore()``; validation loss after 0, 1, 10 and 50 updates without
        interruption, with the step kept, and with the step starting again at 0. Curves: these losses, and as
        ``<name>_course`` after each of the updates from 0 to 50; ``trained_steps`` and ``trained_course``, the
        validation loss up to the checkpoint.
    """
    data = _Data.of(surroundings, parameters)
    stored = canonical.read(surroundings.scratch / ARRAYS)
    uninterrupted, after, trained = (stored.pop(name) for name in ("losses", "after", "trained"))
    expected = {name.removeprefix("value/"): value for name, value in stored.items()}
    prefix = surroundings.scratch / PREFIX
    with Program(data.shape, OTHER_SEED) as program:
        documented = _documented_way(program, prefix)
        program.restore(prefix)
        found = program.values()
        kept, kept_after = data.losses(program, parameters["steps"])
        program.restore(prefix)
        reset, _ = data.losses(program, 0)
    courses = {"uninterrupted": uninterrupted, "kept": kept, "reset": reset}
    losses = {name: values[list(LOOKS)] for name, values in courses.items()}
    metrics = _came_back(found, expected, prefix) | documented
    metrics["kept_averages_differ_after_rel"] = float(np.abs(kept_after / after - 1).max())
    for name, values in losses.items():
        metrics |= {f"{name}_loss_after_{n}_updates": float(v) for n, v in zip(LOOKS, values, strict=True)}
    arrays = {"updates": np.array(LOOKS), **losses, "trained_steps": trained[:, 0], "trained_course": trained[:, 1]}
    return Outcome(metrics=metrics, arrays=arrays | {f"{name}_course": values for name, values in courses.items()})


class _Data:
    """Digits 0 to 4 against 5 to 9: the batches before and after the checkpoint, and the validation data."""

    def __init__(self, surroundings: Surroundings, parameters: Mapping[str, Any]) -> None:
        data = surroundings.dataset(DATASET)
        x, labels = _images(data.train.inputs), (data.train.labels >= 5).astype(np.int32)
        self.validation = _images(data.validation.inputs), (data.validation.labels >= 5).astype(np.int32)
        size, seed = parameters["batch_size"], parameters["seed"]
        self.shape = x.shape[1:]
        self.first = list(batches(x, labels, parameters["steps"], size, seed))
        self.second = list(batches(x, labels, max(LOOKS), size, seed + 1))

    of = classmethod(lambda cls, surroundings, parameters: cls(surroundings, parameters))

    def losses(self, program: Program, step: int) -> tuple[Array, Array]:
        """Validation loss before and after each of the following updates, and the averaged variances at the end.

        Args:
            program: restored.
            step: that is given to the first one.
        """
        found = [program.inference_loss(*self.validation)]
        for number, (x, labels) in enumerate(self.second):
            program.run_step(x, labels, step + number)
            found.append(program.inference_loss(*self.validation))
        values = program.values()
        variances = [value for name, value in sorted(values.items()) if AVERAGE in name and "moments" in name]
        return np.array(found), np.concatenate([value.reshape(-1) for value in variances])


def _images(inputs: Array) -> Array:
    """(n, height, width) or (n, height, width, 1) to the latter, float32."""
    wide = inputs if inputs.ndim == 4 else inputs[..., None]
    return wide.astype(np.float32)


def _came_back(found: Mapping[str, Array], expected: Mapping[str, Array], prefix: Path) -> dict[str, Any]:
    averages = [name for name in expected if AVERAGE in name]
    stored = tf.train.load_checkpoint(str(prefix)).get_variable_to_shape_map()
    return {
        "averages": len(averages),
        "averages_bitwise": sum(np.array_equal(found[name], expected[name]) for name in averages),
        "averages_nonzero": sum(bool(np.any(expected[name])) for name in averages),
        "variables": len(expected),
        "variables_bitwise": sum(np.array_equal(found[name], value) for name, value in expected.items()),
        "steps_in_checkpoint": sum("step" in name.lower() for name in stored),
    }


def _documented_way(program: Program, prefix: Path) -> dict[str, Any]:
    """Restore by ``variables_to_restore()``, as the class's documentation has it, and by the form that works."""
    stored = set(tf.train.load_checkpoint(str(prefix)).get_variable_to_shape_map())
    average = program.averages[0]
    with program.graph.as_default():
        mapped = average.variables_to_restore()
        error = _restoring(program, mapped, prefix)
        plain = average.variables_to_restore([])
        working = _restoring(program, plain, prefix)
    missing = sorted(name for name in mapped if name not in stored)
    trainable = {variable.op.name for variable in program.graph.get_collection(v1.GraphKeys.TRAINABLE_VARIABLES)}
    return {
        "variables_to_restore_error": error,
        "names_not_in_checkpoint": len(missing),
        "names_that_are_averages_of_weights": sum(
            name.endswith(AVERAGE) and mapped[name].op.name in trainable for name in missing
        ),
        "first_missing_name": missing[0] if missing else None,
        "variables_to_restore_of_nothing_error": working,
    }


def _restoring(program: Program, mapped: Mapping[str, Any], prefix: Path) -> str | None:
    """The kind of error that a Saver of these variables meets, or None."""
    try:
        v1.train.Saver(mapped).restore(program.session, str(prefix))
    except (tf.errors.OpError, ValueError) as error:
        return type(error).__name__
    return None
