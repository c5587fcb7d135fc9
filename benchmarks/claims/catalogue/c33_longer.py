"""C33, document 001: training longer gives much better accuracy."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from benchmarks.cases import Case
from benchmarks.claims.judging import Difference, combined, holds, on_what, paired
from benchmarks.claims.model import Claim, Picture, Size, Verdict
from benchmarks.claims.painting import Band, panels_of_bands
from benchmarks.claims.results import Results
from benchmarks.claims.seeds import seeds
from benchmarks.claims.training import training

EPOCHS = {"quick": (5, 10, 25), "full": (10, 25, 100, 345, 690)}
"""345 epochs of 4,000 digits are the 5,500 steps that 25 epochs of the document's 55,000 are."""
STEPS_OF_EPOCH = 16
MUCH = 0.01
"""Share of the test digits from which a gain is much."""


def cases(size: Size) -> list[Case]:
    """Document 001's network, evaluated on the way."""
    epochs = EPOCHS[size][-1]
    return [training("001", epochs=epochs, evaluate_every=5, seed=seed) for seed in seeds(size, 5)]


def accuracies(results: Results, epochs: int) -> dict[int, float]:
    """Test accuracy by seed after so many epochs."""
    return {
        int(one.parameters["seed"]): float(
            one.curve("test_accuracy_moving")[one.curve("evaluated_steps") == epochs * STEPS_OF_EPOCH][0]
        )
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
    enough = next((f"{a} epochs" for (a, _), one in steps.items() if one.sign != "above"), "")
    told = ", ".join(f"{value:.1f} % after {epochs}" for epochs, value in mean.items())
    gained = "; ".join(f"{one.told('points', 100)} from {a} to {b}" for (a, b), one in steps.items())
    return Verdict(
        kind=kind,
        on=on_what(kind, f"how long it was trained before: up to {enough}", steps.values()),
        sentence=f"Test accuracy by epochs of 4,000 digits (16 steps each): {told}; gains {gained}.",
        figures={
            **{f"test_accuracy_after_{epochs}_epochs_percent": value for epochs, value in mean.items()},
            **{f"gain_from_{a}_to_{b}_epochs_points": 100 * one.mean for (a, b), one in steps.items()},
        },
    )


def picture(results: Results) -> Picture:
    """Accuracy over epochs."""

    def bands(split: str) -> Band:
        values = 100 * results.stack(f"{split}_accuracy_moving")[:, 1:]
        epochs = results.stack("evaluated_steps")[0, 1:] / STEPS_OF_EPOCH
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
