"""C01, document 000: with batch normalization the loss is lower and the accuracy higher."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import chain

import numpy as np

from benchmarks.cases import Case
from benchmarks.claims.judging import Difference, asking, combined, every, holds, on_what, paired
from benchmarks.claims.model import Claim, Picture, Printed, Size, Verdict
from benchmarks.claims.painting import Band, four_curves
from benchmarks.claims.results import Results
from benchmarks.claims.seeds import seeds
from benchmarks.claims.training import training

RATE = 0.01
RATES = (1e-4, 3e-4, 1e-3, 3e-3, RATE, 3e-2)
QUICK_RATES = (1e-3, RATE)
SEEDS = 40
"""The gain in accuracy at the document's rate is about as large as its margin: 20 seeds left it open."""
LOSS_MARGIN = 0.03
"""Nats of test loss that do not matter: a tenth of what such a network reaches on 4,000 digits."""
ACCURACY_MARGIN = 0.01
"""Share of the test digits that does not matter: the standard error of 92 % of 500 digits is 1.2 points."""
PRINTED = {True: (0.08934, 97.37), False: (0.20734, 95.13)}
"""With or without batch normalization -> document 000's test loss in nats, and accuracy in %, after its 10 epochs."""
PRINTED_VALIDATION = {True: (94.10, 97.66), False: (91.00, 95.74)}
"""With or without batch normalization -> its validation accuracy in % after the first epoch, and after the tenth."""
SMALLER = (
    "4,000 training digits instead of 55,000, so 125 steps an epoch instead of 1,718; means over seeds instead of one "
    "run of TensorFlow 1"
)
COMPLETE = "ours on as many digits as the document's: docs/networks.md, from the run reports/mnist-000"
WORDS = {True: "with", False: "without"}
LOSS, ACCURACY = "final_test_loss_moving", "final_test_accuracy_moving"
VALIDATION = "validation_accuracy_moving"
CURVES = {
    "train_loss_moving": "loss in nats, training",
    "validation_loss_moving": "loss in nats, validation",
    "train_accuracy_moving": "accuracy, training",
    VALIDATION: "accuracy, validation",
}


def cases(size: Size) -> list[Case]:
    """Both networks at every rate, over seeds."""
    return [
        training(batch_norm=batch_norm, learning_rate=rate, seed=seed)
        for seed in seeds(size, SEEDS)
        for rate in (RATES if size == "full" else QUICK_RATES)
        for batch_norm in (True, False)
    ]


def best_rate(results: Results, batch_norm: bool) -> float:
    """The rate with the lowest mean validation loss; one that diverges has none."""
    tried = dict.fromkeys(float(result.parameters["learning_rate"]) for result in results)

    def loss(rate: float) -> float:
        found = results.values("final_validation_loss_moving", batch_norm=batch_norm, learning_rate=rate)
        return float(np.nan_to_num(np.mean([*found.values()]), nan=np.inf))

    return min(tried, key=loss)


def differences(results: Results, with_rate: float, without_rate: float) -> tuple[Difference, Difference]:
    """Change of test loss and of test accuracy that batch normalization brings, four intervals at once in all."""
    arm = partial(results.values, batch_norm=True, learning_rate=with_rate)
    other = partial(results.values, batch_norm=False, learning_rate=without_rate)
    return (
        paired(arm(LOSS), other(LOSS), margin=LOSS_MARGIN, family=4),
        paired(arm(ACCURACY), other(ACCURACY), margin=ACCURACY_MARGIN, family=4, higher_is_better=True),
    )


def judge(results: Results) -> Verdict:
    """Both parts at the document's rate, and at each network's best rate."""
    rate = {arm: best_rate(results, arm) for arm in WORDS}
    loss, accuracy = differences(results, RATE, RATE)
    best_loss, best_accuracy = differences(results, rate[True], rate[False])
    kind = combined(
        every(holds(loss, "below"), holds(accuracy, "above")),
        every(holds(best_loss, "below"), holds(best_accuracy, "above")),
    )
    return Verdict(
        kind=kind,
        on=on_what(
            kind,
            "the learning rate",
            [*asking("below", (loss, best_loss)), *asking("above", (accuracy, best_accuracy))],
        ),
        sentence=f"At the document's learning rate of {RATE:g}, batch normalization changes the test loss by "
        f"{loss.told('nats', digits=3)} and the accuracy by {accuracy.told('points', 100)}; at each network's best "
        f"rate ({rate[True]:g} with, {rate[False]:g} without), by {best_loss.told('nats', digits=3)} and "
        f"{best_accuracy.told('points', 100)}.",
        figures={
            "test_loss_change_nats": loss.mean,
            "test_accuracy_change_points": 100 * accuracy.mean,
            "best_rate_with": rate[True],
            "best_rate_without": rate[False],
            "test_loss_change_at_best_rates_nats": best_loss.mean,
            "test_accuracy_change_at_best_rates_points": 100 * best_accuracy.mean,
            "seeds": loss.pairs,
        },
        printed=tuple(chain.from_iterable(_printed(results, arm) for arm in WORDS)),
    )


