"""The cases of the experiment ``training``, with every parameter that it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.cases import Case
from benchmarks.claims.cases import CHEAPEST, DATASET, case
from benchmarks.claims.seeds import FIRST_SEED
from benchmarks.networks import recipe

TRAINING: Mapping[str, Any] = {
    "options": {},
    "batch_norm": True,
    "train_rows": 0,
    "order": "shuffled",
    "epochs": 10,
    "evaluate_every": 1,
    "seed": FIRST_SEED,
    "precise": False,
    "noise": False,
    "watch": [],
    "keep": [],
    "dtype": "float32",
    "style": "eager",
    "device": "cpu",
}
"""What a training has unless a claim says otherwise; data set, optimizer, rate and batch are the network's recipe's.

- ``options``: of the network (:class:`benchmarks.networks.Options`), but for ``batch_norm``, which stands alone.
- ``train_rows``: training rows that are used, the first ones; 0 for all.
- ``order``: of the rows in an epoch, ``shuffled``, or ``sorted`` by class (in a drawn order within each class).
- ``evaluate_every``: epochs.
- ``precise``: also evaluate with exact population statistics.
- ``noise``: whether noise whose distribution changes with every step is added after batch normalization in training
  (:mod:`benchmarks.claims.experiments.noise`); in the NumPy network only.
- ``watch``: what else is measured at each evaluation (:mod:`benchmarks.claims.experiments.watching`).
- ``keep``: parameters and statistics whose last values are kept as arrays, such as ``gamma``, ``moving_variance`` or
  ``population_variance``.
"""


def training(network: str = "000", implementation: str = CHEAPEST, told: Sequence[str] = (), **changes: Any) -> Case:
    """A case of the experiment ``training``: a document's network as the document trains it, but for what is changed.

    Equal settings are one case, whatever claim asks for it.

    Args:
        network: a name of :data:`benchmarks.networks.RECIPES`.
        implementation: whose layer is in the network; give ``style`` if it has no ``eager``.
        told: further parameters that the case's label shows.
        **changes: what differs from :data:`TRAINING` and the recipe.
    """
    found = recipe(network)
    defaults = {**TRAINING, **found.parameters(), "dataset": found.dataset_of(DATASET)}
    if unknown := set(changes) - set(defaults):
        raise ValueError(f"no parameter of a training: {', '.join(sorted(unknown))}")
    shown = ("network", "batch_norm", "learning_rate", "seed", *told)
    return case("training", implementation, shown, **{**defaults, **changes})
