"""Document 004's cases that several claims read: its network trained to the end, and its checkpoint."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.cases import Case
from benchmarks.claims.exact import ask_of
from benchmarks.claims.model import Size
from benchmarks.claims.results import Array, Result
from benchmarks.claims.seeds import seeds
from benchmarks.claims.training import training

BY_HAND, ONE_CALL, LAYERS = "tf1-manual-two-call", "tf1-manual", "tf1-layers"
"""Its own function with its second session call for the update, the same in one call, and the API that it gives up."""
EPOCHS: dict[Size, int] = {"quick": 5, "full": 250}
EVERY_EPOCHS = 5
LATE_LOOKS = 10
"""Evaluations whose mean is the limit: of the last 50 epochs."""


def trained(size: Size, implementation: str, seed: int, batch_norm: bool = True, **options: Any) -> Case:
    """Its network trained for its 250 epochs of 1,444 digits in two halves, looked at after every fifth.

    Args:
        size: of the run; a quick one stops after 5 epochs.
        implementation: whose layers it has.
        seed: of weights, batches and dropout.
        batch_norm: whether it is normalized.
        **options: of the network, where they differ from the document's.
    """
    return training(
        "004",
        implementation,
        style="session",
        epochs=EPOCHS[size],
        evaluate_every=EVERY_EPOCHS,
        seed=seed,
        batch_norm=batch_norm,
        options=options,
    )


def epochs_of(result: Result) -> Array:
    """The epochs at which a training was evaluated, (evaluations,)."""
    return np.asarray(result.curve("evaluated_steps") / result.steps_an_epoch)


def late_epochs(result: Result) -> str:
    """What the limit is the mean of: ``10 looks, at epochs 205 to 250``; a quick run has fewer."""
    epochs = epochs_of(result)[-LATE_LOOKS:]
    return f"{len(epochs)} looks, at epochs {epochs[0]:.0f} to {epochs[-1]:.0f}"


def saved_in(size: Size) -> list[Case]:
    """Its program, saved after 200 steps of its batch of 100, and restored in a fresh process; over seeds."""
    return [
        one
        for seed in seeds(size, full=5, quick=1)
        for one in ask_of(
            "plain_saver", ("tf1-manual",), stages=["save", "restore"], steps=200, batch_size=100, seed=seed
        )
    ]
