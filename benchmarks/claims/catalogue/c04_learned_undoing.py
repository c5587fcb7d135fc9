"""C04, document 000: where batch normalization is not needed, gamma and beta learn to undo it."""

from __future__ import annotations

import numpy as np

from benchmarks.cases import Case
from benchmarks.claims.cases import CHEAPEST, DATASET, case
from benchmarks.claims.judging import combined, every, holds, mean_of, needed
from benchmarks.claims.model import Claim, Picture, Size, Verdict
from benchmarks.claims.painting import draw_histograms
from benchmarks.claims.results import Array, Results
from benchmarks.claims.seeds import seeds

UNDONE = 0.8
"""Share of the way to undoing that counts as learned."""
RATE = 1e-3
FREE = {"all": "every weight is trained", "gamma_beta": "only gamma and beta are trained"}
PARTS = ("undone_gamma", "undone_beta")


def cases(size: Size) -> list[Case]:
    """A trained plain network with batch normalization put in, all weights free or only gamma and beta."""
    return [
        case(
            "inserted_norm",
            CHEAPEST,
            ("free", "seed"),
            network="000",
            options={},
            batch_norm=True,
            dataset=DATASET,
            epochs=10,
            batch_size=32,
            optimizer="adam",
            learning_rate=RATE,
            free=free,
            seed=seed,
            dtype="float32",
            style="eager",
            device="cpu",
        )
        for seed in seeds(size, 5)
        for free in FREE
    ]


def judge(results: Results) -> Verdict:
    """Both gamma and beta must go most of the way, in both settings."""
    shares = {
        (free, part): mean_of([v - UNDONE for v in results.values(part, free=free).values()], family=4)
        for free in FREE
        for part in PARTS
    }
    held = {free: every(*(holds(shares[free, part], "above") for part in PARTS)) for free in FREE}
    kind = combined(*held.values())
    on = {"depends": "whether the weights around it are trained too", "undecided": ""}.get(kind, "")
    loss = {free: np.mean([*results.values("normalized_loss", free=free).values()]) for free in FREE}
    plain = float(np.mean([*results.values("plain_loss", free="all").values()]))
    told = "; ".join(
        f"where {words}, gamma goes {100 * (shares[free, PARTS[0]].mean + UNDONE):.0f} % and beta "
        f"{100 * (shares[free, PARTS[1]].mean + UNDONE):.0f} % of the way, and the training loss is {loss[free]:.4f}"
        for free, words in FREE.items()
    )
    return Verdict(
        kind=kind,
        on=needed(shares.values()) if kind == "undecided" else on,
        sentence=f"Batch normalization put into a trained plain network (training loss {plain:.4f} nats) and trained "
        f"on: {told} nats.",
        figures={
            **{f"{part}_{free}_share": share.mean + UNDONE for (free, part), share in shares.items()},
            **{f"training_loss_{free}_nats": float(value) for free, value in loss.items()},
            "training_loss_plain_nats": plain,
        },
    )


def picture(results: Results) -> Picture:
    """Where gamma stands against sqrt(variance)."""
    ratios: dict[str, Array] = {"at the start": results.stack("gamma_ratio_start", free="all").ravel()}
    ratios |= {words: results.stack("gamma_ratio_end", free=free).ravel() for free, words in FREE.items()}
    medians = ", ".join(f"{name} {np.median(values):.2f}" for name, values in ratios.items())
    return Picture(
        title="gamma over the standard deviation that it would have to undo",
        caption="Units of both hidden layers and all seeds; at 1 the normalization is undone.",
        alternative=f"Medians: {medians}.",
        height_in=2.6,
        paint=lambda canvas: draw_histograms(canvas, ratios, "gamma / sqrt(variance + epsilon)", mark=1.0),
    )


def meaning(verdict: Verdict) -> str:
    """Advice."""
    if verdict.kind == "confirmed":
        return "An unneeded batch normalization removes itself in training."
    return (
        "Do not count on training to remove a batch normalization that you do not need: undoing it is possible, but "
        "other weights reach the same loss another way. Leave it out yourself."
    )


CLAIM = Claim(
    id="C04",
    documents=("000",),
    statement="Where batch normalization is not needed, gamma and beta learn to undo it.",
    experiment="Network 784-32-32-10 is trained plainly; then batch normalization with gamma 1 and beta 0 is put into "
    "it and it is trained for 10 more epochs (Adam 0.001), all weights free or only gamma and beta. Undone means gamma "
    "= sqrt(variance + epsilon) and beta = mean, by the exact statistics of all training digits.",
    rule=f"Confirmed if gamma (in logarithms) and beta (in standard deviations) both go more than {100 * UNDONE:g} % "
    "of the way in both settings, intervals included; refuted if in neither; depends if in one.",
    cases=cases,
    judge=judge,
    meaning=meaning,
    picture=picture,
)
