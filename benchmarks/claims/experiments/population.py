"""Moving statistics beside those of the whole training set, on inputs that do not change.

An average with decay d of means of batches of n independent rows has the standard error
``sigma / sqrt(n) sqrt((1 - d) / (1 + d))``: that of the mean of (1 + d) / (1 - d) batches.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.axes.outcome import Outcome
from benchmarks.claims.experiments.probing import on_layers
from bn_impls.semantics.asking import Subject

ROWS, CHANNELS = 55_000, 128  # as many rows as document 001 trains on
LATE = 10**6  # updates before: any warm-up is over


@on_layers
def run(asked: Subject, parameters: Mapping[str, Any]) -> Outcome:
    """Feed random batches of a fixed set until the average has settled.

    Args:
        asked: whose layer is fed.
        parameters: ``style``, ``decay``, ``batch_size``, ``updates`` and ``seed``.

    Returns:
        Root mean square errors of moving mean and variance against the whole set, and the number of batches whose
        plain mean would be as far off.
    """
    generator = np.random.default_rng(parameters["seed"])
    rows = generator.standard_normal((ROWS, CHANNELS)).astype(np.float32)
    population = rows.astype(np.float64)
    mean, variance = population.mean(axis=0), population.var(axis=0)
    size, decay = int(parameters["batch_size"]), float(parameters["decay"])
    probed = asked.layer((size, CHANNELS), decay=decay)
    probed.set(num_updates=LATE)
    for _ in range(parameters["updates"]):
        probed.train(rows[generator.integers(0, ROWS, size)])
    moving_mean, moving_variance = probed.moving()
    squared = float(np.square((moving_mean - mean) / np.sqrt(variance)).mean())
    return Outcome(
        metrics={
            "moving_mean_error_rms_over_deviation": math.sqrt(squared),
            "expected_error_rms_over_deviation": math.sqrt((1 - decay) / (1 + decay) / size),
            "moving_variance_error_rms_rel": float(np.sqrt(np.square(moving_variance / variance - 1).mean())),
            "batches_as_good": 1 / (size * squared),
            "batches_of_the_set": ROWS / size,
        }
    )
