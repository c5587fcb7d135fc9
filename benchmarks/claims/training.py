"""The cases of the experiment ``training``, with every parameter that it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.cases import Case
from benchmarks.claims.cases import CHEAPEST, DATASET, case

TRAINING: Mapping[str, Any] = {
    "network": {"hidden": [32, 32]},
    "batch_norm": True,
    "dataset": DATASET,
    "train_rows": 0,
    "order": "shuffled",
    "epochs": 10,
    "evaluate_every": 1,
    "batch_size": 32,
    "optimizer": "adam",
    "learning_rate": 0.01,
    "hidden_bias": 0.0,
    "seed": 0,
    "precise": False,
    "noise": False,
    "watch": [],
    "keep": [],
    "dtype": "float32",
    "style": "eager",
    "device": "cpu",
}
"""Document 000's settings.

- ``network``: see :func:`benchmarks.claims.networks.describe`.
- ``train_rows``: training rows that are used, the first ones; 0 for all.
- ``order``: of the rows in an epoch, ``shuffled``, or ``sorted`` by class (in a drawn order within each class).
- ``evaluate_every``: epochs.
- ``hidden_bias``: start value of the biases of all dense layers but the last.
- ``precise``: also evaluate with exact population statistics.
- ``noise``: whether noise whose distribution changes with every step is added after batch normalization in training
  (:mod:`benchmarks.claims.experiments.noise`); in the NumPy network only.
- ``watch``: what else is measured at each evaluation (:mod:`benchmarks.claims.experiments.watching`).
- ``keep``: parameters and statistics whose last values are kept as arrays, such as ``gamma``, ``moving_variance`` or
  ``population_variance``.
"""


def training(implementation: str = CHEAPEST, told: Sequence[str] = (), **changes: Any) -> Case:
    """A case of the experiment ``training``.

    Equal settings are one case, whatever claim asks for it.

    Args:
        implementation: whose network is trained; give ``style`` if it has no ``eager``.
        told: further parameters that the case's label shows.
        changes: what differs from :data:`TRAINING`.
    """
    unknown = set(changes) - set(TRAINING)
    if unknown:
        raise ValueError(f"no parameter of a training: {', '.join(sorted(unknown))}")
    chosen = {**TRAINING, **changes}
    return case("training", implementation, ("batch_norm", "learning_rate", "seed", *told), **chosen)
