"""C16, document 003: normalize just before or just after the activation."""

from __future__ import annotations

import numpy as np

from benchmarks.cases import Case
from benchmarks.claims.exact import advice
from benchmarks.claims.judging import Difference, asking, combined, every, holds, on_what, paired
from benchmarks.claims.model import Claim, Picture, Size, Verdict
from benchmarks.claims.painting import Band, panels_of_bands
from benchmarks.claims.results import Results
from benchmarks.claims.seeds import seeds
from benchmarks.claims.training import training

BEFORE, AFTER = "layer-norm-activation", "layer-activation-norm"
ACTIVATIONS = ("tanh", "relu")
EPOCHS = 20
LOSS_MARGIN, ACCURACY_MARGIN = 0.03, 0.02
"""Nats of test loss, and share of the test images, that do not matter."""
LOSS, ACCURACY = "test_loss_moving", "test_accuracy_moving"
LATE_EPOCHS = 10
"""Whose mean counts: from one epoch to the next the test accuracy moves by ten points."""
SEEDS = 10


def cases(size: Size) -> list[Case]:
    """The document's network with tanh and with ReLU, normalized before and after."""
    return [
        training("003", options={"order": order, "activation": activation}, epochs=EPOCHS, seed=seed)
        for seed in seeds(size, SEEDS)
        for activation in ACTIVATIONS
        for order in (BEFORE, AFTER)
    ]


def differences(results: Results, activation: str) -> tuple[Difference, Difference]:
    """Test loss and accuracy of normalizing after the activation less those of before."""
    after, before = ({"options": {"order": order, "activation": activation}} for order in (AFTER, BEFORE))

    def difference(name: str, margin: float) -> Difference:
        arms = (results.late(name, LATE_EPOCHS, **arm) for arm in (after, before))
        return paired(*arms, margin=margin, family=4, higher_is_better=name == ACCURACY)

    return difference(LOSS, LOSS_MARGIN), difference(ACCURACY, ACCURACY_MARGIN)


def judge(results: Results) -> Verdict:
    """The same within the margins, with either activation."""
    found = {activation: differences(results, activation) for activation in ACTIVATIONS}
    kind = combined(*(every(*(holds(one, "same") for one in pair)) for pair in found.values()))
    told = "; ".join(
        f"with {activation} by {loss.told('nats', digits=3)} of test loss and {accuracy.told('points', 100, 1)} of "
        "accuracy"
        for activation, (loss, accuracy) in found.items()
    )
    every_one = [one for pair in found.values() for one in pair]
    return Verdict(
        kind=kind,
        on=on_what(kind, "the activation", asking("same", every_one)),
        sentence=f"Over the last {LATE_EPOCHS} epochs, normalizing after the activation differs from before {told}.",
        figures={
            **{f"{name}_test_loss_change_nats": loss.mean for name, (loss, _) in found.items()},
            **{f"{name}_test_accuracy_change_points": 100 * accuracy.mean for name, (_, accuracy) in found.items()},
            "seeds": every_one[0].pairs,
        },
    )


def picture(results: Results) -> Picture:
    """Validation loss over epochs, with either activation."""

    def bands(activation: str) -> list[Band]:
        found = []
        for place, (order, words) in enumerate(((BEFORE, "just before it"), (AFTER, "just after it"))):
            chosen = {"options": {"order": order, "activation": activation}}
            values = results.stack("validation_loss_moving", **chosen)
            found.append(Band(words, np.linspace(0, EPOCHS, values.shape[1]), values, place, place))
        return found

    told = "; ".join(f"{name} {differences(results, name)[0].told('nats', digits=3)}" for name in ACTIVATIONS)
    return Picture(
        title="Normalized just before the activation, and just after it",
        caption="Validation loss in nats, by the moving statistics; median and range over seeds.",
        alternative=f"Test loss at the end, after less before: {told}.",
        height_in=2.8,
        paint=lambda canvas: panels_of_bands(canvas, {name: bands(name) for name in ACTIVATIONS}, "epoch"),
    )


CLAIM = Claim(
    id="C16",
    documents=("003",),
    statement="Batch normalization may stand just before the activation or just after it.",
    experiment="Its network 3072-100-3 on 32x32 patches of photographs, Adam 0.001, batch 64, 20 epochs, with tanh and "
    f"with ReLU, normalized before and after, paired by seed; means over the last {LATE_EPOCHS} epochs.",
    rule=f"Confirmed if test loss and accuracy differ by less than {LOSS_MARGIN:g} nats and {100 * ACCURACY_MARGIN:g} "
    "points with both activations, intervals included; refuted if with neither; depends if with one.",
    cases=cases,
    judge=judge,
    picture=picture,
    meaning=advice(
        confirmed="Take either; before the activation is the usual one.",
        refuted="Try both: they are not the same network. After the activation, what goes on is centred again.",
        depends="Try both with your activation.",
    ),
)
