"""What a continued training comes to by the reference, under any conventions, and how far rounding may carry it off.

Training normalizes by the batch, so the moving statistics never act on the weights: one replay of the float64 NumPy
network gives the moments of every batch, and the moving statistics under any conventions follow from them.

Replays in the dtype of the case, each with the rows of every batch in another order, have the same exact losses. How
far they leave the float64 ones is what rounding does to this very training, amplified as this training amplifies. An
implementation may sum less carefully than NumPy; of the longest sum that costs :func:`carelessness` times as much.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from benchmarks.axes.training import Experiment
from bn_impls import canonical
from bn_impls.accuracy.bounds import sum_factor
from bn_impls.accuracy.network_bounds import forward
from bn_impls.conversion import normalizations
from bn_impls.interface import Array, Conventions, Trainer, TrainerConfiguration
from bn_impls.networks.description import BatchNorm, NamedLayer
from bn_impls.networks.numpy_network import hosted_trainer
from bn_impls.numpy_reference import build

Updates = Literal["within", "after"]
Arrays = Mapping[str, Array]
PLAIN = Conventions(ddof=0, initial_mean=0.0, initial_variance=1.0, warm_up=False, decay_in_float32=False)
ROUNDINGS = 3  # replays in the dtype of the case


@dataclass(frozen=True)
class Replay:
    """A continued training.

    Attributes:
        losses: (k,).
        weights: without statistics, at its end.
        moments: ``layer/mean`` and ``layer/variance`` (by n) of each batch, (k, C).
    """

    losses: Array
    weights: Arrays
    moments: Arrays


def replay(
    experiment: Experiment, state: Arrays, steps: Any, dtype: str = "float64", order: int | None = None,
    after: Conventions | None = None,
) -> Replay:  # fmt: skip
    """Train the NumPy network on from a state.

    Args:
        experiment: network, optimizer and data.
        state: weights by name, and the optimizer's slots by ``optimizer/name``.
        steps: row indices (k, batch) and dropout masks, as a trainer takes them.
        dtype: of the arithmetic.
        order: seed of the order of the rows in each batch; None for the order given.
        after: take each batch's moments once more after the step, with the new weights and below layers that
            normalize by moving statistics of these conventions, as a second call with ``is_training`` false does.

    Returns:
        What it came to.
    """
    trainer = _reference(experiment, state, dtype)
    indices, masks = steps
    if order is not None:
        indices, masks = _reordered(indices, masks, order)
    losses, moments = [], _Moments()
    moving = None if after is None else Moving(experiment.settings, after, state)
    for number, rows in enumerate(indices):
        one = slice(number, number + 1)
        losses.append(trainer.train(indices[one], {name: mask[one] for name, mask in masks.items()}))
        weights = trainer.export_weights()
        if moving is None:
            moments.take({name: weights[name] for name in weights if "/moving_" in name})
        else:
            moments.take(_after_the_step(experiment, weights, rows, moving))
    weights = {name: array for name, array in trainer.export_weights().items() if not _is_statistic(name)}
    return Replay(np.concatenate(losses), weights, moments.stacked())


def _reordered(indices: Array, masks: Arrays, seed: int) -> tuple[Array, dict[str, Array]]:
    """The same batches with their rows, and these rows' masks, in another order."""
    places = np.tile(np.arange(indices.shape[1]), (len(indices), 1))
    places = np.random.default_rng(seed).permuted(places, axis=1)
    steps = np.arange(len(indices))[:, None]
    return indices[steps, places], {name: mask[steps, places] for name, mask in masks.items()}


class _Moments:
    """Batch moments, step after step."""

    def __init__(self) -> None:
        self.of_steps: dict[str, list[Array]] = {}

    def take(self, found: Arrays) -> None:
        for name, array in found.items():
            self.of_steps.setdefault(name.replace("/moving_", "/"), []).append(array)

    def stacked(self) -> dict[str, Array]:
        return {name: np.stack(arrays) for name, arrays in self.of_steps.items()}


def _is_statistic(name: str) -> bool:
    return "/moving_" in name or name.endswith("/num_updates")


