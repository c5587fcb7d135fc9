"""C22, document 003: with BN, z does not spread over training."""

from __future__ import annotations

import math

import numpy as np

from benchmarks.cases import Case
from benchmarks.claims import document_003
from benchmarks.claims.exact import advice
from benchmarks.claims.judging import FEWEST_SEEDS, Difference, asking, combined, holds, mean_of, on_what
from benchmarks.claims.model import Claim, Picture, Size, Verdict
from benchmarks.claims.painting import Band, panels_of_bands
from benchmarks.claims.results import Array, Results
from benchmarks.claims.seeds import FRESH_SEED, seeds
from benchmarks.claims.training import training

LOSSES = {"cross_entropy": "the right loss", "swapped_cross_entropy": "the loss as written, its arguments swapped"}
HALVED = math.log(0.5)
"""Log ratio of the growths, with over without, up to which z does not spread as it does without."""
FAMILY = 6
"""Under each loss the growth with, the growth without, and the ratio of the two."""
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
        for seed in seeds(size, SEEDS, first=FRESH_SEED)
        for loss in LOSSES
        for batch_norm in WORDS
    ]


def spreads(results: Results, loss: str, batch_norm: bool) -> Array:
    """From the 15th to the 85th percentile of what enters tanh, median over units: (seeds, evaluations)."""
    found = results.stack("input_percentiles_activation_0", options={"loss": loss}, batch_norm=batch_norm)
    return np.asarray(np.median(found[:, :, 2] - found[:, :, 0], axis=2))


def growths(results: Results, loss: str, batch_norm: bool) -> dict[int, float]:
    """Seed -> log ratio of the spread at the end to that at the start."""
    curve = spreads(results, loss, batch_norm)
    return dict(enumerate(np.log(curve[:, -1] / curve[:, 0]).tolist()))


def judge(results: Results) -> Verdict:
    """Under each loss: the growth with batch normalization over that without, seed by seed; each growth is told."""
    judged: dict[str, Difference] = {}
    figures: dict[str, float] = {}
    told = []
    for loss, words in LOSSES.items():
        logs = {arm: growths(results, loss, arm) for arm in WORDS}
        grown = {arm: mean_of(values.values(), family=FAMILY) for arm, values in logs.items()}
        apart = [logs[True][seed] - logs[False][seed] for seed in logs[True]]
        judged[loss] = mean_of([value - HALVED for value in apart], family=FAMILY)
        ratio = mean_of(apart, family=FAMILY)
        figures |= {f"{loss}_{'with' if arm else 'without'}_spread_ratio": math.exp(one.mean)
                    for arm, one in grown.items()}  # fmt: skip
        figures[f"{loss}_spread_ratio_with_over_without"] = math.exp(ratio.mean)
        told.append(
            f"by {words}, it grows by a factor of {_factor(grown[True])} with and {_factor(grown[False])} without, "
            f"the first being {_factor(ratio)} of the second"
        )
    held = {loss: holds(one, "below") for loss, one in judged.items()}
    kind = combined(*held.values())
    depends = " and ".join(words for loss, words in LOSSES.items() if held[loss])
    return Verdict(
        kind=kind,
        on=on_what(kind, f"which loss trains it: it holds by {depends}", asking("below", judged.values())),
        sentence=f"The spread of what enters tanh over 20 epochs: {'; '.join(told)}.",
        figures=figures | {"seeds": judged["cross_entropy"].pairs},
    )


def _factor(log: Difference) -> str:
    """A mean factor with its interval."""
    interval = f" ({math.exp(log.low):.2f} to {math.exp(log.high):.2f})" if log.pairs >= FEWEST_SEEDS else ""
    return f"{math.exp(log.mean):.2f}{interval}"


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
    rule="Under each loss it holds if the spread with batch normalization grows, from the first look to the last, by "
    "less than half the factor by which it grows without, seed by seed, interval included. Confirmed if it holds under "
    "both, refuted under neither, depends otherwise.",
    cases=cases,
    judge=judge,
    picture=picture,
    further_pictures=document_003.PICTURES,
    meaning=advice(
        confirmed="What an activation gets keeps its size far better than without, though not to the percent: gamma "
        "and beta move it, and no normalization stops them.",
        refuted="Normalized does not mean fixed: gamma and beta move, and what the activation gets with them.",
        depends="Whether it holds what an activation gets differs from loss to loss: look at the spread in your own "
        "network.",
    ),
)
