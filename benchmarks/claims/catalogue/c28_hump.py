"""C28, document 004: ``tf.layers`` shows a hump around epochs 45 to 50, the form by hand does not."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np

from benchmarks.claims.hump_courses import (
    LATE_EPOCHS,
    LEAST_FALL_NATS,
    LEAST_RISE_NATS,
    PREDICTION_SLACK_EPOCHS,
    Courses,
    courses_of,
)
from benchmarks.claims.hump_variants import (
    BY_HAND,
    DECAY,
    DOCUMENT,
    EVERY_EPOCHS,
    LAYERS,
    NUM_UPDATES,
    SEEDS,
    SINGLE,
    STEPS_AN_EPOCH,
    VARIANTS,
    cases,
)
from benchmarks.claims.judging import Difference, asking, every, mean_of, needed
from benchmarks.claims.model import Claim, Picture, Printed, Verdict
from benchmarks.claims.painting import Band, draw_bands, name_bands, panel
from benchmarks.claims.results import Results
from benchmarks.report.figures.canvas import MUTED

DOCUMENTS_EPOCHS = (45, 50)
MIDDLE = sum(DOCUMENTS_EPOCHS) / 2
SLACK_EPOCHS = 10.0
"""How far from the document's epochs a fall or a rise may be: one and a half time constants of its average."""
WINDOW = (DOCUMENTS_EPOCHS[0] - SLACK_EPOCHS, DOCUMENTS_EPOCHS[1] + SLACK_EPOCHS)
WORDS = {True: "holds", False: "fails", None: "is open"}
WHY = "digits instead of private radar images: times can be compared, heights cannot"


def judge(results: Results) -> Verdict:
    """By when the two APIs' inference catches up, and by which single difference ends the delay."""
    found = courses_of(results)
    verdict = partial(Verdict, sentence=_sentence(found), figures=_figures(found), printed=_printed(found[LAYERS.name]))
    if results.size == "quick":
        return verdict(kind="undecided", on="needs the full run's trainings, which change one difference at a time")
    layers, document, by_hand = deciding = [found[variant.name] for variant in (LAYERS, DOCUMENT, BY_HAND)]
    if unlearned := [courses.variant.name for courses in deciding if not courses.learned]:
        return verdict(kind="undecided", on=f"needs trainings that learn: {', '.join(unlearned)}")
    shown = every(layers.late, _falls_in_window(layers), None if document.late is None else not document.late)
    if shown is False:
        return verdict(kind="refuted")
    if shown is None or by_hand.late is None:
        return verdict(
            kind="undecided",
            on=needed([*asking("above", (one.behind for one in deciding)), (_off_window(layers), "same")]),
        )
    if not by_hand.late:
        if _rises_in_window(layers):
            return verdict(kind="confirmed")
        return verdict(kind="depends", on=f"what is meant: inference is late through tf.layers, but {_where(layers)}")
    ended = [variant.changes for variant in SINGLE if found[variant.name].late is False]
    if not ended:
        return verdict(kind="undecided", on="needs another difference: none of those tried ends the delay alone")
    return verdict(kind="depends", on=_on(found, ended))


def _off_window(layers: Courses) -> Difference:
    """From the middle of the document's epochs to the fall; the margin reaches to the ends of the window."""
    return mean_of((one.fall_epoch - MIDDLE for one in layers.courses), margin=WINDOW[1] - MIDDLE, family=len(VARIANTS))


def _falls_in_window(layers: Courses) -> bool | None:
    off = _off_window(layers)
    inside = abs(off.mean) <= off.margin
    return inside or (False if off.sign in ("above", "below") else None)


def _rises_in_window(layers: Courses) -> bool:
    inside = [one for one in layers.risen if WINDOW[0] <= one.rise_epoch <= WINDOW[1]]
    return 2 * len(inside) > len(layers.courses)


def _where(layers: Courses) -> str:
    """Where the rise of ``tf.layers`` is, beside the document's hump."""
    low, high = DOCUMENTS_EPOCHS
    if not layers.risen:
        return f"no rise above ln 2 was seen, where the document has a hump at {low} to {high}"
    return f"its rise above ln 2 peaks at epoch {_rise_epochs(layers)} (the document: {low} to {high})"


def _mean_rise(courses: Courses) -> float:
    return float(np.mean([one.rise_epoch for one in courses.risen]))


def _rise_epochs(courses: Courses) -> str:
    first, last = (f"{end(one.rise_epoch for one in courses.risen):.0f}" for end in (min, max))
    return first if first == last else f"{first} to {last}"


