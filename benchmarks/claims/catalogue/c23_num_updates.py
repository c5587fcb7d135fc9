"""C23, document 004: give the training step to the average as num_updates."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from benchmarks.cases import Case
from benchmarks.claims.exact import WITHIN, advice, ask_of
from benchmarks.claims.forgetting import EXAMPLE, WAIT
from benchmarks.claims.model import Claim, Picture, Size, Verdict
from benchmarks.claims.painting import Band, draw_bands, name_bands, panel
from benchmarks.claims.results import Result, Results
from benchmarks.report.figures.canvas import logarithmic

DECAYS = (0.99, 0.999)
EARLY_UPDATES = 100
GONE_SHARE = 1e-6
"""Share of the start value that float32 hardly shows."""
KEPT_SHARE = 0.1
"""Share of the start value that an inference feels."""


def cases(size: Size) -> list[Case]:
    """TensorFlow's average with both decays, with the step and without."""
    return [
        one
        for decay in DECAYS
        for given in (True, False)
        for one in ask_of("average_decay", ("tf1-manual",), decay=decay, num_updates=given, dtype="float32")
    ]


def share(result: Result) -> float:
    """What is left of the start value after :data:`EARLY_UPDATES` updates."""
    return float(result.curve("share_of_start")[EARLY_UPDATES - 1])


def judge(results: Results) -> Verdict:
    """By the share of the start value after 100 updates, which the closed form gives as well."""
    found = {(d, given): results.one(decay=d, num_updates=given) for d in DECAYS for given in (True, False)}
    over = max(result.number("error_over_bound") for result in found.values())
    left = {key: share(result) for key, result in found.items()}
    warmed = max(left[decay, True] for decay in DECAYS)
    figures = {
        **{f"share_left_after_100_updates_decay_{d:g}_{'with' if given else 'without'}": value
           for (d, given), value in left.items()},
        "closed_form_with_num_updates": 1 / math.comb(EARLY_UPDATES + 9, 9),
        "largest_error_over_bound": over,
        "share_left_after_first_update_with_num_updates": float(found[0.99, True].curve("share_of_start")[0]),
        **{f"updates_until_decay_{d:g}_is_reached": math.ceil((10 * d - 1) / (1 - d)) for d in DECAYS},
    }  # fmt: skip
    told = (
        f"After {EARLY_UPDATES} updates the average still holds {left[0.99, False]:.0%} of its start value with decay "
        f"0.99 and {left[0.999, False]:.0%} with 0.999; given num_updates, {warmed:.1g}"
    )
    if warmed <= GONE_SHARE and min(left[decay, False] for decay in DECAYS) >= KEPT_SHARE and over <= WITHIN:
        sentence = (
            f"{told}, as 1 / binomial(t + 9, 9) has it. The price: the decay stays below 0.99 for the first "
            f"{figures['updates_until_decay_0.99_is_reached']:.0f} updates and below 0.999 for "
            f"{figures['updates_until_decay_0.999_is_reached']:,.0f}, so early averages are of few batches."
        )
        return Verdict(kind="confirmed", sentence=sentence, figures=figures)
    return Verdict(kind="refuted", sentence=f"{told}.", figures=figures)


def picture(results: Results) -> Picture:
    """Share of the start value over updates."""
    bands = []
    for number, (decay, given) in enumerate((d, g) for g in (False, True) for d in DECAYS):
        values = results.one(decay=decay, num_updates=given).curve("share_of_start")
        shown = np.maximum(values, GONE_SHARE / 100)
        name = f"decay {decay:g}{', with num_updates' if given else ''}"
        bands.append(Band(name, np.arange(1, len(values) + 1), shown[None], number, number))

    def paint(canvas: Any) -> None:
        axes = canvas.subplots()
        draw_bands(axes, bands)
        logarithmic(axes, "x", [1, 10, 100, 1000])
        logarithmic(axes, "y", [1e-8, 1e-6, 1e-4, 1e-2, 1])
        panel(axes, "Share of the start value that is left", "updates", "share")
        name_bands(canvas, bands, in_a_row=2)

    return Picture(
        title="How fast an average forgets its start",
        caption="TensorFlow's own average; each curve lies within rounding of its closed form.",
        alternative="Without num_updates the share falls as the decay to the power of the updates; with it, below one "
        "in a million within 40 updates.",
        height_in=2.8,
        paint=paint,
    )


CLAIM = Claim(
    id="C23",
    documents=("004",),
    statement="The training step should be given to the moving average as num_updates, so that its start value loses "
    "its weight early.",
    experiment="TensorFlow's ExponentialMovingAverage from a start of 1, averaging 0, with decay 0.99 and 0.999, with "
    "and without num_updates, update by update beside the closed form.",
    rule=f"Confirmed if after {EARLY_UPDATES} updates at most {GONE_SHARE:g} of the start value is left with "
    f"num_updates and at least {KEPT_SHARE:g} without, for both decays, and every value is within its rounding bound "
    "of the closed form; refuted otherwise.",
    cases=cases,
    judge=judge,
    picture=picture,
    meaning=advice(
        confirmed="Give num_updates, count it from 0, and keep the count in the checkpoint; or start the average at "
        f"the first batch, or divide by 1 - decay^t. Without any of them wait before you evaluate: {WAIT}. {EXAMPLE}.",
        refuted="num_updates does not do what the document says in this version of TensorFlow.",
    ),
)
