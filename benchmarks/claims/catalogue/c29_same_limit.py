"""C29, document 004: its own form and ``tf.layers`` converge to the same limit."""

from __future__ import annotations

import numpy as np

from benchmarks.cases import Case
from benchmarks.claims.document_004 import BY_HAND, EVERY_EPOCHS, LATE_LOOKS, LAYERS, epochs_of, late_epochs, trained
from benchmarks.claims.exact import advice
from benchmarks.claims.judging import Difference, asking, combined, every, holds, on_what, paired
from benchmarks.claims.model import Claim, Picture, Size, Verdict
from benchmarks.claims.painting import Band, panels_of_bands
from benchmarks.claims.results import Results
from benchmarks.claims.seeds import seeds

EPSILON = 1e-3
"""The default of ``tf.layers``; the document's own function has 1e-5."""
LOSS_MARGIN = 0.05
"""Nats that do not matter: a quarter of the loss that this network ends at (C28)."""
ACCURACY_MARGIN = 0.01
"""Share of the test digits that does not matter: the standard error of 94 % of 500 digits is 1.1 points."""
JUDGED = {"train_loss": LOSS_MARGIN, "test_loss": LOSS_MARGIN, "test_accuracy": ACCURACY_MARGIN}
"""Quantity in inference mode -> margin. One of the document's 160 validation rows is 0.6 points: the test has 500."""
SEEDS = 8
NAMES = {LAYERS: "tf.layers", BY_HAND: "by hand"}


def cases(size: Size) -> list[Case]:
    """Both forms from the same weights, on the same batches and dropout masks."""
    return [
        one
        for seed in seeds(size, SEEDS, 1)
        for one in (trained(size, LAYERS, seed, epsilon=EPSILON), trained(size, BY_HAND, seed))
    ]


def differences(results: Results) -> dict[str, Difference]:
    """Quantity -> limit of ``tf.layers`` less that of the form by hand."""
    found = {}
    for name, margin in JUDGED.items():
        layers, hand = (results.late(f"{name}_moving", LATE_LOOKS, implementation=one) for one in (LAYERS, BY_HAND))
        found[name] = paired(
            layers, hand, margin=margin, family=len(JUDGED), higher_is_better=name.endswith("accuracy")
        )
    return found


def judge(results: Results) -> Verdict:
    """Training loss, test loss and test accuracy of the last epochs, all within their margins."""
    found = differences(results)
    train, test, accuracy = found.values()
    kind = combined(every(*(holds(one, "same") for one in found.values())))
    hand = 100 * float(np.mean([*results.late("test_accuracy_moving", LATE_LOOKS, implementation=BY_HAND).values()]))
    return Verdict(
        kind=kind,
        on=on_what(kind, "", asking("same", found.values())),
        sentence=f"Over the last {late_epochs(results.results[0])}, tf.layers lies {train.told('nats', digits=3)} "
        f"from the form by hand in training loss, {test.told('nats', digits=3)} in test loss, and "
        f"{accuracy.told('points', 100)} in test accuracy (by hand {hand:.1f} %).",
        figures={
            "train_loss_difference_nats": train.mean,
            "test_loss_difference_nats": test.mean,
            "test_accuracy_difference_points": 100 * accuracy.mean,
            "test_accuracy_by_hand_percent": hand,
            "seeds": train.pairs,
        },
    )


def picture(results: Results) -> Picture:
    """The document's picture of the two APIs: training and validation loss in inference mode."""
    epochs = epochs_of(results.results[0])

    def bands(split: str) -> list[Band]:
        return [
            Band(name, epochs, results.stack(f"{split}_loss_moving", implementation=implementation), place, place)
            for place, (implementation, name) in enumerate(NAMES.items())
        ]

    apart = differences(results)["test_loss"].told("nats", digits=3)
    return Picture(
        title="The two APIs of document 004, to the end",
        caption="Loss in inference mode; median and range over seeds. What lies between the curves before epoch 50 is "
        "the hump of C28.",
        alternative=f"The loss of tf.layers less that of the form by hand is {apart} over the last epochs.",
        height_in=2.8,
        paint=lambda canvas: panels_of_bands(
            canvas, {"training": bands("train"), "validation": bands("validation")}, "epoch", "loss in nats"
        ),
    )


CLAIM = Claim(
    id="C29",
    documents=("004",),
    statement="The form by hand and tf.layers converge to the same limit.",
    experiment="Network 004 as the document trains it, 250 epochs of 1,444 digits (0 to 4 against 5 to 9), through "
    "tf.layers with its defaults and through the document's own function with its second call, paired by seed: same "
    f"initial weights, batches and dropout; loss and accuracy in inference mode after every {EVERY_EPOCHS} epochs.",
    rule=f"The limit is the mean of the last {LATE_LOOKS} evaluations. Confirmed if training loss and test loss differ "
    f"by less than {LOSS_MARGIN:g} nats and test accuracy by less than {100 * ACCURACY_MARGIN:g} point, the three "
    "intervals included; refuted if one differs by more than that.",
    cases=cases,
    judge=judge,
    picture=picture,
    meaning=advice(
        confirmed="Choose between the two by convenience: trained for long enough they end alike. What differs is how "
        "soon inference can be trusted (C28).",
        refuted="They are not interchangeable with their defaults, even in the end: set epsilon and the start of the "
        "averages alike before you compare.",
    ),
)