def _reference(experiment: Experiment, state: Arrays, dtype: str) -> Trainer:
    """The NumPy network in a state; its decay is 0, so that the moving statistics are the last batch's own."""
    network = experiment.settings.network
    layers = tuple(replace(one, decay=0.0) if isinstance(one, BatchNorm) else one for one in network.layers)
    settings = replace(
        experiment.settings, network=replace(network, layers=layers), conventions=PLAIN, dtype=dtype, style="eager",
        device="cpu",
    )  # fmt: skip
    trainer = hosted_trainer(settings, build)
    assert isinstance(trainer, Trainer)
    trainer.load_data(experiment.data.train.inputs, experiment.data.train.labels)
    canonical.load_everything(trainer, state)
    return trainer


def _after_the_step(experiment: Experiment, weights: Arrays, rows: Array, moving: Moving) -> dict[str, Array]:
    found: dict[str, Array] = {}

    def normalize(named: NamedLayer, h: Array) -> Array:
        assert isinstance(named.layer, BatchNorm)
        axes = tuple(range(h.ndim - 1))
        found[f"{named.name}/mean"], found[f"{named.name}/variance"] = h.mean(axis=axes), h.var(axis=axes)
        return moving.normalized(named, weights, h)

    forward(experiment.settings.network, weights, experiment.data.train.inputs[rows].astype(np.float64), normalize)
    moving.update(found)
    return found


class Moving:
    """The moving statistics of a network under some conventions, in float64."""

    def __init__(self, settings: TrainerConfiguration, conventions: Conventions, state: Arrays) -> None:
        """Start where a state is."""
        self.layers, self.conventions = tuple(normalizations(settings)), conventions
        self.updates = {layer.name: int(state[f"{layer.name}/num_updates"]) for layer in self.layers}
        self.statistics = {
            f"{layer.name}/{kind}": state[f"{layer.name}/{kind}"].astype(np.float64)
            for layer in self.layers
            for kind in ("moving_mean", "moving_variance")
        }

    def update(self, moments: Arrays) -> None:
        """Move by the moments of one batch, ``layer/mean`` and ``layer/variance``."""
        for layer in self.layers:
            name, n = layer.name, layer.count
            old = self.conventions.decay_of(layer.decay, self.updates[name])
            batch = {"mean": moments[f"{name}/mean"],
                     "variance": moments[f"{name}/variance"] * n / (n - self.conventions.ddof)}  # fmt: skip
            for kind, new in batch.items():
                at = f"{name}/moving_{kind}"
                self.statistics[at] = old * self.statistics[at] + (1 - old) * new
            self.updates[name] += 1

    def normalized(self, named: NamedLayer, weights: Arrays, h: Array) -> Array:
        """A layer's output by its moving statistics."""
        assert isinstance(named.layer, BatchNorm)
        slope = 1 / np.sqrt(self.statistics[f"{named.name}/moving_variance"] + named.layer.epsilon)
        xhat = (h - self.statistics[f"{named.name}/moving_mean"]) * slope
        return np.asarray(
            weights.get(f"{named.name}/gamma", np.ones(1)) * xhat + weights.get(f"{named.name}/beta", np.zeros(1))
        )


def moved(settings: TrainerConfiguration, conventions: Conventions, state: Arrays, moments: Arrays) -> dict[str, Array]:
    """The moving statistics after batches of these moments.

    Args:
        settings: network and batch size.
        conventions: of the moving statistics.
        state: where they start, with ``num_updates``.
        moments: of :class:`Replay`.

    Returns:
        ``layer/moving_mean`` and ``layer/moving_variance``.
    """
    moving = Moving(settings, conventions, state)
    for number in range(len(next(iter(moments.values())))):
        moving.update({name: array[number] for name, array in moments.items()})
    return moving.statistics


def carelessness(settings: TrainerConfiguration) -> float:
    """How many times more the longest sum of a network may lose where it is taken term by term.

    The factors are those of :func:`bn_impls.accuracy.bounds.sum_factor`.
    """
    shapes = settings.network.parameter_shapes()
    longest = max([settings.batch_size, *(int(np.prod(s[:-1])) for n, s in shapes.items() if n.endswith("/kernel"))])
    return sum_factor(longest, "plain") / sum_factor(longest, "good")
