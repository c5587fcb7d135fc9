"""Document 002's loop prints the loss after each step, by a function that runs in training mode: who counts updates?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.axes.outcome import Outcome, Surroundings
from benchmarks.claims.experiments.document_002 import Program, batches_of
from bn_impls.interface import Implementation

DATASET = "digits"
STEPS = 10


def run(implementation: Implementation, parameters: Mapping[str, Any], surroundings: Surroundings) -> Outcome:
    """Run steps on one and the same batch with a learning rate of 0, so that the batch's statistics stand still.

    A moving mean that starts at 0 is then ``batch_mean (1 - d^k)`` after k steps with the effective decay d.

    Args:
        implementation: not used; its worker has Keras.
        parameters: ``logging`` (whether the loop prints), ``batch_size`` and ``seed``.
        surroundings: give the data set.

    Returns:
        The effective decay of one step, and the number of updates of the layer's own decay that it amounts to.
    """
    data = surroundings.dataset(DATASET)
    (batch,) = batches_of(data.train.inputs, data.train.labels, 1, parameters["batch_size"], parameters["seed"])
    program = Program(data.train.inputs.shape[1:], parameters["seed"], rate=0.0)
    first = program.normalizations()[0]
    mean = _batch_mean(program, batch[0])
    channel = int(np.abs(mean).argmax())
    program.train([batch] * STEPS, logging=parameters["logging"])
    share = 1 - float(np.asarray(first.moving_mean)[channel]) / mean[channel]
    effective = share ** (1 / STEPS)
    return Outcome(
        metrics={
            "layer_decay": float(first.momentum),
            "effective_decay_per_step": effective,
            "updates_per_step": float(np.log(effective) / np.log(first.momentum)),
        }
    )


def _batch_mean(program: Program, images: Any) -> Any:
    """Mean of the first normalization's input, in float64."""
    dense = program.model.layers[1]
    kernel, bias = (np.asarray(weight, np.float64) for weight in (dense.kernel, dense.bias))
    flat = images.reshape(len(images), -1).astype(np.float64)
    return (flat @ kernel + bias).mean(axis=0)