def _printed(results: Results, batch_norm: bool) -> Iterator[Printed]:
    """The document's four figures of a network, beside the means over our seeds."""
    parts = (("loss", "in nats", LOSS, 1, SMALLER), ("accuracy", "in %", ACCURACY, 100, f"{SMALLER}; {COMPLETE}"))
    for printed, (name, unit, metric, factor, why) in zip(PRINTED[batch_norm], parts, strict=True):
        values = results.values(metric, batch_norm=batch_norm, learning_rate=RATE)
        yield Printed(
            what=f"test {name} {WORDS[batch_norm]} batch normalization, {unit}",
            printed=printed,
            ours=factor * float(np.mean([*values.values()])),
            why=why,
        )
    curves = results.stack(VALIDATION, batch_norm=batch_norm, learning_rate=RATE)
    for printed, (place, epoch) in zip(PRINTED_VALIDATION[batch_norm], ((1, "first"), (-1, "last")), strict=True):
        yield Printed(
            what=f"validation accuracy after the {epoch} epoch {WORDS[batch_norm]} batch normalization, in %",
            printed=printed,
            ours=100 * float(curves[:, place].mean()),
            why=SMALLER,
        )


def picture(results: Results) -> Picture:
    """The document's four plots, over seeds."""
    arms = {True: "with batch normalization", False: "without"}
    epochs = np.arange(1, results.stack("train_loss_moving", learning_rate=RATE).shape[1])

    def bands(curve: str) -> list[Band]:
        return [
            Band(name, epochs, results.stack(curve, batch_norm=arm, learning_rate=RATE)[:, 1:], place, place)
            for place, (arm, name) in enumerate(arms.items())
        ]

    panels = {title: bands(curve) for curve, title in CURVES.items()}
    last = {
        arm: np.median(results.stack("validation_loss_moving", batch_norm=arm, learning_rate=RATE)[:, -1])
        for arm in arms
    }
    return Picture(
        title="Document 000's four curves",
        caption=f"Median and range over seeds, at the document's learning rate of {RATE:g}, after each epoch.",
        alternative=f"The validation loss ends at {last[True]:.3f} nats with batch normalization and at "
        f"{last[False]:.3f} without (medians).",
        height_in=4.6,
        paint=lambda canvas: four_curves(canvas, panels, "epoch"),
    )


def meaning(verdict: Verdict) -> str:
    """Advice."""
    if verdict.kind == "confirmed":
        return "On a small network as this one, batch normalization helps at any learning rate that you would choose."
    if verdict.kind == "undecided":
        return "Run more seeds before you conclude anything from curves such as the document's."
    return (
        "Do not compare with and without batch normalization at one learning rate: tune the rate for each network "
        "first. Batch normalization mostly makes large rates usable."
    )


CLAIM = Claim(
    id="C01",
    documents=("000",),
    statement="With batch normalization the loss is lower and the accuracy higher.",
    experiment="Network 784-32-32-10, ReLU, Adam, batch 32, 10 epochs of 4,000 digits, with and without batch "
    "normalization, paired by seed; learning rates from 1e-4 to 3e-2. The best rate of each network is that of its "
    "lowest mean validation loss.",
    rule=f"Confirmed if the test loss is lower and the test accuracy higher (intervals beyond 0 and means beyond "
    f"{LOSS_MARGIN:g} nats and {100 * ACCURACY_MARGIN:g} points), both at the document's rate and at each network's "
    "best; refuted if at neither; depends if at one of them.",
    cases=cases,
    judge=judge,
    meaning=meaning,
    picture=picture,
)
