"""A network trained with its updates of the moving statistics, and one whose caller leaves them out."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

from benchmarks.axes.agreement import refused
from benchmarks.axes.outcome import Outcome, Surroundings
from benchmarks.axes.training import Experiment, loss_and_accuracy
from bn_impls.interface import Array, Implementation, Trainer, Unsupported

FIGURES = ("loss", "accuracy")


def run(implementation: Implementation, parameters: Mapping[str, Any], surroundings: Surroundings) -> Outcome:
    """Train network 000 once.

    Args:
        implementation: whose layers it has.
        parameters: of a training; ``graph``, the module of the implementation whose drawing has its updates left out,
            or None for calls as the API's users make them; ``epochs``.
        surroundings: gives the data set.

    Returns:
        Test loss and accuracy with the moving statistics and with the batch's, and how far the statistics moved.
    """
    experiment = Experiment.of(implementation, parameters, surroundings)
    chosen = implementation if parameters["graph"] is None else _without_updates(implementation, parameters["graph"])
    trainer = experiment.trainer(chosen)
    if isinstance(trainer, Unsupported):
        return refused(trainer)
    try:
        before = _statistics(trainer)
        for rows, masks in experiment.batches(parameters["epochs"]):
            trainer.train(rows, masks)
        moved = {name: float(np.abs(value - before[name]).max()) for name, value in _statistics(trainer).items()}
        test = experiment.data.test
        metrics: dict[str, Any] = {}
        for statistics in ("moving", "batch"):
            figures = loss_and_accuracy(trainer.predict(test.inputs, statistics), test.labels)
            metrics |= {f"{statistics}_test_{name}": value for name, value in zip(FIGURES, figures, strict=True)}
    finally:
        trainer.close()
    return Outcome(metrics=metrics | {"statistics_moved_abs": max(moved.values())})


def _statistics(trainer: Trainer) -> dict[str, Array]:
    return {name: value for name, value in trainer.export_weights().items() if "/moving_" in name}


def _without_updates(implementation: Implementation, module: str) -> Implementation:
    """The same drawing, trained by a session that never runs the updates it left in the graph."""
    from dataclasses import replace

    from bn_impls.networks.tf1_network import tf1_trainer
    from bn_impls.variants.tf1_variants import as_drawn

    draw = as_drawn(import_module(module).draw, updates=[])
    return replace(implementation, build_trainer=partial(tf1_trainer, draw=draw, updates="beside"))
