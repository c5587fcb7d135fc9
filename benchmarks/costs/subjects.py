"""The networks whose training is timed: each with its document's loop and with our trainers, from the same start."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.axes.outcome import Surroundings
from benchmarks.axes.training import Experiment
from benchmarks.costs.documents.model import DocumentLoop, Task
from benchmarks.datasets.model import Split
from benchmarks.networks import recipe
from bn_impls import registry
from bn_impls.interface import Trainer

CHECKED_STEPS, ALLOWED_REL = 3, 1e-3  # rounding of float32 sums in another order: 1e-5 a step


@dataclass(frozen=True)
class Subject:
    """A network as it is timed.

    Attributes:
        module: of the document's loop.
        style: of the document's loop, for readers.
        own: the implementation of ours that is the API of the document.
        passes: of the samples, each an epoch.
        batch_norm: whether the document normalizes.
        options: what the document writes differently from the recipe.
    """

    module: str
    style: str
    own: str
    passes: int = 12
    batch_norm: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)

    def told(self) -> dict[str, str]:
        """What a reader of the result is told."""
        return {"style": self.style, "own": self.own}


SESSION = "TF1 session, a feed a step"
SUBJECTS: Mapping[str, Subject] = {
    "000": Subject("document_000", SESSION, "tf1-layers"),
    "001": Subject("document_001", SESSION, "tf1-layers", options={"logits": "unused"}),
    "002": Subject("document_002", "eager, `tf.data`", "tf-keras"),
    "002-notebook": Subject("document_002", "eager, `tf.data`", "tf-keras", passes=6),
    "003": Subject(
        "document_003", "`tf.function` a step", "tf-keras",
        batch_norm=False, options={"loss": "swapped_cross_entropy"},
    ),
    "004": Subject("document_004", "TF1 session, two calls a step", "tf1-manual-two-call", passes=6),
    "ioffe-szegedy": Subject("ioffe_szegedy", f"{SESSION} (no code in the paper)", "tf1-layers"),
}  # fmt: skip


def ours(network: str, name: str) -> tuple[Experiment, Trainer]:
    """A network with the convergence axis' trainer; training examples that fill no batch are left out."""
    descriptor, subject = registry.describe(name), SUBJECTS[network]
    implementation = registry.load(descriptor)
    chosen = recipe(network)
    parameters = {
        **chosen.parameters(),
        "dataset": chosen.dataset_of("mnist-5000"),
        "batch_norm": subject.batch_norm,
        "options": subject.options,
        "seed": 0,
        "dtype": "float32",
        "style": chosen.style_of(descriptor.trainer_styles, "cpu"),
        "device": "cpu",
    }
    surroundings = Surroundings(data_dir=None, download=False, scratch=Path())
    experiment = Experiment.of(implementation, parameters, surroundings)
    train = experiment.data.train
    rows = len(train.labels) // chosen.batch_size * chosen.batch_size
    whole = replace(experiment.data, train=Split(train.inputs[:rows], train.labels[:rows]))
    experiment = replace(experiment, data=whole)
    trainer = experiment.trainer(implementation)
    assert isinstance(trainer, Trainer), trainer
    return experiment, trainer


def document(network: str, experiment: Experiment) -> DocumentLoop:
    """The document's loop on the same data from the same weights."""
    settings = experiment.settings
    task = Task(
        experiment.data, settings.network, experiment.initial_weights(), settings.batch_size, settings.optimizer.rate
    )
    module = importlib.import_module(f"benchmarks.costs.documents.{SUBJECTS[network].module}")
    found: DocumentLoop = module.loop(task)
    return found


def difference(experiment: Experiment, trainer: Trainer, loop: DocumentLoop) -> float:
    """The largest relative difference of a few steps' losses on the same batches, with dropout off.

    Raises:
        ValueError: it is none that rounding makes.
    """
    indices, masks = experiment.batches(1)[0]
    indices, train = indices[:CHECKED_STEPS], experiment.data.train
    ones = {name: np.ones_like(mask[:1]) for name, mask in masks.items()}
    losses = np.concatenate([trainer.train(rows[None], ones) for rows in indices])
    expected = np.array([loop.checked(train.inputs[rows], train.labels[rows]) for rows in indices])
    found = float(np.abs(losses / expected - 1).max())
    if not found <= ALLOWED_REL:
        raise ValueError(
            f"network {experiment.settings.network.name}: the losses of the first steps are {losses} and those of the "
            f"document's loop {expected}, but should be the same: no speeds of different work are compared"
        )
    return found
