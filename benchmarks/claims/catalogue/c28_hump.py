"""C28, document 004: ``tf.layers`` shows a hump around epochs 45 to 50, the form by hand does not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.cases import Case
from benchmarks.claims.cases import DATASET, case
from benchmarks.claims.exact import advice
from benchmarks.claims.model import Claim, Picture, Size, Verdict
from benchmarks.claims.painting import Band, draw_bands, name_bands, panel
from benchmarks.claims.results import Array, Result, Results
from benchmarks.networks import recipe
from benchmarks.report.figures.canvas import MUTED
from bn_impls.registry import describe

STEPS_AN_EPOCH = 14.44
"""1,444 rows in batches of 100."""
EVERY_EPOCHS = 2
HUMP_NATS = 0.1
"""How far above ln 2, the loss of who knows nothing of two classes, the inference loss must rise to be a hump."""
SMOOTHED_LOOKS = 5
"""Looks whose median is taken: one bad look is no hump."""
DOCUMENTS_EPOCHS = (45, 50)
SLACK_EPOCHS = 5.0
"""How far the hump's fall may be from the document's epochs, or from the prediction: three looks of the curve."""


@dataclass(frozen=True)
class Variant:
    """One training of network 004.

    Attributes:
        name: what differs from ``tf.layers`` with its defaults.
        implementation: whose layers it has.
        epsilon: added to the variance.
        decay: of the moving statistics.
        start: of the moving variance.
        num_updates: whether the decay warms up.
        epochs: that are trained.
        options: of the network, besides.
        quick: whether a quick run has it.
    """

    name: str
    implementation: str = "tf1-layers"
    epsilon: float = 1e-3
    decay: float = 0.99
    start: float = 1.0
    num_updates: bool = False
    epochs: int = 66
    options: Mapping[str, Any] = field(default_factory=dict)
    quick: bool = False

    @property
    def predicted_epoch(self) -> float:
        """When the start value weighs as much as epsilon: ``start share(t) = epsilon``, over the steps of an epoch.

        Half of what is added to the true variance under the root is then the start value's. The variance itself is left
        out: with document 004's initial weights it begins far below epsilon.
        """
        if self.start <= self.epsilon:
            return 0.0
        if not self.num_updates:
            return math.log(self.epsilon / self.start) / math.log(self.decay) / STEPS_AN_EPOCH
        steps = next(t for t in range(1, 1000) if self.start / math.comb(t + 9, 9) <= self.epsilon)
        return steps / STEPS_AN_EPOCH


LAYERS = Variant("tf.layers, its defaults", quick=True)
DOCUMENT = Variant("document 004's own form", "tf1-manual-two-call", epsilon=1e-5, start=0.0, num_updates=True)
BY_HAND = Variant("by hand, settings of tf.layers", "tf-manual")
NUM_UPDATES = Variant("num_updates given", "tf-manual", num_updates=True, quick=True)
SECOND_PASS = Variant("update in a second pass", "tf1-manual-two-call")
START = Variant("start value 0", start=0.0)
DECAY = Variant("decay 0.9", decay=0.9)
EPSILON = Variant("epsilon 1e-5", epsilon=1e-5, epochs=100)
HE = Variant("He's initial weights", options={"kernels": "he"})
VARIANTS = (LAYERS, DOCUMENT, BY_HAND, NUM_UPDATES, SECOND_PASS, START, DECAY, EPSILON, HE)


def planned(variant: Variant) -> Case:
    """The case of a variant."""
    chosen = recipe("004")
    styles = describe(variant.implementation).trainer_styles
    warms = {"warm_up": variant.num_updates} if "manual" in variant.implementation else {}
    return case(
        "moving_average_lag",
        variant.implementation,
        ("variant",),
        **chosen.parameters(),
        dataset=chosen.dataset_of(DATASET),
        options={"epsilon": variant.epsilon, "decay": variant.decay, **variant.options},
        conventions={"initial_variance": variant.start, **warms},
        looks=[round(STEPS_AN_EPOCH * epoch) for epoch in range(0, variant.epochs + 1, EVERY_EPOCHS)],
        variant=variant.name,
        dtype="float32",
        style="graph" if "graph" in styles else styles[0],
        device="cpu",
        seed=0,
    )


def cases(size: Size) -> list[Case]:
    """``tf.layers``, document 004's own form, and one difference at a time."""
    return [planned(variant) for variant in VARIANTS if variant.quick or size == "full"]


