"""The trainings of claim C28: ``tf.layers``, document 004's own form, and one difference at a time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from benchmarks.cases import Case
from benchmarks.claims.cases import DATASET, case
from benchmarks.claims.forgetting import updates_until
from benchmarks.claims.model import Size
from benchmarks.claims.seeds import seeds
from benchmarks.networks import recipe
from bn_impls.registry import describe

STEPS_AN_EPOCH = 14.44
"""1,444 rows in batches of 100."""
EVERY_EPOCHS = 1
"""Between two looks: the document's hump is five epochs wide."""
SEEDS = 8
"""Of every variant: how high the hump is, and when it ends, differs much from seed to seed."""


@dataclass(frozen=True)
class Variant:
    """One training of network 004.

    Attributes:
        name: what differs from ``tf.layers`` with its defaults.
        implementation: whose layers it has.
        changes: the one setting that it changes, in words; empty where it changes the API, or more than one.
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
    changes: str = ""
    epsilon: float = 1e-3
    decay: float = 0.99
    start: float = 1.0
    num_updates: bool = False
    epochs: int = 66
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    quick: bool = False

    def forgetting_epoch(self, share: float) -> float:
        """The epoch at which only so much is left of the start value, by the closed forms of C23.

        Args:
            share: what is left; 1 or more is left at once.
        """
        if share >= 1:
            return 0.0
        if not self.num_updates:
            return updates_until(share, self.decay) / STEPS_AN_EPOCH
        return next(t for t in range(1, 1000) if 1 / math.comb(t + 9, 9) <= share) / STEPS_AN_EPOCH

    @property
    def key(self) -> str:
        """What its figures' names begin with."""
        return "_".join("".join(c if c.isalnum() else " " for c in self.name).split())

    @property
    def closed_form_epoch(self) -> float:
        """When the start value weighs as much as epsilon, ``start share(t) = epsilon``: known from settings alone.

        It leaves out the variance of a layer's input, which is far below epsilon with the document's initial weights
        and the defaults of ``tf.layers``. What is judged does not
        (:attr:`benchmarks.claims.hump_courses.Course.predicted_epoch`).
        """
        return self.forgetting_epoch(self.epsilon / self.start if self.start else math.inf)


LAYERS = Variant("tf.layers, its defaults", quick=True)
DOCUMENT = Variant("document 004's own form", "tf1-manual-two-call", epsilon=1e-5, start=0.0, num_updates=True)
BY_HAND = Variant("by hand, settings of tf.layers", "tf-manual")
NUM_UPDATES = Variant("num_updates given", "tf-manual", "num_updates", num_updates=True, quick=True)
SECOND_PASS = Variant("update in a second pass", "tf1-manual-two-call", "the pass of the update")
START = Variant("start value 0", changes="the start value", start=0.0)
DECAY = Variant("decay 0.9", changes="the decay", decay=0.9)
EPSILON = Variant("epsilon 1e-5", changes="epsilon", epsilon=1e-5, epochs=100)
HE = Variant("He's initial weights", changes="the initial weights", options={"kernels": "he"})
VARIANTS = (LAYERS, DOCUMENT, BY_HAND, NUM_UPDATES, SECOND_PASS, START, DECAY, EPSILON, HE)
SINGLE = tuple(variant for variant in VARIANTS if variant.changes)
"""Those that change one setting of ``tf.layers`` with its defaults, or of the form by hand with these settings."""


def cases(size: Size) -> list[Case]:
    """Every variant from the same seeds."""
    return [
        planned(variant, seed)
        for variant in VARIANTS
        if variant.quick or size == "full"
        for seed in seeds(size, SEEDS, 1)
    ]


def planned(variant: Variant, seed: int) -> Case:
    """The case of a variant."""
    chosen = recipe("004")
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
        splits=["validation"],
        variant=variant.name,
        dtype="float32",
        style=_style(variant.implementation),
        device="cpu",
        seed=seed,
    )


@cache  # to describe one looks through what is installed
def _style(implementation: str) -> str:
    styles = describe(implementation).trainer_styles
    return "graph" if "graph" in styles else styles[0]
