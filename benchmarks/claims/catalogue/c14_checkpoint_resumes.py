"""C14, document 002: its checkpoint resumes training."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.cases import Case
from benchmarks.claims.cases import DATASET
from benchmarks.claims.exact import advice, ask_of
from benchmarks.claims.model import Claim, Picture, Size, Verdict
from benchmarks.claims.painting import Band, draw_bands, name_bands, panel
from benchmarks.claims.results import Results

SAME_LIMIT_REL = 1e-3
"""Largest difference of a loss that still counts as going on: far above rounding, far below another step."""
STEPS = {"quick": (100,), "full": (100, 400)}


def cases(size: Size) -> list[Case]:
    """Checkpoints early in the document's one epoch, and late."""
    return [
        one
        for steps in STEPS[size]
        for one in ask_of(
            "network_checkpoint", ("keras",), stages=["save", "restore"], dataset=DATASET, steps=steps, batch_size=128
        )
    ]


def judge(results: Results) -> Verdict:
    """By the losses of the next 50 steps, with the document's checkpoint and with the optimizer in it."""
    first = results.one(steps=STEPS["quick"][0])
    own, both = (
        max(result.number(f"{arm}_largest_loss_difference_rel") for result in results)
        for arm in ("network", "network_and_optimizer")
    )
    figures = {
        "documents_checkpoint_largest_loss_difference_rel": own,
        "with_optimizer_largest_loss_difference_rel": both,
        "documents_checkpoint_mean_loss_excess_percent": 100 * first.number("network_mean_loss_excess_rel"),
        "weights_that_came_back": first.number("network_weights_bitwise"),
        "weights": first.number("weights"),
        "steps_before_checkpoint": first.number("steps"),
    }
    weights = f"All {figures['weights']:.0f} weights and moving statistics came back"
    if figures["weights_that_came_back"] < figures["weights"]:
        weights = f"{figures['weights_that_came_back']:.0f} of {figures['weights']:.0f} weights came back"
    if own <= SAME_LIMIT_REL:
        sentence = f"{weights}, and the next 50 losses are those without interruption within {own:.1g}."
        return Verdict(kind="confirmed", sentence=sentence, figures=figures)
    told = (
        f"{weights}, but Checkpoint(dnn=network) holds no optimizer: Adam starts again without its averages, the next "
        f"50 losses are up to {1 + own:.3g} times those without interruption; after {first.number('steps'):.0f} steps "
        f"their mean is {figures['documents_checkpoint_mean_loss_excess_percent']:+.0f} % off."
    )
    if both <= SAME_LIMIT_REL:
        sentence = f"{told} With the optimizer in the checkpoint, the largest difference is {both:.1g}."
        return Verdict(
            kind="depends", on="the optimizer being in the checkpoint too", sentence=sentence, figures=figures
        )
    sentence = f"{told} With the optimizer in it, they are still up to {1 + both:.3g} times those."
    return Verdict(kind="refuted", sentence=sentence, figures=figures)


def picture(results: Results) -> Picture:
    """The 50 losses after the checkpoint."""
    result = results.one(steps=STEPS["quick"][0])
    arms = {"uninterrupted": "without interruption", "network_and_optimizer": "network and optimizer restored",
            "network": "network restored, as the document does"}  # fmt: skip
    steps = np.arange(len(result.curve("uninterrupted")))
    bands = [Band(name, steps, result.curve(arm)[None], n, n) for n, (arm, name) in enumerate(arms.items())]

    def paint(canvas: Any) -> None:
        axes = canvas.subplots()
        draw_bands(axes, bands)
        panel(axes, "Training loss after the checkpoint", "steps after it", "loss in nats")
        name_bands(canvas, bands)

    return Picture(
        title="Training resumed from document 002's checkpoint",
        caption="The same batches from the same weights; the curve with the optimizer restored lies on that without "
        "interruption.",
        alternative=f"Mean loss {np.mean(result.curve('uninterrupted')):.3f} nats without interruption, "
        f"{np.mean(result.curve('network')):.3f} from the document's checkpoint.",
        height_in=2.6,
        paint=paint,
    )


CLAIM = Claim(
    id="C14",
    documents=("002",),
    statement="Checkpoint(dnn=network), written by its loop, lets training go on where it stopped.",
    experiment="Train its network with Adam 0.001 and batch 128, save in its way and with the optimizer, restore each "
    "in a fresh process from other weights, and run the same 50 batches as without interruption.",
    rule=f"Confirmed if with the document's checkpoint every loss is within {SAME_LIMIT_REL:g} (relative) of that "
    "without interruption; depends if it is so only with the optimizer in the checkpoint; refuted if with neither.",
    cases=cases,
    judge=judge,
    picture=picture,
    meaning=advice(
        confirmed="The document's checkpoint is enough.",
        refuted="Do not expect a resumed run to repeat an uninterrupted one.",
        depends="Save the optimizer with the network, Checkpoint(dnn=network, optimizer=optimizer), if you mean to go "
        "on training; without it only inference is preserved.",
    ),
)
