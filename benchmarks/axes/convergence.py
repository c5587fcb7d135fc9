"""Convergence: does a network train the same with it?

Every implementation starts from the same weights and sees the same batches as the float64 NumPy network; the loss of
every step is compared.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.axes.agreement import refused
from benchmarks.axes.outcome import Outcome, Surroundings, labelled
from benchmarks.axes.training import Experiment, loss_and_accuracy
from bn_impls.accuracy.errors import distance, over
from bn_impls.interface import Array, Implementation, Statistics, Trainer, Unsupported
from bn_impls.networks.numpy_network import hosted_trainer
from bn_impls.numpy_reference import IMPLEMENTATION as REFERENCE

SPLIT_THRESHOLD_REL = 1e-3
FIRST_LOSS_REL = 1e-4
"""Above this the first loss is no rounding: same weights, same batch, and float32 sums of 784 terms err by 5e-5."""
ROUNDING_STEPS = 2
"""A split before this step is no rounding: one step of the optimizer cannot grow 1e-7 to 1e-3."""
EVALUATED_ROWS = 2048  # rows of one prediction call: bounds memory, and makes "batch" mean statistics of many rows


def run(implementation: Implementation, parameters: Mapping[str, Any], surroundings: Surroundings) -> Outcome:
    """Train for the case's epochs, evaluate after each, compare the loss of each step with the reference's.

    Args:
        implementation: what is measured.
        parameters: of the case.
        surroundings: gives the data set.

    Returns:
        Final figures, the first step of a split, and the curves as arrays.
    """
    experiment = Experiment.of(implementation, parameters, surroundings)
    trainer = experiment.trainer(implementation)
    if isinstance(trainer, Unsupported):
        return refused(trainer)
    try:
        return _compare(trainer, experiment, parameters)
    finally:
        trainer.close()


def _compare(trainer: Trainer, experiment: Experiment, parameters: Mapping[str, Any]) -> Outcome:
    modes: tuple[Statistics, ...] = ("moving", "batch") if parameters["batch_norm"] else ("moving",)
    losses, curves, durations_ns = train(trainer, experiment, parameters["epochs"], modes)
    settings = experiment.settings
    claims = {"device": settings.device, "dtype": settings.dtype, "style": settings.style}
    labels, wrong = labelled(claims, trainer.observe())
    test = evaluate(trainer, experiment.data.test, "moving")
    if wrong:
        return Outcome(status="failed", reason=f"a label is wrong: {wrong}", labels=labels)
    reference = reference_losses(experiment, parameters["epochs"])
    reason = judge(losses, reference)
    return Outcome(
        status="disagrees" if reason else "ok",
        reason=reason,
        metrics={
            **split_figures(losses, reference),
            **_final(curves, test),
            "steps": len(losses),
            "train_size": len(experiment.data.train.labels),
            "validation_size": len(experiment.data.validation.labels),
            "test_size": len(experiment.data.test.labels),
        },
        samples={"durations_ns": durations_ns, "dataset": experiment.data.description()},
        labels=labels,
        arrays={"step_loss": losses, "reference_step_loss": reference, **curves},
    )


def train(
    trainer: Trainer, experiment: Experiment, epochs: int, modes: tuple[Statistics, ...]
) -> tuple[Array, dict[str, Array], list[int]]:
    """Run all epochs.

    Returns:
        The loss of every step; one array a curve with a value an epoch; nanoseconds of training an epoch.
    """
    losses, durations_ns = [], []
    curves: dict[str, list[float]] = {}
    for indices, masks in experiment.batches(epochs):
        began = time.perf_counter_ns()
        losses.append(trainer.train(indices, masks))
        durations_ns.append(time.perf_counter_ns() - began)
        for split_name in ("train", "validation"):
            for mode in modes:
                loss, accuracy = evaluate(trainer, getattr(experiment.data, split_name), mode)
                curves.setdefault(f"{split_name}_loss_{mode}", []).append(loss)
                curves.setdefault(f"{split_name}_accuracy_{mode}", []).append(accuracy)
    return np.concatenate(losses), {name: np.array(values) for name, values in curves.items()}, durations_ns


def evaluate(trainer: Trainer, split: Any, mode: Statistics) -> tuple[float, float]:
    """Loss and accuracy of a split, predicted in chunks of :data:`EVALUATED_ROWS`."""
    chunks = [
        trainer.predict(split.inputs[start : start + EVALUATED_ROWS], mode)
        for start in range(0, len(split.labels), EVALUATED_ROWS)
    ]
    return loss_and_accuracy(np.concatenate(chunks), split.labels)


def reference_losses(experiment: Experiment, epochs: int) -> Array:
    """The float64 NumPy network's loss of every step, from the same weights and batches."""
    exact = experiment.settings.exact()
    reference = replace(experiment, settings=exact)
    trainer = hosted_trainer(exact, REFERENCE.build)
    assert isinstance(trainer, Trainer), trainer
    trainer.import_weights({**trainer.export_weights(), **exact.network.initial_weights(experiment.seed)})
    trainer.load_data(experiment.data.train.inputs, experiment.data.train.labels)
    return np.concatenate([trainer.train(indices, masks) for indices, masks in reference.batches(epochs)])


def split_figures(losses: Array, reference: Array) -> dict[str, Any]:
    """Where and how far a loss curve leaves the reference's.

    Args:
        losses: one a step.
        reference: one a step.

    Returns:
        The first step (counted from 0) whose relative difference is above the threshold, and the difference there; the
        largest difference of all. A loss that is not finite, where the reference's is, is a difference of infinity.
    """
    difference = over(distance(losses, reference), np.abs(reference))
    beyond = np.flatnonzero(difference > SPLIT_THRESHOLD_REL)
    first = int(beyond[0]) if len(beyond) else None
    return {
        "first_split_step": first,
        "split_threshold_rel": SPLIT_THRESHOLD_REL,
        "split_difference_rel": None if first is None else float(difference[first]),
        "max_loss_difference_rel": float(difference.max()),
        "final_train_loss": float(losses[-1]),
    }


def judge(losses: Array, reference: Array) -> str | None:
    """Why a training is not the reference's, or None; growing rounding errors are no reason.

    Args:
        losses: one a step.
        reference: one a step.

    Returns:
        The complaint: a first loss or a first update that is wrong, or a loss that is not finite where it should be.
    """
    first = abs(float(losses[0]) - float(reference[0])) / abs(float(reference[0]))
    if not first <= FIRST_LOSS_REL:
        return f"the loss before any update is {first:.3g} off, relative; the forward pass is not the reference's"
    split = split_figures(losses[:ROUNDING_STEPS], reference[:ROUNDING_STEPS])
    if split["first_split_step"] is not None:
        off = split["split_difference_rel"]
        return f"the loss after one update is {off:.3g} off, relative; gradients or optimizer are not the reference's"
    lost = np.flatnonzero(~np.isfinite(losses) & np.isfinite(reference))
    return f"the loss of step {lost[0]} is {losses[lost[0]]}, but the reference's is finite" if len(lost) else None


def _final(curves: Mapping[str, Array], test: tuple[float, float]) -> dict[str, float]:
    return {
        "final_test_loss": test[0],
        "final_test_accuracy": test[1],
        "final_validation_loss": float(curves["validation_loss_moving"][-1]),
        "final_validation_accuracy": float(curves["validation_accuracy_moving"][-1]),
    }
