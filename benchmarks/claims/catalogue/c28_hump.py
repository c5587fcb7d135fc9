"""C28, document 004: ``tf.layers`` shows a hump around epochs 45 to 50, the form by hand does not."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from benchmarks.cases import Case
from benchmarks.claims.cases import DATASET, case
from benchmarks.claims.exact import advice
from benchmarks.claims.model import Claim, Picture, Printed, Size, Verdict
from benchmarks.claims.painting import Band, draw_bands, name_bands, panel
from benchmarks.claims.results import Array, Result, Results
from benchmarks.claims.seeds import FIRST_SEED, seeds
from benchmarks.networks import recipe
from benchmarks.report.figures.canvas import MUTED
from bn_impls.registry import describe

STEPS_AN_EPOCH = 14.44
"""1,444 rows in batches of 100."""
EVERY_EPOCHS = 2
SMOOTHED_LOOKS = 5
"""Looks whose median is taken: one bad look says nothing."""
DOCUMENTS_EPOCHS = (45, 50)
SLACK_EPOCHS = 10.0
"""How far the fall may be from the document's epochs: one and a half time constants (100 steps) of its average."""
LATE_EPOCHS = 10.0
"""By how much inference must fall behind the same weights normalized by the rows' own statistics, to be late."""
KNOWS_NOTHING_NATS = math.log(2)
"""The loss of equal odds for two classes."""
SEEDS = 5
"""How high the hump is differs from seed to seed, and when it ends does not."""


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

    def forgetting_epoch(self, share: float) -> float:
        """The epoch at which only so much is left of the start value, by the closed forms of C23.

        Args:
            share: what is left; 1 or more is left at once.
        """
        if share >= 1:
            return 0.0
        if not self.num_updates:
            return math.log(share) / math.log(self.decay) / STEPS_AN_EPOCH
        return next(t for t in range(1, 1000) if 1 / math.comb(t + 9, 9) <= share) / STEPS_AN_EPOCH

    @property
    def key(self) -> str:
        """What its figures' names begin with."""
        return "_".join("".join(c if c.isalnum() else " " for c in self.name).split())

    @property
    def predicted_epoch(self) -> float:
        """When the start value weighs as much as epsilon: ``start share(t) = epsilon``.

        The variance of a layer's input is left out: with document 004's initial weights it is far below epsilon. It
        grows with the weights, so inference catches up somewhat sooner.
        """
        return self.forgetting_epoch(self.epsilon / self.start if self.start else math.inf)


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


def planned(variant: Variant, seed: int) -> Case:
    """The case of a variant."""
    chosen = recipe("004")
    styles = describe(variant.implementation).trainer_styles
    warms = {"warm_up": variant.num_updates} if "manual" in variant.implementation else {}
    return case(
        "moving_average_lag",
        variant.implementation,
        ("variant", "seed"),
        **chosen.parameters(),
        dataset=chosen.dataset_of(DATASET),
        options={"epsilon": variant.epsilon, "decay": variant.decay, **variant.options},
        conventions={"initial_variance": variant.start, **warms},
        looks=[round(STEPS_AN_EPOCH * epoch) for epoch in range(0, variant.epochs + 1, EVERY_EPOCHS)],
        variant=variant.name,
        dtype="float32",
        style="graph" if "graph" in styles else styles[0],
        device="cpu",
        seed=seed,
    )


def cases(size: Size) -> list[Case]:
    """``tf.layers``, document 004's own form, and one difference at a time."""
    chosen = [variant for variant in VARIANTS if variant.quick or size == "full"]
    return [planned(variant, seed) for variant in chosen for seed in seeds(size, SEEDS, 1)]


@dataclass(frozen=True)
class Course:
    """What the validation loss in inference mode did.

    Attributes:
        highest_nats: largest loss.
        fall_epoch: where half the way is gone from ln 2 to the last loss by the rows' own statistics; NaN if nowhere.
        behind_epochs: how much later that is than the same of the loss by the rows' own statistics.
        predicted_epoch: when the start value weighs as much as the true variance and epsilon of the first look's worst
            layer, which no training has changed yet.
    """

    highest_nats: float
    fall_epoch: float
    behind_epochs: float
    predicted_epoch: float

    @property
    def late(self) -> bool:
        """Whether inference is worse than training for long."""
        return not self.behind_epochs <= LATE_EPOCHS


def course(result: Result) -> Course:
    """Read it from a training's curves."""
    variant = next(one for one in VARIANTS if one.name == result.parameters["variant"])
    epochs = result.curve("step") / STEPS_AN_EPOCH
    moving, batch = (smoothed(result.curve(f"validation_loss_{mode}")) for mode in ("moving", "batch"))
    level = (KNOWS_NOTHING_NATS + batch[-1]) / 2
    fall, own = (first_below(epochs, curve, level) for curve in (moving, batch))
    scale = float(result.curve("inference_scale")[0].min())  # sqrt((v + epsilon) / (start + epsilon))
    share = scale**2 * (variant.start + variant.epsilon) / variant.start if variant.start else math.inf
    highest = float(result.curve("validation_loss_moving").max())
    return Course(highest, fall, fall - own, variant.forgetting_epoch(share))