def _on(found: Mapping[str, Courses], ended: list[str]) -> str:
    """On what the delay depends, by what each single difference did; and what of the explanation does not fit."""
    kept = [variant.changes for variant in SINGLE if found[variant.name].late]
    left = [variant.changes for variant in SINGLE if found[variant.name].late is None]
    parts = [f"enough to end the delay alone: {_list(ended)}", f"not enough: {_list(['the API', *kept])}"]
    parts += [f"open: {_list(left)}"] if left else []
    layers = found[LAYERS.name]
    parts += [] if _rises_in_window(layers) else [_where(layers)]
    failed = [name for name, courses in found.items() if courses.predicted is False]
    parts += [f"prediction fails for {_list(failed)}"] if failed else []
    return "; ".join(parts)


def _list(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _sentence(found: Mapping[str, Courses]) -> str:
    layers = found[LAYERS.name]
    counted = len(layers.courses)
    risen = layers.risen
    rise = f"Above ln 2, the loss of equal odds, it rises by {LEAST_RISE_NATS:g} nats or more in {len(risen)} of them"
    if risen:
        rise += (
            f", by up to {max(one.rise_nats for one in risen):.2f} nats, with its peak at epoch {_rise_epochs(layers)} "
            f"(the document has its hump at {DOCUMENTS_EPOCHS[0]} to {DOCUMENTS_EPOCHS[1]})"
        )
    held = "; ".join(
        f"{name} {_fall(courses)}, predicted {courses.predicted_epoch:.0f}, {WORDS[courses.predicted]}"
        for name, courses in found.items()
    )
    return (
        f"With tf.layers the validation loss in inference mode {_fall(layers)} over {counted} "
        f"{'seed' if counted == 1 else 'seeds'}, {layers.behind.mean:.0f} epochs after the same weights normalized by "
        f"the rows' own statistics. {rise}. From settings alone ln(epsilon / start) / ln(decay) = "
        f"{LAYERS.closed_form_epoch * STEPS_AN_EPOCH:.0f} steps, epoch {LAYERS.closed_form_epoch:.1f}; with the "
        f"variance before training, one difference at a time: {held}."
    )


def _fall(courses: Courses) -> str:
    counted = len(courses.courses)
    if courses.never == counted:
        return "never falls"
    low, high = courses.fall.low, courses.fall.high
    told = f" ({low:.0f} to {high:.0f})" if math.isfinite(high - low) else ""
    never = f" ({courses.never} of {counted} seeds never)" if courses.never else ""
    return f"falls at epoch {courses.fall.mean:.0f}{told}{never}"


def _printed(layers: Courses) -> tuple[Printed, ...]:
    low, high = DOCUMENTS_EPOCHS
    rises = f"{len(layers.risen)} of {len(layers.courses)} seeds rise by {LEAST_RISE_NATS:g} nats or more; "
    return (
        Printed(
            what=f"epoch at which the inference loss of tf.layers falls (the document's hump ends at {high})",
            printed=high,
            ours=None if layers.never == len(layers.courses) else layers.fall.mean,
            why=WHY,
        ),
        Printed(
            what=f"epoch of the peak above ln 2 of tf.layers (the document: {low} to {high}, its middle is shown)",
            printed=MIDDLE,
            ours=_mean_rise(layers) if layers.risen else None,
            why=rises + WHY,
        ),
    )


def _figures(found: Mapping[str, Courses]) -> dict[str, float]:
    known = {"closed_form_epoch": LAYERS.closed_form_epoch, "steps_an_epoch": STEPS_AN_EPOCH}
    return known | {
        f"{courses.variant.key}_{name}": value
        for courses in found.values()
        for name, value in courses.figures().items()
    }


def picture(results: Results) -> Picture:
    """Inference loss beside the batch-statistics loss of the same weights; and the inference scale that explains it."""
    shown = [variant for variant in (LAYERS, DOCUMENT, NUM_UPDATES, DECAY) if results.select(variant=variant.name)]
    epochs = results.stack("step", variant=LAYERS.name)[0] / STEPS_AN_EPOCH
    losses = [
        Band(variant.name, epochs, results.stack("validation_loss_moving", variant=variant.name), n, n % 4)
        for n, variant in enumerate(shown)
    ]
    batch = results.stack("validation_loss_batch", variant=LAYERS.name)
    own = Band("tf.layers, rows' own statistics", epochs, batch, 4, 0)
    scales = results.stack("inference_scale", variant=LAYERS.name)
    lines = [Band("scale", epochs, scales[:, :, place], 0, place % 4) for place in (0, scales.shape[2] - 1)]
    layers = courses_of(results)[LAYERS.name]

    def paint(canvas: Any) -> None:
        top, bottom = canvas.subplots(2, 1, sharex=True)
        draw_bands(top, [*losses, own])
        panel(top, "Validation loss in inference mode", "", "loss in nats")
        top.axvspan(*DOCUMENTS_EPOCHS, color=MUTED, alpha=0.15, linewidth=0)
        draw_bands(bottom, lines)
        panel(bottom, "tf.layers: what inference makes of a layer's output, first and last layer", "epoch", "scale")
        for axes in (top, bottom):
            axes.axvline(LAYERS.closed_form_epoch, color=MUTED, linewidth=0.8, linestyle=(0, (2, 2)))
        name_bands(canvas, [*losses, own], in_a_row=2)

    return Picture(
        title="Document 004's hump",
        caption="Median and range over seeds. The vertical line is the prediction from start value, decay, epsilon and "
        f"steps an epoch: {LAYERS.closed_form_epoch:.1f}; the shaded epochs are those of the document's hump. Scale 1 "
        "means that the moving variance is right; below it, the start value of 1 still shrinks what the layer gives "
        "out.",
        alternative=f"The inference loss of tf.layers stays near ln 2 and {_fall(layers)}; {_where(layers)}. The loss "
        f"by the rows' own statistics falls {layers.behind.mean:.0f} epochs sooner.",
        height_in=4.8,
        paint=paint,
    )


def meaning(verdict: Verdict) -> str:
    """Advice, by what ended the delay."""
    if verdict.kind == "undecided":
        return "Nothing follows yet: this run lacks the figures that would decide it."
    if verdict.kind == "confirmed":
        return "Prefer the form by hand for this network, or another start value."
    if verdict.kind == "refuted":
        return "Do not choose between the two APIs by this hump."
    ends = [variant.name for variant in SINGLE if verdict.figures.get(f"{variant.key}_is_late") == 0]
    told = f"What ended the delay here: {_list(ends)}. " if ends else ""
    return (
        "The curve is no reason to prefer either API where the form by hand is as late with the same settings. What "
        "the document watched are moving averages that still carry their start value, not the training. "
        f"{told}Evaluate with the batch's statistics before you mistrust a training."
    )


CLAIM = Claim(
    id="C28",
    documents=("004",),
    statement="Training through tf.layers goes through a hump around epochs 45 to 50; the form by hand does not.",
    experiment="Network 004 at 14.44 steps an epoch on 1,444 digits (0 to 4 against 5 to 9), initial weights N(0, "
    "0.001): tf.layers with its defaults, document 004's own form, and one difference at a time: epsilon, start value, "
    f"decay, num_updates, the update's pass, the initial weights; {SEEDS} seeds of each. After every "
    f"{'epoch' if EVERY_EPOCHS == 1 else f'{EVERY_EPOCHS} epochs'} the validation loss by the moving statistics, "
    "beside that by the rows' own on the same weights. Predicted from what is known before training: inference falls "
    "when the start value weighs as much as variance and epsilon of the layer that is worst off.",
    rule="All losses in the running median of five looks. An inference loss falls where half the way is gone from ln 2 "
    "to the last loss by the rows' own statistics (one look after the last if nowhere); it is late if that loss does "
    f"so on average more than {LATE_EPOCHS:g} epochs sooner, interval over seeds beyond 0, and not late if the "
    f"whole interval is at {LATE_EPOCHS:g} or less. Refuted if tf.layers is not late, if on average it falls outside "
    f"epochs {WINDOW[0]:g} to {WINDOW[1]:g} and the interval leaves out {MIDDLE:g}, or if the document's form is late "
    "too. Then, if the form by hand is as late with the settings of tf.layers: depends, on those single "
    "differences that are not late; undecided if none is, because the cause is then not found. If the form by hand is "
    "not late: confirmed if in more than half of the seeds the loss of tf.layers has a local maximum "
    f"{LEAST_RISE_NATS:g} nats or more above ln 2 in these epochs, depends if not. Undecided if an interval leaves one "
    f"of these open, or if a training does not end {LEAST_FALL_NATS:g} nats below ln 2 by the rows' own statistics. "
    "The prediction of a variant holds if it falls, interval included, between half of the predicted epoch and all of "
    f"it (or the fall by the rows' own statistics, if that is later), give or take {PREDICTION_SLACK_EPOCHS:g} epochs: "
    "not later, because the start value is then below the variance before training; sooner, because the weights grow "
    "meanwhile. It fails if the mean is outside and the interval leaves out the middle; a depends names "
    "those for which it fails.",
    cases=cases,
    judge=judge,
    picture=picture,
    meaning=meaning,
)
