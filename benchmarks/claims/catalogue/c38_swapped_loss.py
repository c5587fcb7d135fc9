"""C38, document 003: its loss, called with the prediction first and the label second, trains its network."""

from __future__ import annotations

import numpy as np

from benchmarks.cases import Case
from benchmarks.claims.catalogue.c16_before_or_after import LATE_EPOCHS
from benchmarks.claims.catalogue.c22_spread import LOSSES, WORDS, trained
from benchmarks.claims.exact import advice
from benchmarks.claims.judging import Difference, asking, combined, holds_not, on_what, paired
from benchmarks.claims.model import Claim, Picture, Printed, Size, Verdict
from benchmarks.claims.painting import Band, panels_of_bands
from benchmarks.claims.results import Results

RIGHT, SWAPPED = LOSSES
ACCURACY_MARGIN = 0.02
"""Share of the test images that does not matter, as in C16."""
PRINTED = {"train": 68.2, "test": 59.3}
"""Split -> document 003's accuracy in %, of the network without batch normalization, by the loss as written."""
OTHER_DATA = (
    "other images, so the two cannot be compared: ours are 32x32 patches of three photographs, a class being a "
    "photograph, the document's were 3,004 airplanes, automobiles and ships"
)


def cases(size: Size) -> list[Case]:
    """The trainings of C22."""
    return trained(size)


def accuracies(results: Results, split: str, loss: str, batch_norm: bool) -> dict[int, float]:
    """Accuracy over the last epochs by seed."""
    return results.late(f"{split}_accuracy_moving", LATE_EPOCHS, options={"loss": loss}, batch_norm=batch_norm)


def change(results: Results, batch_norm: bool) -> Difference:
    """Test accuracy by the loss as written less that by the right one."""
    arms = (accuracies(results, "test", loss, batch_norm) for loss in (SWAPPED, RIGHT))
    return paired(*arms, margin=ACCURACY_MARGIN, family=len(WORDS), higher_is_better=True)


def judge(results: Results) -> Verdict:
    """As accurate as by the right loss, with and without batch normalization."""
    found = {arm: change(results, arm) for arm in WORDS}
    kind = combined(*(holds_not(one, "below") for one in found.values()))
    mean = {
        (arm, loss): 100 * float(np.mean([*accuracies(results, "test", loss, arm).values()]))
        for arm in WORDS
        for loss in LOSSES
    }
    told = "; ".join(
        f"{words} {mean[arm, SWAPPED]:.1f} % by the loss as written and {mean[arm, RIGHT]:.1f} % by the right one, "
        f"{found[arm].told('points', 100, 1)}"
        for arm, words in WORDS.items()
    )
    return Verdict(
        kind=kind,
        on=on_what(kind, "whether the network has batch normalization", asking("below", found.values())),
        sentence=f"Test accuracy over the last {LATE_EPOCHS} of 20 epochs: {told}.",
        figures={
            "test_accuracy_change_with_points": 100 * found[True].mean,
            "test_accuracy_change_without_points": 100 * found[False].mean,
            "seeds": found[True].pairs,
        },
        printed=tuple(_printed(results, split, percent) for split, percent in PRINTED.items()),
    )


def _printed(results: Results, split: str, percent: float) -> Printed:
    return Printed(
        what=f"{split} accuracy without batch normalization, loss as written, in %",
        printed=percent,
        ours=100 * float(np.mean([*accuracies(results, split, SWAPPED, False).values()])),
        why=OTHER_DATA,
    )


def picture(results: Results) -> Picture:
    """Test accuracy over epochs."""

    def bands(arm: bool) -> list[Band]:
        found = []
        for place, (loss, words) in enumerate(LOSSES.items()):
            values = 100 * results.stack("test_accuracy_moving", options={"loss": loss}, batch_norm=arm)
            found.append(Band(words, np.arange(values.shape[1]), values, place, place))
        return found

    told = ", ".join(f"{words} {change(results, arm).told('points', 100, 1)}" for arm, words in WORDS.items())
    return Picture(
        title="Document 003's loss as written, and right",
        caption="Test accuracy in %; median and range over seeds.",
        alternative=f"Over the last epochs, as written less right: {told}.",
        height_in=2.8,
        paint=lambda canvas: panels_of_bands(
            canvas, {words: bands(arm) for arm, words in WORDS.items()}, "epoch", "accuracy, %"
        ),
    )


CLAIM = Claim(
    id="C38",
    documents=("003",),
    statement="The loss as the code calls it, categorical_crossentropy(prediction, label), trains the network.",
    experiment="Keras takes the label first: as written, the loss is minus the sum of prediction times log(label), the "
    "label clipped to 1e-7. The document's network for 20 epochs by it and by the right one, with and without batch "
    "normalization, paired by seed; the trainings of C22, means over the last epochs as in C16.",
    rule="Confirmed if the test accuracy by the loss as written is higher, or within "
    f"{100 * ACCURACY_MARGIN:g} points, interval included, with and without batch normalization; refuted if it is "
    "lower in both; depends if in one.",
    cases=cases,
    judge=judge,
    picture=picture,
    meaning=advice(
        confirmed="It works by luck: it rewards the probability of the right class linearly. Write the arguments in "
        "the order that the function has, the label first.",
        refuted="Check the order of a loss's arguments: swapped, nothing fails, the network only learns worse.",
        depends="Check the order of a loss's arguments: swapped, nothing fails, and some networks learn worse.",
    ),
)
