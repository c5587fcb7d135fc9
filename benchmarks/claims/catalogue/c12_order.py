"""C12, document 002: layer-norm-activation against norm-activation-layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.cases import Case
from benchmarks.claims.exact import advice
from benchmarks.claims.judging import Difference, asking, combined, every, holds, needed, paired
from benchmarks.claims.model import Claim, Picture, Size, Verdict
from benchmarks.claims.painting import Band, panels_of_bands
from benchmarks.claims.results import Results
from benchmarks.claims.seeds import seeds
from benchmarks.claims.training import training

FIRST, SECOND = "layer-norm-activation", "norm-activation-layer"
EPOCHS = 15
"""465 steps of 4,000 digits: the document's one epoch of 60,000 has 468."""
SEEDS = 10
LOSS_MARGIN, ACCURACY_MARGIN = 0.02, 0.005
"""Nats of test loss, and share of the test digits, that do not matter."""
LOSS, ACCURACY = "final_test_loss_moving", "final_test_accuracy_moving"


def cases(size: Size) -> list[Case]:
    """The document's network in both orders."""
    return [trained(seed, options={"order": order}) for seed in seeds(size, SEEDS) for order in (FIRST, SECOND)]


def trained(seed: int, **changes: Any) -> Case:
    """The document's network, trained for as many steps as the document does."""
    return training("002", epochs=EPOCHS, evaluate_every=3, seed=seed, **changes)


def differences(results: Results) -> tuple[Difference, Difference]:
    """Test loss and test accuracy of the second order less those of the first."""
    first, second = ({"options": {"order": order}} for order in (FIRST, SECOND))
    return (
        paired(results.values(LOSS, **second), results.values(LOSS, **first), margin=LOSS_MARGIN, family=2),
        paired(
            results.values(ACCURACY, **second),
            results.values(ACCURACY, **first),
            margin=ACCURACY_MARGIN,
            family=2,
            higher_is_better=True,
        ),
    )


def judge(results: Results) -> Verdict:
    """By test loss and accuracy, paired by seed."""
    loss, accuracy = differences(results)
    kind = combined(every(holds(loss, "same"), holds(accuracy, "same")))
    return Verdict(
        kind=kind,
        on=needed(asking("same", (loss, accuracy))) if kind == "undecided" else "",
        sentence=f"After {EPOCHS} epochs of 4,000 digits, {SECOND} differs from {FIRST} by "
        f"{loss.told('nats', digits=3)} of test loss and {accuracy.told('points', 100)} of accuracy.",
        figures={
            "test_loss_change_nats": loss.mean,
            "test_accuracy_change_points": 100 * accuracy.mean,
            "seeds": loss.pairs,
        },
    )


def picture(results: Results) -> Picture:
    """Validation loss over epochs."""
    epochs = np.arange(0, EPOCHS + 1, 3)
    bands = [
        Band(order, epochs, results.stack("validation_loss_moving", options={"order": order}), place, place)
        for place, order in enumerate((FIRST, SECOND))
    ]
    loss, accuracy = differences(results)
    return Picture(
        title="Document 002's two orders",
        caption="Median and range over seeds, by the moving statistics.",
        alternative=f"The second order differs by {loss.told('nats', digits=3)} of test loss and "
        f"{accuracy.told('points', 100)} of accuracy.",
        height_in=2.8,
        paint=lambda canvas: panels_of_bands(canvas, {"validation loss": bands}, "epoch", "nats"),
    )


CLAIM = Claim(
    id="C12",
    documents=("002",),
    statement="(Implied by its slides:) layer-norm-activation and norm-activation-layer do equally well.",
    experiment=f"Its network 784-256-256-10 in both orders, Adam 0.001, batch 128, {EPOCHS} epochs of 4,000 digits, "
    "paired by seed.",
    rule=f"Confirmed if test loss and accuracy differ by less than {LOSS_MARGIN:g} nats and {100 * ACCURACY_MARGIN:g} "
    "points, intervals included; refuted if one differs by more, its interval without 0.",
    cases=cases,
    judge=judge,
    picture=picture,
    meaning=advice(
        confirmed="Take the order that your architecture suggests.",
        refuted="The orders are different networks: the second normalizes the input itself, has no activation between "
        "its last two layers, and puts ReLU before anything is learnt. Keep layer-norm-activation in plain networks.",
    ),
)
