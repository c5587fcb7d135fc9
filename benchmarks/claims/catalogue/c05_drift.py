"""C05, documents 000 and 003: batch normalization stops the distribution of layer inputs from drifting."""

from __future__ import annotations

import numpy as np

from benchmarks.cases import Case
from benchmarks.claims.judging import Difference, combined, holds, log_ratio, mean_of, on_what, paired
from benchmarks.claims.model import Claim, Picture, Size, Verdict
from benchmarks.claims.painting import Band, panels_of_bands
from benchmarks.claims.results import Array, Missing, Result, Results
from benchmarks.claims.seeds import seeds
from benchmarks.claims.training import training

EPOCHS = {"quick": 20, "full": 300}
"""Of 66 steps: 19,800 steps in a full run, from each seed."""
TO_THE_END = 758
"""Epochs of one seed that goes on to the 50,000 steps for which Ioffe and Szegedy trained; in a full run."""
LOOKS = 100
ARMS = {"without": (False, False), "with": (True, False), "with, and noise after it": (True, True)}
LAYER = "input_percentiles_activation_2"
HALVED = float(np.log(0.5))
"""A drift that is at most half counts as stopped."""
ACCURACY_MARGIN = 0.01


def cases(size: Size) -> list[Case]:
    """Ioffe and Szegedy's network in three arms, from each seed; in a full run from one seed to the paper's end too."""
    planned = [(EPOCHS[size], seed) for seed in seeds(size, 5)]
    if size == "full":
        planned += [(TO_THE_END, seed) for seed in seeds(size, 1)]
    return [
        training(
            "ioffe-szegedy",
            told=("noise", "epochs"),
            epochs=epochs,
            evaluate_every=max(1, epochs // LOOKS),
            batch_norm=batch_norm,
            noise=noise,
            watch=["input_percentiles"],
            seed=seed,
        )
        for epochs, seed in planned
        for batch_norm, noise in ARMS.values()
    ]


def of_arm(results: Results, arm: str, epochs: int | None = None) -> list[Result]:
    """The results of an arm: those that are judged, or those of so many epochs."""
    batch_norm, noise = ARMS[arm]
    judged = EPOCHS["full" if results.size == "full" else "quick"]
    return results.select(batch_norm=batch_norm, noise=noise, epochs=judged if epochs is None else epochs)


def drawn(results: Results) -> dict[str, Result]:
    """A training of each arm: to the paper's end where every arm has one, or the first that is judged.

    Raises:
        Missing: an arm has no figures.
    """
    for epochs in (TO_THE_END, None):
        found = {arm: of_arm(results, arm, epochs)[:1] for arm in ARMS}
        if all(one and one[0].ok for one in found.values()):
            return {arm: one for arm, (one,) in found.items()}
    raise Missing("no training in every arm has figures")


def drift(percentiles: Array) -> float:
    """How far medians wander over training, in units of the distributions' own width.

    Args:
        percentiles: 15, 50 and 85 % of each unit's input at each evaluation, (evaluations, 3, units).

    Returns:
        Standard deviation of the median over the training, over the mean half-width (85 % less 15 %, halved); the
        median over units.
    """
    medians = percentiles[:, 1]
    half_widths = (percentiles[:, 2] - percentiles[:, 0]) / 2
    return float(np.median(medians.std(axis=0) / half_widths.mean(axis=0)))


def drifts(results: Results, arm: str) -> dict[int, float]:
    """Drift by seed."""
    return {int(one.parameters["seed"]): drift(one.curve(LAYER)) for one in of_arm(results, arm)}


def accuracies(results: Results, arm: str) -> dict[int, float]:
    """Final test accuracy by seed, moving statistics."""
    return {int(o.parameters["seed"]): o.number("final_test_accuracy_moving") for o in of_arm(results, arm)}


def to_the_end(results: Results) -> dict[str, float]:
    """Drift and accuracy of the seed that went on, of each arm that did; nothing is judged by them."""
    names = dict(zip(ARMS, ("without", "with", "with_noise"), strict=True))
    found = {}
    for arm, name in names.items():
        for one in of_arm(results, arm, TO_THE_END):
            if one.ok:
                found[f"one_seed_to_50000_steps_drift_{name}_half_widths"] = drift(one.curve(LAYER))
                accuracy = 100 * one.number("final_test_accuracy_moving")
                found[f"one_seed_to_50000_steps_test_accuracy_{name}_percent"] = accuracy
    return found


def judge(results: Results) -> Verdict:
    """Does it halve the drift; and does it train better for that reason?"""
    found = {arm: drifts(results, arm) for arm in ARMS}
    logs: Difference = mean_of([v - HALVED for v in log_ratio(found["with"], found["without"]).values()], family=3)
    accuracy = {arm: accuracies(results, arm) for arm in ARMS}
    gain = paired(accuracy["with"], accuracy["without"], margin=ACCURACY_MARGIN, family=3, higher_is_better=True)
    noisy = paired(
        accuracy["with, and noise after it"],
        accuracy["without"],
        margin=ACCURACY_MARGIN,
        family=3,
        higher_is_better=True,
    )
    kind = combined(holds(logs, "below"))
    mean = {arm: float(np.mean([*values.values()])) for arm, values in found.items()}
    return Verdict(
        kind=kind,
        on=on_what(kind, "", [(logs, "below")]),
        sentence=f"The median input of a unit of the last hidden layer wanders by {mean['without']:.2f} half-widths "
        f"without, {mean['with']:.2f} with batch normalization, and {mean['with, and noise after it']:.2f} with noise "
        f"after it; test accuracy changes by {gain.told('points', 100)} and, with the noise, by "
        f"{noisy.told('points', 100)}: {_reason(gain, noisy)}.",
        figures={
            "drift_without_half_widths": mean["without"],
            "drift_with_half_widths": mean["with"],
            "drift_with_noise_half_widths": mean["with, and noise after it"],
            "test_accuracy_gain_points": 100 * gain.mean,
            "test_accuracy_gain_with_noise_points": 100 * noisy.mean,
            **to_the_end(results),
        },
    )


def _reason(gain: Difference, noisy: Difference) -> str:
    """What the noise arm says of why it trains better, if it does."""
    gained, stays = (holds(one, "above") for one in (gain, noisy))
    if gained is None:
        return "whether there is a gain is undecided, so there is nothing yet to explain"
    if not gained:
        return "there is no gain here that a steady distribution could explain"
    return {
        True: "the gain stays when noise brings the drift back, so it is not the reason why training improves",
        False: "the gain does not stay when noise brings the drift back",
        None: "whether the gain stays when noise brings the drift back is undecided",
    }[stays]


def picture(results: Results) -> Picture:
    """Figure 1 of Ioffe and Szegedy: percentiles of one unit's input over training."""

    shown = drawn(results)

    def bands(arm: str) -> list[Band]:
        one = shown[arm]
        values, steps = one.curve(LAYER)[:, :, 0], one.curve("evaluated_steps")
        return [
            Band(f"{percent} %", steps, values[None, :, place], place, place)
            for place, percent in enumerate((15, 50, 85))
        ]

    panels = {arm if "noise" in arm else f"{arm} batch normalization": bands(arm) for arm in ARMS}
    told = "; ".join(f"{arm}: {drift(one.curve(LAYER)):.2f} half-widths" for arm, one in shown.items())
    steps = max(int(one.curve("evaluated_steps")[-1]) for one in shown.values())
    return Picture(
        title="Percentiles of the input of one unit over training",
        caption="15, 50 and 85 % of what enters the first sigmoid of the last hidden layer, on 500 validation digits, "
        f"one seed, {steps:,} steps; as figure 1 of Ioffe and Szegedy (2015), and with noise after batch normalization "
        "as Santurkar et al. (2018) add it. What is judged is the training of several seeds "
        f"for {EPOCHS['full']} epochs of 66 steps.",
        alternative=f"How far the medians of this seed wander over {steps:,} steps: {told}.",
        height_in=2.8,
        paint=lambda canvas: panels_of_bands(canvas, panels, "step"),
    )


def meaning(verdict: Verdict) -> str:
    """Advice."""
    if verdict.kind == "confirmed":
        return (
            "It steadies distributions, as drawn; whether this is why it helps is another question, see the noise arm."
        )
    return "A picture of steady percentiles is no proof of why batch normalization helps; do not choose it for that."


CLAIM = Claim(
    id="C05",
    documents=("000", "003"),
    statement="Batch normalization stops the distribution of layer inputs from drifting while the network trains.",
    experiment="Ioffe and Szegedy's network (784-100-100-100-10, sigmoid, batch 60, binary digits), without, with, and "
    "with noise after batch normalization whose mean and scale change at every step; percentiles of every unit's input "
    f"of the last hidden layer on fixed digits during training. Five seeds of {EPOCHS['full']} epochs are judged; one "
    f"goes on to {TO_THE_END}, the paper's 50,000 steps, for the picture and figures of its own.",
    rule="Drift is the standard deviation of a unit's median input over training, in half-widths of its distribution, "
    "median over units. Confirmed if batch normalization at least halves it, interval included; refuted if not.",
    cases=cases,
    judge=judge,
    meaning=meaning,
    picture=picture,
)
