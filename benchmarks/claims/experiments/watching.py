"""What a training can measure of its network at each evaluation, from the exported weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from benchmarks.axes.training import Experiment
from benchmarks.claims.experiments.inspection import exact_statistics, walk
from benchmarks.claims.experiments.noise import draw
from bn_impls.interface import Array
from bn_impls.networks.description import Activation

PERCENTILES = (15, 50, 85)
"""Those that figure 1 of Ioffe and Szegedy (2015) shows."""
WATCHED_ROWS = 500


Generator = np.random.Generator


def dead_units(experiment: Experiment, weights: Mapping[str, Array], noise: Generator | None) -> dict[str, Any]:
    """Share of the units behind ReLU that are 0 on all training rows.

    Returns:
        ``dead_share_batch`` and ``dead_share_moving``: of all hidden units, as they are normalized in training and in
        inference.
    """
    found = {}
    for statistics in ("batch", "moving"):
        passes = walk(experiment.settings.network, weights, experiment.data.train.inputs, statistics)
        dead = [(one.output <= 0).all(axis=0) for one in passes if one.named.layer == Activation("relu")]
        found[f"dead_share_{statistics}"] = float(np.concatenate(dead).mean())
    return found


def input_percentiles(experiment: Experiment, weights: Mapping[str, Array], noise: Generator | None) -> dict[str, Any]:
    """Percentiles of what enters each unit's activation, over the first rows of the validation split.

    Returns:
        ``input_percentiles_<activation>``, (3, units): what batch normalization normalized by the batch gives out, or
        what the dense layer does where there is none; with the noise of one step, where training has noise.
    """
    rows = experiment.data.validation.inputs[:WATCHED_ROWS]
    return {
        f"input_percentiles_{one.named.name}": np.percentile(_noisy(one.input, noise), PERCENTILES, axis=0)
        for one in walk(experiment.settings.network, weights, rows, "batch")
        if isinstance(one.named.layer, Activation)
    }


def _noisy(x: Array, noise: Generator | None) -> Array:
    if noise is None:
        return x
    scale, shift = draw(noise, x)
    return np.asarray(scale * x + shift)


def moving_error(experiment: Experiment, weights: Mapping[str, Array], noise: Generator | None) -> dict[str, Any]:
    """How far the moving variance is from the exact one.

    Returns:
        ``moving_variance_error_rel``: median over units of ``|moving / exact - 1|``.
    """
    exact = exact_statistics(experiment, weights)
    off = [weights[name] / exact[name] - 1 for name in exact if name.endswith("/moving_variance")]
    return {"moving_variance_error_rel": float(np.median(np.abs(np.concatenate(off))))}


WATCHED: Mapping[str, Callable[[Experiment, Mapping[str, Array], Generator | None], dict[str, Any]]] = {
    "dead_units": dead_units,
    "input_percentiles": input_percentiles,
    "moving_error": moving_error,
}
