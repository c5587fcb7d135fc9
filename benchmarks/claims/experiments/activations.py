"""What passes through a document's network at every step: distributions before and after each activation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.axes.agreement import refused
from benchmarks.axes.outcome import Outcome, Surroundings
from benchmarks.axes.training import Experiment
from benchmarks.trainings.recording import record
from bn_impls.interface import Implementation, Unsupported


def run(implementation: Implementation, parameters: Mapping[str, Any], surroundings: Surroundings) -> Outcome:
    """Train, and look at a fixed batch of as many rows as a training batch has, normalized as in training.

    Args:
        implementation: whose layer is in the network.
        parameters: those of a training (:data:`benchmarks.claims.training.TRAINING`) up to ``epochs``, and ``every``,
            the steps between two looks.
        surroundings: give the data set.

    Returns:
        Metrics: ``steps`` and ``final_loss``. Curves: those of :meth:`benchmarks.trainings.recording.Recording.arrays`,
        in float32, which is enough for pictures.
    """
    experiment = Experiment.of(implementation, parameters, surroundings)
    trainer = experiment.trainer(implementation)
    if isinstance(trainer, Unsupported):
        return refused(trainer)
    try:
        rows = experiment.settings.batch_size
        seen = record(trainer, experiment, parameters["epochs"], every=parameters["every"], rows=rows)
    finally:
        trainer.close()
    return Outcome(
        metrics={"steps": len(seen.losses), "final_loss": float(seen.losses[-1])},
        samples={"dataset": experiment.data.description()},
        arrays={name: values.astype(np.float32) for name, values in seen.arrays().items()},
    )
