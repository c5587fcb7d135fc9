"""C04, document 000: where batch normalization is not needed, gamma and beta learn to undo it."""

from __future__ import annotations

import numpy as np

from benchmarks.cases import Case
from benchmarks.claims.cases import CHEAPEST, DATASET, case
from benchmarks.claims.judging import asking, combined, every, holds, mean_of, on_what
from benchmarks.claims.model import Claim, Picture, Size, Verdict
from benchmarks.claims.painting import draw_histograms
from benchmarks.claims.results import Array, Results
from benchmarks.claims.seeds import seeds

NEAR = 0.1
"""Distance from undoing that counts as undone: a tenth, of gamma in logarithms, of beta in standard deviations."""
RATE = 1e-3
FREE = {"all": "every weight is trained", "gamma_beta": "only gamma and beta are trained"}
PARTS = ("gamma", "beta")


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
    """Both gamma and beta must end near undoing, in both settings."""
    ends = {(free, part): results.values(f"{part}_distance_end", free=free) for free in FREE for part in PARTS}
    judged = {key: mean_of([value - NEAR for value in found.values()], family=4) for key, found in ends.items()}
    held = {free: every(*(holds(judged[free, part], "below") for part in PARTS)) for free in FREE}
    kind = combined(*held.values())
    end = {key: float(np.mean([*found.values()])) for key, found in ends.items()}
    start = {part: float(np.mean([*results.values(f"{part}_distance_start", free="all").values()])) for part in PARTS}
    loss = {free: float(np.mean([*results.values("normalized_loss", free=free).values()])) for free in FREE}
    plain = float(np.mean([*results.values("plain_loss", free="all").values()]))
    told = "; ".join(
        f"where {words}, gamma ends off by {_percent(end[free, 'gamma'])} and beta by {end[free, 'beta']:.2f} standard "
        f"deviations, at a loss of {loss[free]:.3f} nats"
        for free, words in FREE.items()
    )
    return Verdict(
        kind=kind,
        on=on_what(kind, "whether the weights around it are trained too", asking("below", judged.values())),
        sentence=f"Put into a trained plain network (training loss {plain:.3f} nats), batch normalization starts off "
        f"by {_percent(start['gamma'])} in gamma and {start['beta']:.2f} standard deviations in beta from undoing "
        f"itself; {told} (medians over units).",
        figures={
            **{f"{part}_distance_start": value for part, value in start.items()},
            **{f"{part}_distance_end_{free}": value for (free, part), value in end.items()},
            **{f"training_loss_{free}_nats": value for free, value in loss.items()},
            "training_loss_plain_nats": plain,
        },
    )


def _percent(logarithm: float) -> str:
    return f"{100 * np.expm1(logarithm):.0f} %"


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
        "Do not count on training to remove a batch normalization that you do not need. gamma and beta can undo fixed "
        "statistics; those of batches change from step to step, and the other weights reach a low loss another way. "
        "Leave it out yourself."
    )


CLAIM = Claim(
    id="C04",
    documents=("000",),
    statement="Where batch normalization is not needed, gamma and beta learn to undo it.",
    experiment="Network 784-32-32-10 is trained plainly; then batch normalization with gamma 1 and beta 0 is put into "
    "it and it is trained for 10 more epochs (Adam 0.001), all weights free or only gamma and beta. Undone means gamma "
    "= sqrt(variance + epsilon) and beta = mean, by the exact statistics of all training digits.",
    rule=f"Confirmed if gamma ends within {NEAR:g} (in logarithms) and beta within {NEAR:g} standard deviations of "
    "undoing, medians over units, intervals over seeds included, in both settings; refuted if in neither; depends if "
    "in one.",
    cases=cases,
    judge=judge,
    meaning=meaning,
    picture=picture,
)
