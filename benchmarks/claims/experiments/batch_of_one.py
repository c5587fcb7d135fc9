"""A batch of one: with the running statistics, and without."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.axes.outcome import Outcome
from benchmarks.claims.experiments.probing import (
    exact_inference_bound,
    on_layers,
    output_bound,
    set_state,
    statistics,
    worst_over,
)
from bn_impls.interface import Array
from bn_impls.semantics.asking import NotOffered, Subject, refused

ROWS, CHANNELS, EPSILON, BETA = 32, 4, 1e-3, 0.25
MAP = (1, 5, 5, CHANNELS)


@on_layers
def run(asked: Subject, parameters: Mapping[str, Any]) -> Outcome:
    """Feed rows one by one and together, in inference and in training mode.

    Args:
        asked: whose layers are fed.
        parameters: ``style`` and ``seed``.

    Returns:
        The difference in inference; the spread of the outputs in training mode at batch 1, where the variance of one
        value is 0; the same of one example that is a map, which has several values a channel.
    """
    x = np.random.default_rng(parameters["seed"]).normal(1.0, 2.0, (ROWS, CHANNELS)).astype(np.float32)
    return Outcome(metrics=_inference(asked, x) | _training(asked, x) | _map(asked, parameters["seed"]))


def _inference(asked: Subject, x: Array) -> dict[str, Any]:
    together, alone = (asked.layer((rows, CHANNELS), dtype="float32", epsilon=EPSILON) for rows in (ROWS, 1))
    mean, variance = statistics(x)
    for probed in (together, alone):
        set_state(probed, moving_mean=mean, moving_variance=variance)
    every, single = together.infer(x), np.concatenate([alone.infer(row[None]) for row in x])
    bound = exact_inference_bound(together.settings, x, mean, variance, np.ones(CHANNELS), np.zeros(CHANNELS))
    return {
        "inference_bitwise": bool(np.array_equal(every, single)),
        "inference_difference_over_bound": worst_over(single, every, 2 * bound),
    }


def _training(asked: Subject, x: Array) -> dict[str, Any]:
    """Outputs of rows one by one in training mode: beta, whatever the row; or the API's refusal."""
    probed = asked.layer((1, CHANNELS), dtype="float32", epsilon=EPSILON)
    set_state(probed, beta=BETA)
    try:
        outputs = np.concatenate([probed.train(row[None]) for row in x])
    except NotOffered:
        raise
    except Exception as error:  # the API's own refusal of one value a channel is the answer
        return {"training_refused": refused(error).evidence, "training_output_from_beta_over_bound": None}
    ones, betas = np.ones(CHANNELS), np.full(CHANNELS, BETA)
    bound = np.concatenate([output_bound(probed.settings, row[None], ones, betas) for row in x])
    off = worst_over(outputs, np.full(outputs.shape, BETA), bound)
    return {"training_refused": None, "training_output_from_beta_over_bound": off}


def _map(asked: Subject, seed: int) -> dict[str, Any]:
    x = np.random.default_rng(seed).normal(1.0, 2.0, MAP)
    outputs = asked.layer(MAP, dtype="float32", epsilon=EPSILON).train(x)
    return {"map_training_output_std": float(outputs.std())}
