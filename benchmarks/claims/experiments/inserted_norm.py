"""Does training undo a batch normalization that is not needed? A plain network is trained; then one is put into it.

At gamma = sqrt(variance + epsilon) and beta = mean the network with batch normalization is the plain one, so a loss as
low as the plain network's is within reach by undoing alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.axes.agreement import refused
from benchmarks.axes.convergence import evaluate
from benchmarks.axes.outcome import Outcome, Surroundings
from benchmarks.axes.training import Experiment
from benchmarks.claims.experiments.inspection import exact_statistics
from benchmarks.networks import network
from bn_impls.interface import Array, Implementation, Trainer, Unsupported

OWN = ("gamma", "beta", "moving_mean", "moving_variance", "num_updates")


def run(implementation: Implementation, parameters: Mapping[str, Any], surroundings: Surroundings) -> Outcome:
    """Train the plain network, put batch normalization in, and train again.

    Returns:
        Metrics ``gamma_distance_<start|end>`` and ``beta_distance_<start|end>``: how far gamma is from undoing (in
        logarithms) and beta (in standard deviations), medians over units, before and after training with it;
        ``plain_loss`` and ``normalized_loss``, final training losses, the second with batch statistics. Curves
        ``gamma_ratio_start``, ``gamma_ratio_end``: gamma / sqrt(variance + epsilon) of each unit.
    """
    experiment = Experiment.of(implementation, parameters, surroundings)
    plain = _plain(experiment, parameters)
    first, second = plain.trainer(implementation), experiment.trainer(implementation)
    if isinstance(first, Unsupported):
        return refused(first)
    if isinstance(second, Unsupported):
        return refused(second)
    try:
        for indices, masks in plain.batches(parameters["epochs"]):
            first.train(indices, masks)
        plain_loss, _ = evaluate(first, experiment.data.train, "moving")
        second.import_weights({**second.export_weights(), **first.export_weights()})
        return _undone(second, experiment, parameters, plain_loss)
    finally:
        first.close()
        second.close()


def _plain(experiment: Experiment, parameters: Mapping[str, Any]) -> Experiment:
    data, options = experiment.data, {**parameters["options"], "batch_norm": False}
    described = network(parameters["network"], data.train.inputs.shape[1:], data.class_count, **options)
    return replace(experiment, settings=replace(experiment.settings, network=described))


def _undone(trainer: Trainer, experiment: Experiment, parameters: Mapping[str, Any], plain_loss: float) -> Outcome:
    start = distances(trainer, experiment)
    dense = {name: a for name, a in trainer.export_weights().items() if name.rpartition("/")[2] not in OWN}
    for indices, masks in replace(experiment, seed=experiment.seed + 1000).batches(parameters["epochs"]):
        if parameters["free"] == "all":
            trainer.train(indices, masks)
            continue
        for step, rows in enumerate(indices):
            trainer.train(rows[None], {name: mask[step : step + 1] for name, mask in masks.items()})
            trainer.load_weights({**trainer.export_weights(), **dense})
    end = distances(trainer, experiment)
    loss, _ = evaluate(trainer, experiment.data.train, "batch")
    return Outcome(
        metrics={
            "gamma_distance_start": _median(np.log(start[0])),
            "gamma_distance_end": _median(np.log(end[0])),
            "beta_distance_start": _median(start[1]),
            "beta_distance_end": _median(end[1]),
            "plain_loss": plain_loss,
            "normalized_loss": loss,
        },
        samples={"dataset": experiment.data.description()},
        arrays={"gamma_ratio_start": start[0], "gamma_ratio_end": end[0], "beta_off_end": end[1]},
    )


def _median(values: Array) -> float:
    return float(np.median(np.abs(values)))


def distances(trainer: Trainer, experiment: Experiment) -> tuple[Array, Array]:
    """How far each unit is from undoing.

    Returns:
        gamma / sqrt(variance + epsilon), and (beta - mean) / sqrt(variance + epsilon), each (units of all layers,),
        with the exact statistics of all training rows.
    """
    weights = trainer.export_weights()
    epsilon = next(layer.epsilon for layer in experiment.settings.layer_configurations())
    exact = exact_statistics(experiment, weights)
    ratios, offsets = [], []
    for name in (n.removesuffix("/moving_mean") for n in exact if n.endswith("/moving_mean")):
        deviation = np.sqrt(exact[f"{name}/moving_variance"] + epsilon)
        ratios.append(weights[f"{name}/gamma"] / deviation)
        offsets.append((weights[f"{name}/beta"] - exact[f"{name}/moving_mean"]) / deviation)
    return np.abs(np.concatenate(ratios)), np.concatenate(offsets)
