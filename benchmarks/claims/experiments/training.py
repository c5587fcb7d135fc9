"""A training of any network: curves in every mode of inference, final figures, and chosen weights.

The parameters stand in :data:`benchmarks.claims.training.TRAINING`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from benchmarks.axes.agreement import refused
from benchmarks.axes.convergence import diverged_step, evaluate
from benchmarks.axes.outcome import Outcome, Surroundings
from benchmarks.axes.training import Experiment
from benchmarks.claims.experiments.inspection import exact_statistics
from benchmarks.claims.experiments.noise import noise_after
from benchmarks.claims.experiments.watching import WATCHED
from benchmarks.datasets import Dataset, Split
from benchmarks.trainings.population import evaluate_population, exact_network
from bn_impls.interface import (
    Array,
    Implementation,
    Statistics,
    Trainer,
    Unsupported,
)
from bn_impls.networks.numpy_network import hosted_trainer

SPLITS = ("train", "validation", "test")
Batches = list[tuple[Array, Mapping[str, Array]]]
Curves = dict[str, list[Any]]


def run(implementation: Implementation, parameters: Mapping[str, Any], surroundings: Surroundings) -> Outcome:
    """Train, evaluating every few epochs.

    Returns:
        Metrics: ``final_<split>_<loss|accuracy>_<mode>`` for the splits train, validation and test and the modes moving
        and batch, and if ``precise`` the mode population; ``steps``; ``diverged_step`` (of the first loss that is not
        finite, or None). Curves: ``step_loss`` (one a step);
        ``<split>_<loss|accuracy>_<mode>`` (one an evaluation, the first before training), ``evaluated_steps``, what
        ``watch`` names (one an evaluation); and what ``keep`` names, as ``<layer>/<name>``.
    """
    experiment = prepare(implementation, parameters, surroundings)
    trainer = start(implementation, experiment, parameters)
    if isinstance(trainer, Unsupported):
        return refused(trainer)
    try:
        with np.errstate(all="ignore"):  # a training that diverges is a result
            return _trained(trainer, experiment, parameters)
    finally:
        trainer.close()


def prepare(implementation: Implementation, parameters: Mapping[str, Any], surroundings: Surroundings) -> Experiment:
    """Data and network of a case; raises what the data set's reader raises."""
    experiment = Experiment.of(implementation, parameters, surroundings)
    return replace(experiment, data=first_rows(experiment.data, parameters["train_rows"]))


def first_rows(data: Dataset, count: int) -> Dataset:
    """The data set with that many training rows, or with all of them for 0."""
    if not count:
        return data
    return replace(data, train=Split(data.train.inputs[:count], data.train.labels[:count]))


def start(
    implementation: Implementation, experiment: Experiment, parameters: Mapping[str, Any]
) -> Trainer | Unsupported:
    """A trainer with the initial weights of the case's seed and the data loaded."""
    if not parameters["noise"]:
        return experiment.trainer(implementation)
    noisy = partial(hosted_trainer, build=implementation.build, after=noise_after(experiment.seed))
    return experiment.trainer(replace(implementation, build_trainer=noisy))


def batches(experiment: Experiment, parameters: Mapping[str, Any]) -> Batches:
    """Row indices (steps, batch) and dropout masks of each epoch; a partial last batch is dropped."""
    if parameters["order"] == "shuffled":
        return experiment.batches(parameters["epochs"])
    generator = np.random.default_rng((experiment.seed, 1))
    labels, size = experiment.data.train.labels, experiment.settings.batch_size
    steps = len(labels) // size
    found: Batches = []
    for _ in range(parameters["epochs"]):
        drawn = generator.permutation(len(labels))
        order = drawn[np.argsort(labels[drawn], kind="stable")][: steps * size].reshape(steps, size).astype(np.int32)
        found.append((order, experiment.settings.network.dropout_masks(generator, steps, size)))
    return found


def _trained(trainer: Trainer, experiment: Experiment, parameters: Mapping[str, Any]) -> Outcome:
    curves: Curves = {}
    losses: list[Array] = []
    evaluated = [0]
    evaluation(trainer, experiment, parameters, curves)
    planned = batches(experiment, parameters)
    for number, (indices, masks) in enumerate(planned, start=1):
        losses.append(trainer.train(indices, masks))
        if number % parameters["evaluate_every"] == 0 or number == len(planned):
            evaluation(trainer, experiment, parameters, curves)
            evaluated.append(sum(map(len, losses)))
    step_loss = np.concatenate(losses)
    return Outcome(
        metrics={
            **{f"final_{name}": values[-1] for name, values in curves.items() if np.ndim(values[-1]) == 0},
            "steps": len(step_loss),
            "diverged_step": diverged_step(step_loss),
        },
        samples={"dataset": experiment.data.description()},
        arrays={
            "step_loss": step_loss,
            "evaluated_steps": np.array(evaluated),
            **{name: np.array(values) for name, values in curves.items()},
            **kept(trainer, experiment, parameters["keep"]),
        },
    )


def evaluation(trainer: Trainer, experiment: Experiment, parameters: Mapping[str, Any], curves: Curves) -> None:
    """Append loss and accuracy of every split, in every mode, to the curves."""
    modes: tuple[Statistics, ...] = ("moving", "batch") if parameters["batch_norm"] else ("moving",)
    for mode in modes:
        for split in SPLITS:
            loss, accuracy = evaluate(trainer, getattr(experiment.data, split), mode)
            curves.setdefault(f"{split}_loss_{mode}", []).append(loss)
            curves.setdefault(f"{split}_accuracy_{mode}", []).append(accuracy)
    taken = len(curves["train_loss_moving"])
    noise = np.random.default_rng((experiment.seed, 4, taken)) if parameters["noise"] else None
    for watch in parameters["watch"]:
        for name, value in WATCHED[watch](experiment, trainer.export_weights(), noise).items():
            curves.setdefault(name, []).append(value)
    if parameters["precise"] and parameters["batch_norm"]:
        exact = evaluate_population(trainer, exact_network(experiment), experiment, ("validation", "test"))
        for name, value in exact.items():
            curves.setdefault(f"{name}_population", []).append(value)


def kept(trainer: Trainer, experiment: Experiment, names: list[str]) -> dict[str, Array]:
    """The weights and statistics whose last part is one of the names."""
    weights = trainer.export_weights()
    if any(name.startswith("population") for name in names):
        exact = exact_statistics(experiment, weights)
        weights |= {name.replace("/moving_", "/population_"): array for name, array in exact.items()}
    return {name: array for name, array in weights.items() if name.rpartition("/")[2] in names}
