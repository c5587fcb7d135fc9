"""C27, document 004: re-training starts where it left off."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from benchmarks.claims.document_004 import saved_in
from benchmarks.claims.exact import advice
from benchmarks.claims.judging import Difference, mean_of, needed
from benchmarks.claims.model import Claim, Picture, Verdict
from benchmarks.claims.painting import Band, draw_bands, name_bands, panel
from benchmarks.claims.results import Array, Results

SAME_LIMIT_REL = 1e-3
"""Difference of the validation loss that still counts as going on where it stopped."""
MATTERS_REL = 0.01
"""Difference of the validation loss that shows."""
LEAST_REL = float(np.finfo(np.float32).eps)
"""Smallest difference that a float32 loss can show; one of 0 counts as it, and has a logarithm then."""
ARMS = {"uninterrupted": "going on", "kept": "restored, step kept", "reset": "restored, step from 0"}
AFTER_UPDATES = (0, 1, 10)


def changes(results: Results, arm: str) -> Array:
    """Relative change of the validation loss against no interruption, (seeds, looks)."""
    return np.asarray(results.stack(arm) / results.stack("uninterrupted") - 1)


def judge(results: Results) -> Verdict:
    """By the validation loss after 0, 1 and 10 updates, the step kept and the step started again."""
    kept, reset = np.abs(changes(results, "kept")), np.abs(changes(results, "reset"))
    places = range(len(AFTER_UPDATES))
    figures = {
        f"{name}_step_loss_change_after_{updates}_updates_percent": 100 * float(values[:, place].mean())
        for name, values in (("kept", kept), ("reset", reset))
        for place, updates in zip(places, AFTER_UPDATES, strict=True)
    }
    start = max(kept[:, 0].max(), reset[:, 0].max())
    going_on = float(kept[:, : len(places)].max())
    starting_over = mean_of(np.log(np.maximum(reset[:, 1], LEAST_REL) / MATTERS_REL))
    middle = 100 * MATTERS_REL * math.exp(starting_over.mean)
    figures |= {"reset_step_loss_change_after_1_updates_geometric_mean_percent": middle, "seeds": len(kept)}
    told = (
        f"Over {len(kept)} {'seed' if len(kept) == 1 else 'seeds'} the validation loss right after the restore is the "
        f"same ({_within(start)}); that is all that the document looks at. With the step kept it stays so for 10 "
        f"updates ({_within(going_on)}). With the step from 0, one update moves it by {_size(starting_over)}"
    )
    if going_on > SAME_LIMIT_REL:
        sentence = f"With the step kept the validation loss is up to {going_on:.1%} off within 10 updates."
        return Verdict(kind="refuted", sentence=sentence, figures=figures)
    if starting_over.sign == "below":
        return Verdict(kind="confirmed", sentence=f"{told}, which does not show.", figures=figures)
    if starting_over.sign == "undecided":
        return Verdict(kind="undecided", on=needed([(starting_over, "below")]), sentence=f"{told}.", figures=figures)
    return Verdict(
        kind="depends",
        on="the step going on where it stopped",
        sentence=f"{told}, because the first decay is then 0.1 and nine tenths of every average become those of one "
        "batch.",
        figures=figures,
    )


def _size(over: Difference) -> str:
    """The geometric mean of the sizes; their interval is one of factors, and never reaches below 0."""
    mean, low, high = (100 * MATTERS_REL * math.exp(one) for one in (over.mean, over.low, min(over.high, 100)))
    return f"{mean:.2g} %" + (f" ({low:.2g} to {high:.2g} %, geometric mean)" if over.pairs > 1 else " (one seed)")


def _within(change: float) -> str:
    return f"within {change:.1g}" if change else "bit for bit"


def picture(results: Results) -> Picture:
    """Document 004's overlay of the pre-trained and the resumed validation curves, and where they meet in large."""
    before = results.stack("trained_steps")[0]
    courses = {arm: results.stack(f"{arm}_course") for arm in ARMS}
    steps = before[-1] + np.arange(courses["kept"].shape[1])
    resumed = [Band(name, steps, courses[arm], n, n) for n, (arm, name) in enumerate(ARMS.items(), start=1)]
    bands = [Band("pre-trained", before, results.stack("trained_course")), *resumed]

    def paint(canvas: Any) -> None:
        whole, close = canvas.subplots(1, 2)
        draw_bands(whole, bands)
        panel(whole, "Before the checkpoint and after", "training step", "validation loss")
        draw_bands(close, resumed)
        panel(close, "After", "training step")
        name_bands(canvas, bands)

    told = "; ".join(
        f"{ARMS[arm]}: {', '.join(f'{value:.4f}' for value in np.median(results.stack(arm), axis=0))}" for arm in ARMS
    )
    updates = ", ".join(f"{int(value)}" for value in results.stack("updates")[0])
    return Picture(
        title="Document 004's checkpoint: the pre-trained curve and the resumed ones",
        caption=f"Validation loss in inference mode, {int(before[-1])} steps before the checkpoint and "
        f"{len(steps) - 1} after; median and range over seeds. The document overlays the two curves and looks at where "
        "the second starts.",
        alternative=f"Median validation loss {updates} updates after the checkpoint. {told}.",
        height_in=2.8,
        paint=paint,
    )


CLAIM = Claim(
    id="C27",
    documents=("004",),
    statement="Training that goes on from the restored checkpoint starts at the loss where it left off.",
    experiment="Go on from the checkpoint of C25 in a fresh process on the same batches, once with the step going on "
    "and once with the step from 0; validation loss in inference mode after 0, 1, 10 and 50 updates.",
    rule=f"Refuted if with the step kept the loss is more than {SAME_LIMIT_REL:g} (relative) off within 10 updates; "
    f"confirmed if with the step from 0 it also moves by less than {MATTERS_REL:g} after one update (geometric mean of "
    "the sizes over seeds, interval included), depends if by more; undecided otherwise.",
    cases=saved_in,
    judge=judge,
    picture=picture,
    meaning=advice(
        confirmed="Restore and go on.",
        refuted="Do not take a resumed run for the continuation of an old one.",
        depends="Store the step and feed it again. If it starts from 0, do not evaluate during the first updates: the "
        "averages are then those of one or a few batches.",
        undecided="Store the step and feed it again: with it the resumed training goes on where it stopped. What a "
        "start from 0 costs is open; until it is known, do not evaluate during the first updates after one.",
    ),
)
