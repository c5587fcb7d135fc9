"""What convergence, checkpoint and the network's throughput share: a data set, a network and a trainer over it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.axes.outcome import Surroundings
from benchmarks.datasets import Dataset
from benchmarks.networks import network, optimizer
from bn_impls.interface import Array, Implementation, Trainer, TrainerConfiguration, Unsupported, build_trainer
from bn_impls.networks.numpy_losses import softmax_cross_entropy


@dataclass(frozen=True)
class Experiment:
    """A data set and the configuration of a network for it."""

    data: Dataset
    settings: TrainerConfiguration
    seed: int

    @classmethod
    def of(
        cls, implementation: Implementation, parameters: Mapping[str, Any], surroundings: Surroundings
    ) -> Experiment:
        """Read a case's parameters; raises what the data set's reader raises."""
        data = surroundings.dataset(parameters["dataset"])
        shape = data.train.inputs.shape[1:]
        options = {"batch_norm": parameters.get("batch_norm", True), **parameters.get("options", {})}
        settings = TrainerConfiguration(
            network=network(parameters["network"], shape, data.class_count, **options),
            optimizer=optimizer(parameters),
            conventions=implementation.conventions,
            batch_size=parameters["batch_size"],
            dtype=parameters["dtype"],
            style=parameters["style"],
            device=parameters["device"],
        )
        return cls(data, settings, parameters["seed"])

    def trainer(self, implementation: Implementation, seed: int | None = None) -> Trainer | Unsupported:
        """A trainer with the network's initial weights and the training data on the device."""
        trainer = build_trainer(implementation, self.settings)
        if isinstance(trainer, Unsupported):
            return trainer
        trainer.import_weights({**trainer.export_weights(), **self.initial_weights(seed)})
        trainer.load_data(self.data.train.inputs, self.data.train.labels)
        return trainer

    def initial_weights(self, seed: int | None = None) -> dict[str, Array]:
        """The network's initial weights, of the experiment's seed or another; the same in every precision."""
        return self.settings.network.initial_weights(self.seed if seed is None else seed)

    def batches(self, epochs: int) -> list[tuple[Array, Mapping[str, Array]]]:
        """Indices (steps, batch) and dropout masks of each epoch, from the seed; a partial last batch is dropped."""
        generator = np.random.default_rng((self.seed, 1))
        rows, size = len(self.data.train.labels), self.settings.batch_size
        steps = rows // size
        found = []
        for _ in range(epochs):
            order = generator.permutation(rows)[: steps * size].reshape(steps, size).astype(np.int32)
            found.append((order, self.settings.network.dropout_masks(generator, steps, size)))
        return found

    def steps(self, count: int) -> tuple[Array, Mapping[str, Array]]:
        """Row indices and masks of ``count`` steps, drawn with replacement across epochs' ends."""
        generator = np.random.default_rng((self.seed, 2))
        rows = generator.integers(0, len(self.data.train.labels), (count, self.settings.batch_size), dtype=np.int32)
        return rows, self.settings.network.dropout_masks(generator, count, self.settings.batch_size)


def loss_and_accuracy(logits: Array, labels: Array) -> tuple[float, float]:
    """Mean cross-entropy and share of right answers, taken in float64."""
    with np.errstate(all="ignore"):  # logits of a training that diverged
        loss, _ = softmax_cross_entropy(logits.astype(np.float64), labels)
    return float(loss), float((logits.argmax(axis=1) == labels).mean())
