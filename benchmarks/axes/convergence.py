"""Convergence: does a network train the same with it?

Every implementation starts from the same weights and sees the same batches as the float64 NumPy network; the loss of
every step is compared, and where it leaves the reference's, the growth of rounding errors tells whether they explain it
(:mod:`benchmarks.trainings.lockstep`).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from benchmarks.axes.agreement import refused
from benchmarks.axes.outcome import Outcome, Surroundings, labelled
from benchmarks.axes.training import Experiment, loss_and_accuracy
from benchmarks.trainings.lockstep import ALLOWED, Reference, reference, relative_difference
from benchmarks.trainings.population import evaluate_population, exact_network
from bn_impls.interface import Array, Implementation, Statistics, Trainer, Unsupported
from bn_impls.networks.numpy_network import NumpyNetwork

Mode = Statistics | Literal["population"]
SPLIT_THRESHOLD_REL = 1e-3
FIRST_LOSS_REL = 1e-4
"""Above this the first loss is no rounding: same weights, same batch, and float32 sums of 784 terms err by 5e-5; unless
the network itself rounds as far in the case's dtype, or overflows."""
LEVEL_SHARE = 0.25  # of the first loss
LEVEL_STEPS = 20  # whose mean has to reach the level
NOT_COMPARED = "not_compared"
"""The departure of a training that the float64 network did not go along with."""
EVALUATED_ROWS = 2048  # rows of one prediction call: bounds memory, and makes "batch" mean statistics of many rows


def run(implementation: Implementation, parameters: Mapping[str, Any], surroundings: Surroundings) -> Outcome:
    """Train for the case's epochs, evaluate after each, compare the loss of each step with the reference's.

    Args:
        implementation: what is measured.
        parameters: of the case.
        surroundings: gives the data set.

    Returns:
        Final figures, the first step of a split, and the curves as arrays. A case whose ``exact`` is false goes without
        the float64 network, which takes most of the time of a long training: no steps are compared, and nothing is
        evaluated with population statistics.
    """
    experiment = Experiment.of(implementation, parameters, surroundings)
    trainer = experiment.trainer(implementation)
    if isinstance(trainer, Unsupported):
        return refused(trainer)
    try:
        return _compare(trainer, experiment, parameters, surroundings.shared)
    finally:
        trainer.close()


def _compare(trainer: Trainer, experiment: Experiment, parameters: Mapping[str, Any], shared: Path | None) -> Outcome:
    with_exact = parameters.get("exact", True)
    modes: tuple[Mode, ...] = ("moving", "batch", "population") if parameters["batch_norm"] else ("moving",)
    if not with_exact:
        modes = modes[:2]
    losses, curves, durations_ns = train(trainer, experiment, parameters["epochs"], modes)
    settings = experiment.settings
    claims = {"device": settings.device, "dtype": settings.dtype, "style": settings.style}
    labels, wrong = labelled(claims, trainer.observe())
    test = evaluate(trainer, experiment.data.test, "moving")
    if wrong:
        return Outcome(status="failed", reason=f"a label is wrong: {wrong}", labels=labels)
    exact = reference(experiment, parameters["epochs"], shared) if with_exact else None
    reason = judge(losses, exact) if exact else None
    return Outcome(
        status="disagrees" if reason else "ok",
        reason=reason,
        metrics={
            "final_train_loss": float(losses[-1]),
            **(split_figures(losses, exact) if exact else {}),
            "departure": departure(losses, exact) if exact else NOT_COMPARED,
            "diverged_step": diverged_step(losses),
            "steps_to_level": steps_to_level(losses),
            **_final(curves, test),
            "steps": len(losses),
            "train_size": len(experiment.data.train.labels),
            "validation_size": len(experiment.data.validation.labels),
            "test_size": len(experiment.data.test.labels),
        },
        samples={"durations_ns": durations_ns, "dataset": experiment.data.description()},
        labels=labels,
        arrays={
            "step_loss": losses,
            **({} if exact is None else exact.arrays()),
            **curves,
        },
    )


def train(
    trainer: Trainer, experiment: Experiment, epochs: int, modes: tuple[Mode, ...]
) -> tuple[Array, dict[str, Array], list[int]]:
    """Run all epochs, and evaluate after each with the moving, the batch's or the exact population statistics.

    Returns:
        The loss of every step; one array a curve with a value an epoch; nanoseconds of training an epoch.
    """
    losses, durations_ns, exact = [], [], exact_network(experiment)
    curves: dict[str, list[float]] = {}
    for indices, masks in experiment.batches(epochs):
        began = time.perf_counter_ns()
        losses.append(trainer.train(indices, masks))
        durations_ns.append(time.perf_counter_ns() - began)
        for mode in modes:
            for name, value in _evaluated(trainer, exact, experiment, mode).items():
                curves.setdefault(f"{name}_{mode}", []).append(value)
    return np.concatenate(losses), {name: np.array(values) for name, values in curves.items()}, durations_ns


