"""What passes through the layers of a training, step by step, without a hook in any framework.

Every k steps the trainer's weights are exported, and the NumPy network evaluates them in float64 on one fixed batch. So
every implementation is looked at in the same way, and looking changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.axes.training import Experiment
from benchmarks.trainings.population import exact_network
from bn_impls.interface import Array, Statistics, Trainer
from bn_impls.networks.description import Activation
from bn_impls.networks.numpy_layers import Context
from bn_impls.networks.numpy_network import NumpyNetwork

LEVELS = np.arange(101)
"""Percentiles that are kept of each distribution; with equal weights they are a sample that a density is drawn from."""
LOGITS = "logits"
SATURATED = 0.95
"""A tanh or ELU whose magnitude, or a sigmoid whose distance from one half, is beyond this share of its largest: there
the slope is a tenth of the steepest and less. A ReLU is saturated where it is 0."""


@dataclass(frozen=True)
class LayerRecord:
    """One activation over the k recorded steps; z goes in, a comes out.

    Attributes:
        z: percentiles over examples and units, (k, 101).
        a: the same of the output; of the logits, of their softmax.
        unit: percentiles over the examples of z of one unit, (k, 101).
        saturated: share of outputs, (k,).
        dead: share of units that are saturated on every example of the batch, (k,).
    """

    z: Array
    a: Array
    unit: Array
    saturated: Array
    dead: Array


@dataclass(frozen=True)
class Recording:
    """A training as it was seen.

    Attributes:
        steps: updates before each look, (k,); the first is 0.
        layers: by activation (``activation_0``, ...) in order, then ``logits``.
        gradient_norms: Euclidean norm of each kernel's gradient on the fixed batch by ``layer/kernel``, (k,).
        losses: of every training step, (steps,), as the trainer gave them.
    """

    steps: Array
    layers: Mapping[str, LayerRecord]
    gradient_norms: Mapping[str, Array]
    losses: Array

    def arrays(self) -> dict[str, Array]:
        """Everything by name, to be kept in an NPZ file."""
        found = {"steps": self.steps, "losses": self.losses}
        for name, layer in self.layers.items():
            found |= {f"{name}/{field}": getattr(layer, field) for field in ("z", "a", "unit", "saturated", "dead")}
        return found | {f"{name}/gradient_norm": norms for name, norms in self.gradient_norms.items()}


def record(
    trainer: Trainer,
    experiment: Experiment,
    epochs: int,
    *,
    every: int,
    rows: int = 256,
    unit: int = 0,
    statistics: Statistics = "batch",
) -> Recording:
    """Train, and look every few steps.

    Args:
        trainer: with initial weights and data; it is trained.
        experiment: its data set and configuration; the fixed batch is the first rows of the training data.
        epochs: how long.
        every: steps between two looks; the last step of an epoch is looked at too.
        rows: examples of the fixed batch.
        unit: which unit (of maps, which channel) is followed by itself.
        statistics: what normalizes when the distributions are taken; gradients are always those of training.

    Returns:
        What was seen.
    """
    network = exact_network(experiment)
    train = experiment.data.train
    x, labels = train.inputs[:rows].astype(np.float64), train.labels[:rows]
    steps, looks, losses, done = [0], [_look(network, trainer, x, labels, unit, statistics)], [], 0
    for indices, masks in experiment.batches(epochs):
        for start in range(0, len(indices), every):
            chunk = slice(start, start + every)
            losses.append(trainer.train(indices[chunk], {name: mask[chunk] for name, mask in masks.items()}))
            done += len(losses[-1])
            steps.append(done)
            looks.append(_look(network, trainer, x, labels, unit, statistics))
    return _gathered(np.array(steps), looks, np.concatenate(losses))


def _look(
    network: NumpyNetwork, trainer: Trainer, x: Array, labels: Array, unit: int, statistics: Statistics
) -> dict[str, Any]:
    """One look: layer -> its figures, and gradient norms by kernel."""
    with np.errstate(all="ignore"):  # weights of a training that diverged
        network.load_weights(trainer.export_weights())
        named = {one.name: one.layer for one in network.settings.network.named_layers()}
        seen: dict[str, dict[str, Any]] = {}
        h = x
        for name, z, a in network.visit(x, Context(False, statistics, {})):
            layer, h = named[name], a
            if isinstance(layer, Activation):
                seen[name] = _figures(z, a, _saturation(layer.function, a), unit)
        seen[LOGITS] = _figures(h, _softmax(h), np.zeros(h.shape, bool), unit)
        shapes = network.settings.network.dropout_shapes()
        masks = {name: np.ones((len(x), *shape)) for name, shape in shapes.items()}
        _, gradients = network.differentiate(x, labels, masks)
        norms = {name: float(np.linalg.norm(g)) for name, g in gradients.items() if name.endswith("/kernel")}
    return {"layers": seen, "norms": norms}


def _figures(z: Array, a: Array, saturated: Array, unit: int) -> dict[str, Any]:
    by_unit = saturated.reshape(-1, saturated.shape[-1])
    return {
        "z": np.percentile(z, LEVELS),
        "a": np.percentile(a, LEVELS),
        "unit": np.percentile(z[..., min(unit, z.shape[-1] - 1)], LEVELS),
        "saturated": saturated.mean(),
        "dead": by_unit.all(axis=0).mean(),
    }


def _saturation(function: str, a: Array) -> Array:
    match function:
        case "relu":
            return np.asarray(a <= 0)
        case "elu":
            return np.asarray(a < -SATURATED)
        case "tanh":
            return np.asarray(np.abs(a) > SATURATED)
        case _:  # sigmoid
            return np.asarray(np.abs(2 * a - 1) > SATURATED)


def _softmax(logits: Array) -> Array:
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))


def _gathered(steps: Array, looks: Sequence[Mapping[str, Any]], losses: Array) -> Recording:
    layers = {
        name: LayerRecord(
            **{
                field: np.array([look["layers"][name][field] for look in looks])
                for field in ("z", "a", "unit", "saturated", "dead")
            }
        )
        for name in looks[0]["layers"]
    }
    norms = {name: np.array([look["norms"][name] for look in looks]) for name in looks[0]["norms"]}
    return Recording(steps, layers, norms, losses)
