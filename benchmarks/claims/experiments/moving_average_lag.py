"""A training whose inference is watched while its moving variances forget their start value.

Beside the loss by the moving statistics stands the loss of the same weights by the statistics of the rows themselves:
what lies between is the averages' fault, not the training's. For each layer the *inference scale* is what its moving
variance makes of its output, ``sqrt((v + epsilon) / (moving variance + epsilon))`` with v the variance of these rows: 1
where the average is right, below it where the start value still weighs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.axes.agreement import refused
from benchmarks.axes.convergence import evaluate
from benchmarks.axes.outcome import Outcome, Surroundings
from benchmarks.axes.training import Experiment
from benchmarks.claims.experiments.inspection import walk
from bn_impls.interface import Array, Implementation, Statistics, Trainer, Unsupported
from bn_impls.networks.description import BatchNorm

SPLITS = ("train", "validation")
MODES: tuple[Statistics, ...] = ("moving", "batch")


def run(implementation: Implementation, parameters: Mapping[str, Any], surroundings: Surroundings) -> Outcome:
    """Train, and look after every few steps.

    Args:
        implementation: whose layers are in the network.
        parameters: of a training; ``looks``, the steps after which inference is looked at; ``splits``, on which
            (training and validation unless given); ``conventions``, the fields of the implementation's
            :class:`bn_impls.interface.Conventions` that are changed.
        surroundings: give the data set.

    Returns:
        Curves (looks,) ``<split>_<loss|accuracy>_<mode>`` of the splits, and ``inference_scale``
        (looks, layers), the median over a layer's channels.
    """
    experiment = Experiment.of(implementation, parameters, surroundings)
    conventions = replace(implementation.conventions, **parameters["conventions"])
    experiment = replace(experiment, settings=replace(experiment.settings, conventions=conventions))
    trainer = experiment.trainer(implementation)
    if isinstance(trainer, Unsupported):
        return refused(trainer)
    curves: dict[str, list[Any]] = {}
    looks = [int(step) for step in parameters["looks"]]
    splits = parameters.get("splits", SPLITS)
    try:
        rows, masks = experiment.steps(max(looks))
        done = 0
        for step in looks:
            if step > done:
                part = slice(done, step)
                trainer.train(rows[part], {name: mask[part] for name, mask in masks.items()})
                done = step
            _look(trainer, experiment, splits, curves)
    finally:
        trainer.close()
    arrays = {name: np.array(values) for name, values in curves.items()}
    return Outcome(
        metrics={f"final_{name}": float(values[-1]) for name, values in arrays.items() if values.ndim == 1},
        samples={"dataset": experiment.data.description()},
        arrays={"step": np.array(looks), **arrays},
    )


def _look(trainer: Trainer, experiment: Experiment, splits: Sequence[str], curves: dict[str, list[Any]]) -> None:
    for split in splits:
        for mode in MODES:
            loss, accuracy = evaluate(trainer, getattr(experiment.data, split), mode)
            curves.setdefault(f"{split}_loss_{mode}", []).append(loss)
            curves.setdefault(f"{split}_accuracy_{mode}", []).append(accuracy)
    curves.setdefault("inference_scale", []).append(inference_scales(experiment, trainer.export_weights()))


def inference_scales(experiment: Experiment, weights: Mapping[str, Array]) -> Array:
    """The inference scale of each normalization of the network, in order."""
    network, found = experiment.settings.network, []
    for passed in walk(network, weights, experiment.data.validation.inputs, "batch"):
        if isinstance(passed.named.layer, BatchNorm) and passed.variance is not None:
            epsilon = passed.named.layer.epsilon
            moving = weights[f"{passed.named.name}/moving_variance"].astype(np.float64)
            found.append(float(np.median(np.sqrt((passed.variance + epsilon) / (moving + epsilon)))))
    return np.array(found)