def _evaluated(trainer: Trainer, exact: NumpyNetwork, experiment: Experiment, mode: Mode) -> dict[str, float]:
    """Loss and accuracy of training and validation data."""
    if mode == "population":
        return evaluate_population(trainer, exact, experiment)
    found = {name: evaluate(trainer, getattr(experiment.data, name), mode) for name in ("train", "validation")}
    figures = ("loss", "accuracy")
    return {f"{name}_{f}": value for name, pair in found.items() for f, value in zip(figures, pair, strict=True)}


def evaluate(trainer: Trainer, split: Any, mode: Statistics) -> tuple[float, float]:
    """Loss and accuracy of a split, predicted in chunks of :data:`EVALUATED_ROWS`."""
    chunks = [
        trainer.predict(split.inputs[start : start + EVALUATED_ROWS], mode)
        for start in range(0, len(split.labels), EVALUATED_ROWS)
    ]
    return loss_and_accuracy(np.concatenate(chunks), split.labels)


def split_figures(losses: Array, exact: Reference) -> dict[str, Any]:
    """Where and how far a loss curve leaves the reference's.

    Args:
        losses: one a step.
        exact: the reference's, and what rounding does to them.

    Returns:
        The first step (counted from 0) whose relative difference is above the threshold, and the difference there; the
        first one that rounding does not explain; the largest difference of all. A loss that is not finite, where the
        reference's is, is a difference of infinity.
    """
    difference = relative_difference(losses, exact.losses)
    beyond = np.flatnonzero(difference > SPLIT_THRESHOLD_REL)
    first = int(beyond[0]) if len(beyond) else None
    return {
        "first_split_step": first,
        "split_threshold_rel": SPLIT_THRESHOLD_REL,
        "split_difference_rel": None if first is None else float(difference[first]),
        "first_step_beyond_rounding": exact.beyond_rounding(losses),
        "max_loss_difference_rel": float(difference.max()),
    }


def departure(losses: Array, exact: Reference) -> str:
    """What became of a loss curve.

    Returns:
        ``none``: it stays within the threshold; ``rounding``: it leaves it, never further than rounding errors grow;
        ``algorithm``: it goes further; ``diverged``: the reference and it become infinite or NaN.
    """
    difference = relative_difference(losses, exact.losses)
    if np.any((difference > SPLIT_THRESHOLD_REL) & (difference > exact.limit)):
        return "algorithm"
    if diverged_step(losses) is not None:
        return "diverged"
    return "rounding" if np.any(difference > SPLIT_THRESHOLD_REL) else "none"


def diverged_step(losses: Array) -> int | None:
    """The first step, from 0, whose loss is infinite or NaN; None: none."""
    lost = np.flatnonzero(~np.isfinite(losses))
    return int(lost[0]) if len(lost) else None


def steps_to_level(losses: Array) -> int | None:
    """Steps until the mean loss of :data:`LEVEL_STEPS` steps is a quarter of the first one; None: never."""
    if len(losses) < LEVEL_STEPS:
        return None
    means = np.convolve(losses.astype(np.float64), np.full(LEVEL_STEPS, 1 / LEVEL_STEPS), "valid")
    reached = np.flatnonzero(means <= LEVEL_SHARE * losses[0])
    return int(reached[0]) + LEVEL_STEPS if len(reached) else None


def judge(losses: Array, exact: Reference) -> str | None:
    """Why a training is not the reference's, or None; growing rounding errors are no reason.

    Args:
        losses: one a step.
        exact: the reference's, and what rounding does to them.

    Returns:
        The complaint: a first loss that is wrong, a loss that is not finite where it should be, or one that is further
        away than rounding errors grow.
    """
    difference = relative_difference(losses, exact.losses)
    first = difference[0]
    if first > max(FIRST_LOSS_REL, ALLOWED * exact.band[0]):
        return f"the loss before any update is {first:.3g} off, relative; the forward pass is not the reference's"
    if departure(losses, exact) != "algorithm":
        return None
    step = int(np.argmax((difference > SPLIT_THRESHOLD_REL) & (difference > exact.limit)))
    if not np.isfinite(losses[step]):
        return f"the loss of step {step} is {losses[step]}, but the reference's is {exact.losses[step]:.3g}"
    return (
        f"the loss after {step} updates is {difference[step]:.3g} off, relative, where rounding explains "
        f"{exact.limit[step]:.2g}; gradients or optimizer are not the reference's"
    )


def _final(curves: Mapping[str, Array], test: tuple[float, float]) -> dict[str, float]:
    return {
        "final_test_loss": test[0],
        "final_test_accuracy": test[1],
        "final_validation_loss": float(curves["validation_loss_moving"][-1]),
        "final_validation_accuracy": float(curves["validation_accuracy_moving"][-1]),
    }