@dataclass(frozen=True)
class Hump:
    """What the validation loss in inference mode did.

    Attributes:
        peak_nats: largest loss, of the smoothed curve.
        peak_epoch: where it is.
        fall_epoch: where the loss has fallen half way from there to that of the batch's statistics; NaN if it has not.
        there: whether the peak is above ln 2 by :data:`HUMP_NATS`.
    """

    peak_nats: float
    peak_epoch: float
    fall_epoch: float
    there: bool


def hump(result: Result) -> Hump:
    """Find it in a training's curves."""
    epochs = result.curve("step") / STEPS_AN_EPOCH
    moving, batch = (smoothed(result.curve(f"validation_loss_{mode}")) for mode in ("moving", "batch"))
    peak = int(np.argmax(moving))
    fallen = np.flatnonzero(moving[peak:] <= (moving[peak] + batch[peak:]) / 2)
    fall = float(epochs[peak + fallen[0]]) if len(fallen) else math.nan
    there = bool(moving[peak] > math.log(2) + HUMP_NATS)
    return Hump(float(moving[peak]), float(epochs[peak]), fall if there else math.nan, there)


def smoothed(curve: Array) -> Array:
    """The running median; at the ends of as many looks as there are."""
    half = SMOOTHED_LOOKS // 2
    return np.array([np.median(curve[max(0, n - half) : n + half + 1]) for n in range(len(curve))])


def judge(results: Results) -> Verdict:
    """By the curves of the two APIs, and by whether the API or its settings make the hump."""
    found = {
        name: hump(results.one(variant=name)) for name in (case.parameters["variant"] for case in cases(results.size))
    }
    predicted = LAYERS.predicted_epoch
    figures: dict[str, float] = {"predicted_epoch": predicted, "steps_an_epoch": STEPS_AN_EPOCH}
    for variant in VARIANTS:
        if variant.name in found:
            key, seen = variant.name.replace("tf.layers", "tf_layers"), found[variant.name]
            key = "_".join("".join(c if c.isalnum() else " " for c in key).split())
            figures |= {f"{key}_peak_nats": seen.peak_nats, f"{key}_predicted_epoch": variant.predicted_epoch}
            figures |= {f"{key}_fall_epoch": seen.fall_epoch} if seen.there else {}
    seen = found[LAYERS.name]
    batch = results.one(variant=LAYERS.name).curve("validation_loss_batch")
    if not seen.there:
        sentence = f"With tf.layers the inference loss never rises {HUMP_NATS:g} nats above ln 2."
        return Verdict(kind="refuted", sentence=sentence, figures=figures)
    told = (
        f"With tf.layers the validation loss in inference mode rises to {seen.peak_nats:.2f} nats at epoch "
        f"{seen.peak_epoch:.0f} and falls at epoch {seen.fall_epoch:.0f}, while the same weights normalized by the "
        f"rows' own statistics are at {np.median(batch[len(batch) // 3 :]):.2f}. Predicted before looking: ln(epsilon "
        f"/ start) / ln(decay) = {predicted * STEPS_AN_EPOCH:.0f} steps, epoch {predicted:.1f}"
    )
    without = [name for name, one in found.items() if not one.there]
    still = [name for name, one in found.items() if one.there and name != LAYERS.name]
    told += f". No hump: {', '.join(without)}" if without else ""
    told += (
        f". Hump: {', '.join(f'{name} (falls at epoch {found[name].fall_epoch:.0f})' for name in still)}"
        if still
        else ""
    )
    low, high = DOCUMENTS_EPOCHS
    if not low - SLACK_EPOCHS <= seen.fall_epoch <= high + SLACK_EPOCHS:
        return Verdict(kind="refuted", sentence=f"{told}.", figures=figures)
    if results.size == "quick":
        on = "the full run's trainings, which change one difference at a time"
        return Verdict(kind="undecided", on=on, sentence=f"{told}.", figures=figures)
    if found[DOCUMENT.name].there:
        return Verdict(kind="refuted", sentence=f"{told}.", figures=figures)
    if found[BY_HAND.name].there:
        on = "start value, decay and epsilon, not on the API: the moving variance forgets its start of 1 too slowly"
        return Verdict(kind="depends", on=on, sentence=f"{told}.", figures=figures)
    return Verdict(kind="confirmed", sentence=f"{told}.", figures=figures)


