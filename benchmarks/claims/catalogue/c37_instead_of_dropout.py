"""C37, document 002: batch normalization takes the place of dropout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.cases import Case
from benchmarks.claims.catalogue.c12_order import EPOCHS, FIRST, SEEDS, trained
from benchmarks.claims.exact import advice
from benchmarks.claims.judging import Difference, combined, holds_not, needed, paired
from benchmarks.claims.model import Claim, Picture, Size, Verdict
from benchmarks.claims.painting import Band, panels_of_bands
from benchmarks.claims.results import Results
from benchmarks.claims.seeds import seeds

ARMS: Mapping[str, Mapping[str, Any]] = {
    "batch normalization": {"batch_norm": True, "options": {"order": FIRST}},
    "dropout 0.5": {"batch_norm": False, "options": {"dropout": 0.5}},
}
NORMALIZED, DROPPED = ARMS
ACCURACY_MARGIN = 0.005
"""Share of the test digits that does not matter, as in C12, whose trainings with batch normalization these are."""
ACCURACY = "accuracy_moving"


def cases(size: Size) -> list[Case]:
    """The slides' two models."""
    return [trained(seed, **arm) for seed in seeds(size, SEEDS) for arm in ARMS.values()]


def gain(results: Results, split: str) -> Difference:
    """Accuracy with batch normalization less that with dropout."""
    arms = (results.values(f"final_{split}_{ACCURACY}", **ARMS[name]) for name in (NORMALIZED, DROPPED))
    return paired(*arms, margin=ACCURACY_MARGIN, higher_is_better=True)


def judge(results: Results) -> Verdict:
    """At least as accurate on the test digits."""
    test, train = gain(results, "test"), gain(results, "train")
    kind = combined(holds_not(test, "below"))
    mean = {name: 100 * float(np.mean([*results.values(f"final_test_{ACCURACY}", **arm).values()]))
            for name, arm in ARMS.items()}  # fmt: skip
    return Verdict(
        kind=kind,
        on=needed([(test, "below")]) if kind == "undecided" else "",
        sentence=f"After {EPOCHS} epochs of 4,000 digits the test accuracy is {mean[NORMALIZED]:.1f} % with batch "
        f"normalization and {mean[DROPPED]:.1f} % with dropout 0.5, a difference of {test.told('points', 100)}; on the "
        f"training digits it is {train.told('points', 100)}.",
        figures={
            "test_accuracy_gain_points": 100 * test.mean,
            "train_accuracy_gain_points": 100 * train.mean,
            "seeds": test.pairs,
        },
    )


def picture(results: Results) -> Picture:
    """Accuracy over epochs, in training and test."""
    epochs = np.linspace(0, EPOCHS, results.stack(f"test_{ACCURACY}").shape[1])[1:]

    def bands(split: str) -> list[Band]:
        return [
            Band(name, epochs, 100 * results.stack(f"{split}_{ACCURACY}", **arm)[:, 1:], place, place)
            for place, (name, arm) in enumerate(ARMS.items())
        ]

    return Picture(
        title="Document 002's two models",
        caption="Accuracy in inference mode, in %; median and range over seeds.",
        alternative=f"With batch normalization the test accuracy ends {gain(results, 'test').told('points', 100)} from "
        "that with dropout.",
        height_in=2.8,
        paint=lambda canvas: panels_of_bands(
            canvas, {"training digits": bands("train"), "test digits": bands("test")}, "epoch", "accuracy, %"
        ),
    )


CLAIM = Claim(
    id="C37",
    documents=("002",),
    statement="Batch normalization takes the place of dropout: the second model of the slides has it instead.",
    experiment="The document's 784-256-256-10, Adam 0.001, batch 128, once with batch normalization before each ReLU "
    f"and once with dropout 0.5 after it, {EPOCHS} epochs of 4,000 digits (as many steps as its one epoch), paired by "
    "seed.",
    rule=f"Confirmed if the test accuracy with batch normalization is higher than with dropout, or within "
    f"{100 * ACCURACY_MARGIN:g} points of it, interval included; refuted if it is lower by more than that.",
    cases=cases,
    judge=judge,
    picture=picture,
    meaning=advice(
        confirmed="In so short a training you may replace dropout by batch normalization. That says nothing of long "
        "ones, where dropout is there against overfitting (C19).",
        refuted="Do not take dropout out for batch normalization without measuring: the two do different things.",
    ),
)
