"""C22, document 003: with BN, z does not spread over training."""

from __future__ import annotations

import math

import numpy as np

from benchmarks.cases import Case
from benchmarks.claims import document_003
from benchmarks.claims.exact import advice
from benchmarks.claims.judging import combined, every, holds, mean_of, needed, paired
from benchmarks.claims.model import Claim, Picture, Size, Verdict
from benchmarks.claims.painting import Band, panels_of_bands
from benchmarks.claims.results import Array, Results
from benchmarks.claims.seeds import seeds
from benchmarks.claims.training import training

LOSSES = {"cross_entropy": "loss right", "swapped_cross_entropy": "loss's arguments swapped"}
SPREAD_MARGIN = math.log(1.25)
"""Log ratio of the spread at the end to that at the start which is no spreading."""
SEEDS = 15
WORDS = {True: "with batch normalization", False: "without"}


def cases(size: Size) -> list[Case]:
    """What is judged, and what is drawn below it."""
    return trained(size) + document_003.cases(size)


def trained(size: Size) -> list[Case]:
    """The document's network for its 20 epochs, with and without, its loss as written and right."""
    return [
        training(
            "003", options={"loss": loss}, batch_norm=batch_norm, epochs=20, watch=["input_percentiles"], seed=seed
        )
        for seed in seeds(size, SEEDS)
        for loss in LOSSES
        for batch_norm in WORDS
    ]


def spreads(results: Results, loss: str, batch_norm: bool) -> Array:
    """From the 15th to the 85th percentile of what enters tanh, median over units: (seeds, evaluations)."""
    found = results.stack("input_percentiles_activation_0", options={"loss": loss}, batch_norm=batch_norm)
    return np.asarray(np.median(found[:, :, 2] - found[:, :, 0], axis=2))


def judge(results: Results) -> Verdict:
    """Under each loss: no spreading with batch normalization, and less than without."""
    held, parts, figures, told = [], [], {}, []
    for loss, words in LOSSES.items():
        grown = {}
        for arm in WORDS:
            curve = spreads(results, loss, arm)
            grown[arm] = dict(enumerate(np.log(curve[:, -1] / curve[:, 0]).tolist()))
            key = f"{loss}_{'with' if arm else 'without'}_spread_ratio"
            figures[key] = math.exp(float(np.mean([*grown[arm].values()])))
        still = mean_of(grown[True].values(), margin=SPREAD_MARGIN, family=4)
        less = paired(grown[True], grown[False], family=4)
        held.append(every(holds(still, "same"), holds(less, "below")))
        parts += [(still, "same"), (less, "below")]
        told.append(f"{words}, by a factor of {figures[f'{loss}_with_spread_ratio']:.2f} with and "
                    f"{figures[f'{loss}_without_spread_ratio']:.2f} without")  # fmt: skip
    kind = combined(*held)
    on = {"depends": "the loss: its arguments as written or right"}
    return Verdict(
        kind=kind,
        on=needed(parts) if kind == "undecided" else on.get(kind, ""),
        sentence=f"Over 20 epochs the spread of what enters tanh grows, {'; '.join(told)}.",
        figures=figures | {"seeds": parts[0][0].pairs},
    )


def picture(results: Results) -> Picture:
    """The spread over epochs."""
    panels = {
        words: [
            Band(arm_words, np.arange(21), spreads(results, loss, arm), place, place)
            for place, (arm, arm_words) in enumerate(WORDS.items())
        ]
        for loss, words in LOSSES.items()
    }
    told = "; ".join(
        f"{words}, {arm_words}: from {median[0]:.1f} to {median[-1]:.1f}"
        for loss, words in LOSSES.items()
        for arm, arm_words in WORDS.items()
        for median in [np.median(spreads(results, loss, arm), axis=0)]
    )
    return Picture(
        title="Spread of z over training",
        caption="From the 15th to the 85th percentile of what enters tanh, median over the 100 units; median and range "
        "over seeds.",
        alternative=f"Medians over seeds: {told}.",
        height_in=2.8,
        paint=lambda canvas: panels_of_bands(canvas, panels, "epoch", "spread"),
    )


CLAIM = Claim(
    id="C22",
    documents=("003",),
    statement="With batch normalization, z does not spread over training as it does without.",
    experiment="Its network 3072-100-3 on 32x32 patches of photographs for 20 epochs, with and without, its loss with "
    "the arguments swapped as written and right; the width between the 15th and 85th percentile of what enters tanh, "
    "after each epoch.",
    rule="Under each loss it holds if with batch normalization the spread stays within a factor of 1.25, and grows by "
    "less than without, intervals over seeds included. Confirmed if it holds under both, refuted under neither, "
    "depends otherwise.",
    cases=cases,
    judge=judge,
    picture=picture,
    further_pictures=document_003.PICTURES,
    meaning=advice(
        confirmed="What an activation gets keeps its size; that is what gamma allows, no more and no less.",
        refuted="Normalized does not mean fixed: gamma and beta move, and what the activation gets with them.",
        depends="Fix the loss before you draw conclusions from its pictures.",
    ),
)