def picture(results: Results) -> Picture:
    """Inference loss beside the batch-statistics loss of the same weights; and the inference scale that explains it."""
    shown = [variant for variant in (LAYERS, DOCUMENT, NUM_UPDATES, DECAY) if results.select(variant=variant.name)]
    ours = {variant.name: results.one(variant=variant.name) for variant in shown}
    base = ours[LAYERS.name]
    losses = [
        Band(name, result.curve("step") / STEPS_AN_EPOCH, result.curve("validation_loss_moving")[None], n, n % 4)
        for n, (name, result) in enumerate(ours.items())
    ]
    epochs = base.curve("step") / STEPS_AN_EPOCH
    own = Band("tf.layers, rows' own statistics", epochs, base.curve("validation_loss_batch")[None], 4, 2)
    scales = base.curve("inference_scale")
    lines = [Band("scale", epochs, scales[:, place][None], 0, place % 4) for place in (0, scales.shape[1] - 1)]
    found = hump(base)

    def paint(canvas: Any) -> None:
        top, bottom = canvas.subplots(2, 1, sharex=True)
        draw_bands(top, [*losses, own])
        panel(top, "Validation loss in inference mode", "", "loss in nats")
        draw_bands(bottom, lines)
        panel(bottom, "tf.layers: what inference makes of a layer's output, first and last layer", "epoch", "scale")
        for axes in (top, bottom):
            axes.axvline(LAYERS.predicted_epoch, color=MUTED, linewidth=0.8, linestyle=(0, (2, 2)))
        name_bands(canvas, [*losses, own], in_a_row=2)

    return Picture(
        title="Document 004's hump",
        caption=f"The vertical line is the prediction from start value, decay, epsilon and steps an epoch: "
        f"{LAYERS.predicted_epoch:.1f}. Scale 1 means that the moving variance is right; below it, the start value of "
        "1 still shrinks what the layer gives out.",
        alternative=f"The inference loss of tf.layers rises to {found.peak_nats:.2f} at epoch {found.peak_epoch:.0f} "
        f"and falls at epoch {found.fall_epoch:.0f}; the others' does not rise.",
        height_in=4.8,
        paint=paint,
    )


CLAIM = Claim(
    id="C28",
    documents=("004",),
    statement="Training through tf.layers goes through a hump around epochs 45 to 50; the form by hand does not.",
    experiment="Network 004 at 14.44 steps an epoch on 1,444 digits (0 to 4 against 5 to 9), initial weights N(0, "
    "0.001): tf.layers with its defaults, document 004's own form, and one difference at a time: epsilon, start value, "
    "decay, num_updates, the update's pass, the initial weights. After every second epoch the validation loss by the "
    "moving statistics, beside that by the rows' own on the same weights.",
    rule=f"A hump is an inference loss (running median of {SMOOTHED_LOOKS} looks) more than {HUMP_NATS:g} nats above "
    "ln 2; it falls where half the way to the loss by the rows' own statistics is gone. Refuted if tf.layers has none, "
    f"if it falls more than {SLACK_EPOCHS:g} epochs outside 45 to 50, or if the document's form has one too; depends if "
    "the form by hand has one when it gets the settings of tf.layers; otherwise confirmed.",
    cases=cases,
    judge=judge,
    picture=picture,
    meaning=advice(
        confirmed="Prefer the form by hand for this network, or another start value.",
        refuted="Do not choose between the two APIs by this hump.",
        depends="It is no reason to prefer either API. Training was done by epoch 10; what the document watched is a "
        "moving variance that starts at 1, 1,000 times epsilon, and shrinks by 1 % a step: inference is useless for "
        "ln(epsilon / start) / ln(decay) steps. With small initial weights start the average at the first batch, lower "
        "the decay, give num_updates, or use He's weights; and evaluate with the batch's statistics before you "
        "mistrust a training.",
    ),
)
