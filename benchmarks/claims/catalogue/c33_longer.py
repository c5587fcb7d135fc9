"""C33, document 001: training longer gives much better accuracy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

import numpy as np

from benchmarks.cases import Case
from benchmarks.claims.judging import Difference, asking, combined, holds, on_what, paired
from benchmarks.claims.model import Claim, Picture, Printed, Size, Verdict
from benchmarks.claims.painting import Band, panels_of_bands
from benchmarks.claims.results import Results
from benchmarks.claims.seeds import seeds
from benchmarks.claims.training import training

EPOCHS = {"quick": (5, 10, 25), "full": (10, 25, 100, 345, 690)}
"""345 epochs of 4,000 digits are the 5,500 steps that 25 epochs of the document's 55,000 are."""
MUCH = 0.01
"""Share of the test digits from which a gain is much."""
PRINTED = {15: ("first", 89.52), 345: ("20th", 97.42)}
"""Epochs of 4,000 digits -> epoch of the book's 55,000 that ends after about as many steps (275 and 5,500, batches of
200), and the validation accuracy in % that the chapter prints for it."""
BOOK = (
    "the document prints none; this is the book chapter that it follows (Géron 2017, chapter 11): one run on 55,000 "
    "digits instead of 4,000, batches of 200 instead of 250, He's initial weights, and normalized logits in its loss; "
    "compared after about as many steps"
)


def cases(size: Size) -> list[Case]:
    """Document 001's network, evaluated on the way."""
    epochs = EPOCHS[size][-1]
    return [training("001", epochs=epochs, evaluate_every=5, seed=seed) for seed in seeds(size, 5)]


def accuracies(results: Results, epochs: int, split: str = "test") -> dict[int, float]:
    """Accuracy of a split by seed after so many epochs."""
    return {
        int(one.parameters["seed"]): one.at_step(f"{split}_accuracy_moving", epochs * one.steps_an_epoch)
        for one in results
    }


def judge(results: Results) -> Verdict:
    """Four times and twice as long, in the document's epochs and in its steps."""
    marks = EPOCHS["full" if results.size == "full" else "quick"]
    found = {epochs: accuracies(results, epochs) for epochs in marks}
    steps: dict[tuple[int, int], Difference] = {
        (a, b): paired(found[b], found[a], margin=MUCH, family=len(marks) - 1, higher_is_better=True)
        for a, b in pairwise(marks)
    }
    kind = combined(*(holds(one, "above") for one in steps.values()))
    mean = {epochs: 100 * float(np.mean([*values.values()])) for epochs, values in found.items()}
    told = ", ".join(f"{value:.1f} % after {epochs}" for epochs, value in mean.items())
    gained = "; ".join(f"{one.told('points', 100)} from {a} to {b}" for (a, b), one in steps.items())
    steps_an_epoch = results.results[0].steps_an_epoch
    return Verdict(
        kind=kind,
        on=on_what(kind, f"how long it was trained before: {_by_length(steps)}", asking("above", steps.values())),
        sentence=f"Test accuracy by epochs ({steps_an_epoch:.0f} steps each): {told}; gains {gained}.",
        figures={
            **{f"test_accuracy_after_{epochs}_epochs_percent": value for epochs, value in mean.items()},
            **{f"gain_from_{a}_to_{b}_epochs_points": 100 * one.mean for (a, b), one in steps.items()},
        },
        printed=tuple(_printed(results, marks[-1])),
    )


def _by_length(steps: Mapping[tuple[int, int], Difference]) -> str:
    """Between which epochs it gains much, does not, or neither is decided."""
    words = {True: "it gains much", False: "not", None: "open"}
    spans = {
        held: " and ".join(f"from {a} to {b}" for (a, b), one in steps.items() if holds(one, "above") is held)
        for held in words
    }
    return ", ".join(f"{word} {spans[held]}" for held, word in words.items() if spans[held]) + " epochs"


def _printed(results: Results, trained: int) -> Iterator[Printed]:
    """The book's first and last validation accuracy, beside ours after about as many steps where we get there."""
    for epochs, (name, percent) in PRINTED.items():
        reached = epochs <= trained
        yield Printed(
            what=f"validation accuracy after the book's {name} epoch, ours after {epochs} of 4,000 digits, in %",
            printed=percent,
            ours=100 * float(np.mean([*accuracies(results, epochs, "validation").values()])) if reached else None,
            why=BOOK if reached else f"{BOOK}; a quick run stops at epoch {trained}",
        )


def picture(results: Results) -> Picture:
    """Accuracy over epochs."""

    def bands(split: str) -> Band:
        values = 100 * results.stack(f"{split}_accuracy_moving")[:, 1:]
        epochs = results.stack("evaluated_steps")[0, 1:] / results.results[0].steps_an_epoch
        place = ("train", "test").index(split)
        return Band({"train": "training", "test": "test"}[split], epochs, values, place, place)

    last = 100 * results.stack("test_accuracy_moving")[:, -1].mean()
    return Picture(
        title="Accuracy of document 001's network",
        caption="In %, by epochs of 4,000 digits; median and range over seeds. The document stops at its 5,500th step, "
        "which is epoch 345 here.",
        alternative=f"The test accuracy ends at {last:.1f} %.",
        height_in=2.6,
        paint=lambda canvas: panels_of_bands(canvas, {"accuracy, %": [bands("train"), bands("test")]}, "epoch"),
    )


def meaning(verdict: Verdict) -> str:
    """Advice."""
    return (
        "Look at the validation curve instead of a number of epochs: plain gradient descent at 0.01 is slow, and a "
        "larger rate or Adam reaches the same accuracy in fewer steps."
    )


CLAIM = Claim(
    id="C33",
    documents=("001",),
    statement="If it is trained for longer, it gets much better accuracy.",
    experiment="Document 001's network (batch 250, gradient descent 0.01) on 4,000 digits for 690 epochs, evaluated "
    "after 10, 25, 100, 345 and 690; the document's 25 epochs of 55,000 digits are as many steps as 345 here.",
    rule=f"Confirmed if each longer training gains more than {100 * MUCH:g} point of test accuracy, interval included; "
    "refuted if none does; depends if some do.",
    cases=cases,
    judge=judge,
    meaning=meaning,
    picture=picture,
)