def first_below(epochs: Array, curve: Array, level: float) -> float:
    """The first epoch at which a curve is at a level or below it; NaN if it never is."""
    below = np.flatnonzero(curve <= level)
    return float(epochs[below[0]]) if len(below) else math.nan


def smoothed(curve: Array) -> Array:
    """The running median; at the ends of as many looks as there are."""
    half = SMOOTHED_LOOKS // 2
    return np.array([np.median(curve[max(0, n - half) : n + half + 1]) for n in range(len(curve))])


def judge(results: Results) -> Verdict:
    """By when the two APIs' inference catches up, and by whether the API or its settings decide it."""
    found = {
        variant.name: [course(one) for one in results.select(variant=variant.name)]
        for variant in VARIANTS
        if results.select(variant=variant.name)
    }
    ours = found[LAYERS.name]
    fall = float(np.mean([one.fall_epoch for one in ours]))
    heights = [one.highest_nats for one in ours]
    others = {name: courses for name, courses in found.items() if name != LAYERS.name}
    told = (
        f"With tf.layers the validation loss in inference mode stays at ln 2, that of equal odds, or above (highest "
        f"{max(heights):.2f} nats over {len(ours)} seeds), and falls at epoch {fall:.0f}, "
        f"{np.mean([one.behind_epochs for one in ours]):.0f} epochs after the same weights normalized by the rows' own "
        f"statistics. Predicted before looking: ln(epsilon / start) / ln(decay) = "
        f"{LAYERS.predicted_epoch * STEPS_AN_EPOCH:.0f} steps, epoch {LAYERS.predicted_epoch:.1f}. One difference at a "
        f"time: {'; '.join(_told(name, courses) for name, courses in others.items())}."
    )
    low, high = DOCUMENTS_EPOCHS
    printed = Printed(
        what=f"epoch at which the hump of tf.layers ends (the document: {low} to {high})",
        printed=high,
        ours=None if math.isnan(fall) else fall,
        why="digits instead of private radar images: times can be compared, heights cannot",
    )
    verdict = partial(Verdict, sentence=told, figures=_figures(found), printed=(printed,))
    if not all(one.late for one in ours) or not low - SLACK_EPOCHS <= fall <= high + SLACK_EPOCHS:
        return verdict(kind="refuted")
    if results.size == "quick":
        return verdict(kind="undecided", on="needs the full run's trainings, which change one difference at a time")
    if any(one.late for one in found[DOCUMENT.name]):
        return verdict(kind="refuted")
    if found[BY_HAND.name][0].late:
        return verdict(kind="depends", on="start value, decay and epsilon, not on the API")
    return verdict(kind="confirmed")


def _told(name: str, courses: Sequence[Course]) -> str:
    fall, predicted = (float(np.mean([getattr(one, f"{what}_epoch") for one in courses]))
                       for what in ("fall", "predicted"))  # fmt: skip
    when = "never falls" if math.isnan(fall) else f"falls at {fall:.0f}"
    return f"{name} {when} (start forgotten at {predicted:.0f})"


def _figures(found: Mapping[str, Sequence[Course]]) -> dict[str, float]:
    figures = {"predicted_epoch": LAYERS.predicted_epoch, "steps_an_epoch": STEPS_AN_EPOCH}
    for name, courses in found.items():
        key = next(variant.key for variant in VARIANTS if variant.name == name)
        for part in ("fall_epoch", "behind_epochs", "predicted_epoch", "highest_nats"):
            value = float(np.mean([getattr(one, part) for one in courses]))
            figures |= {} if math.isnan(value) else {f"{key}_{part}": value}
    return figures


def picture(results: Results) -> Picture:
    """Inference loss beside the batch-statistics loss of the same weights; and the inference scale that explains it."""
    shown = [variant for variant in (LAYERS, DOCUMENT, NUM_UPDATES, DECAY) if results.select(variant=variant.name)]
    ours = {variant.name: results.one(variant=variant.name, seed=FIRST_SEED) for variant in shown}
    base = ours[LAYERS.name]
    losses = [
        Band(name, result.curve("step") / STEPS_AN_EPOCH, result.curve("validation_loss_moving")[None], n, n % 4)
        for n, (name, result) in enumerate(ours.items())
    ]
    epochs = base.curve("step") / STEPS_AN_EPOCH
    own = Band("tf.layers, rows' own statistics", epochs, base.curve("validation_loss_batch")[None], 4, 0)
    scales = base.curve("inference_scale")
    lines = [Band("scale", epochs, scales[:, place][None], 0, place % 4) for place in (0, scales.shape[1] - 1)]
    found = course(base)

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
        alternative=f"The inference loss of tf.layers stays near ln 2, with a peak of {found.highest_nats:.2f}, and "
        f"falls at epoch {found.fall_epoch:.0f}; that by the rows' own statistics falls within a few epochs.",
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
    rule="An inference loss falls where (in the running median of five looks) half the way is gone from ln 2 to the "
    f"last loss by the rows' own statistics; it is late if that loss does so more than {LATE_EPOCHS:g} epochs sooner. "
    f"Refuted if tf.layers is not late, if it falls more than {SLACK_EPOCHS:g} epochs outside 45 to 50, or if the "
    "document's form is late too; depends if the form by hand is late when it gets the settings of tf.layers; "
    "otherwise confirmed. How high the hump is differs between seeds and roundings: the rule looks at when it ends.",
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
