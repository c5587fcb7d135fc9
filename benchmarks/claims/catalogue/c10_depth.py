"""C10, document 001: batch normalization helps little in a shallow network and much in a deep one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.cases import Case
from benchmarks.claims.judging import Difference, combined, holds, mean_of, on_what, paired
from benchmarks.claims.model import Claim, Picture, Size, Verdict
from benchmarks.claims.painting import Band, panels_of_bands
from benchmarks.claims.results import Results
from benchmarks.claims.seeds import seeds
from benchmarks.claims.training import training

DEPTHS: Mapping[str, dict[str, Any]] = {
    "2 hidden layers": {"hidden": [100] * 2},
    "10 hidden layers": {"hidden": [100] * 10},
}
SHALLOW, DEEP = DEPTHS
RATES = (0.01, 0.1)
BATCH, EPOCHS = 50, {"quick": 5, "full": 25}
LITTLE = 0.01
"""Share of the test digits up to which a gain is little."""
LOSS, ACCURACY = "final_validation_loss_moving", "final_test_accuracy_moving"


def cases(size: Size) -> list[Case]:
    """Both depths at two rates, with and without."""
    return [
        training(
            "001",
            options=options,
            batch_norm=batch_norm,
            batch_size=BATCH,
            epochs=EPOCHS[size],
            learning_rate=rate,
            seed=seed,
        )
        for seed in seeds(size, 5)
        for options in DEPTHS.values()
        for rate in RATES
        for batch_norm in (True, False)
    ]


def best_rate(results: Results, depth: str, batch_norm: bool) -> float:
    """The rate with the lower mean validation loss."""

    def loss(rate: float) -> float:
        found = results.values(LOSS, options=DEPTHS[depth], learning_rate=rate, batch_norm=batch_norm)
        return float(np.nan_to_num(np.mean([*found.values()]), nan=np.inf))

    return min(RATES, key=loss)


def accuracies(results: Results, depth: str, batch_norm: bool) -> dict[int, float]:
    """Test accuracy by seed at the best rate."""
    rate = best_rate(results, depth, batch_norm)
    return results.values(ACCURACY, options=DEPTHS[depth], learning_rate=rate, batch_norm=batch_norm)


def gains(results: Results) -> dict[str, Difference]:
    """Depth -> gain of test accuracy, best rate against best rate; and of the deep over the shallow one."""
    arms = {(depth, arm): accuracies(results, depth, arm) for depth in DEPTHS for arm in (True, False)}
    found = {
        depth: paired(arms[depth, True], arms[depth, False], margin=LITTLE, family=3, higher_is_better=True)
        for depth in DEPTHS
    }
    common = set(arms[DEEP, True]) & set(arms[SHALLOW, True])
    more = [
        arms[DEEP, True][s] - arms[DEEP, False][s] - arms[SHALLOW, True][s] + arms[SHALLOW, False][s] for s in common
    ]
    return {**found, "more": mean_of(more, margin=LITTLE, family=3, higher_is_better=True)}


def judge(results: Results) -> Verdict:
    """Little when shallow, and more than that when deep."""
    found = gains(results)
    kind = combined(holds(found[SHALLOW], "same"), holds(found["more"], "above"))
    mean = {
        (depth, arm): 100 * float(np.mean([*accuracies(results, depth, arm).values()]))
        for depth in DEPTHS
        for arm in (True, False)
    }
    told = "; ".join(
        f"with {depth} {mean[depth, False]:.1f} % without and {mean[depth, True]:.1f} % with, "
        f"{found[depth].told('points', 100, 1)}"
        for depth in DEPTHS
    )
    shallow_changes = found[SHALLOW].sign != "same"
    wrong_half = "the shallow network changes too" if shallow_changes else "the deep network gains no more"
    return Verdict(
        kind=kind,
        on=on_what(kind, f"which half is meant: {wrong_half}", [(found[SHALLOW], "same"), (found["more"], "above")]),
        sentence=f"Test accuracy, each network at its best rate: {told}; the deep network gains "
        f"{found['more'].told('points', 100, 1)} more.",
        figures={
            "gain_shallow_points": 100 * found[SHALLOW].mean,
            "gain_deep_points": 100 * found[DEEP].mean,
            "gain_deep_less_shallow_points": 100 * found["more"].mean,
        },
    )


def picture(results: Results) -> Picture:
    """Validation loss over epochs at the best rates."""

    def bands(depth: str) -> list[Band]:
        found = []
        for place, arm in enumerate((True, False)):
            rate = best_rate(results, depth, arm)
            chosen = {"options": DEPTHS[depth], "learning_rate": rate, "batch_norm": arm}
            values = results.stack("validation_loss_moving", **chosen)[:, 1:]
            name = "with batch normalization" if arm else "without"
            found.append(Band(name, np.arange(values.shape[1]) + 1, values, place, place))
        return found

    gain = gains(results)
    return Picture(
        title="Shallow and deep, with and without",
        caption="Validation loss in nats after each epoch, each network at its best rate; median and range over seeds.",
        alternative=f"Gain of test accuracy: {gain[SHALLOW].told('points', 100, 1)} with {SHALLOW}, "
        f"{gain[DEEP].told('points', 100, 1)} with {DEEP}.",
        height_in=2.8,
        paint=lambda canvas: panels_of_bands(canvas, {depth: bands(depth) for depth in DEPTHS}, "epoch"),
    )


def meaning(verdict: Verdict) -> str:
    """Advice."""
    if verdict.kind == "confirmed":
        return "For two hidden layers it is optional; from about ten on plain networks need it."
    return "Depth alone does not say whether it helps: tune the rate of both networks, then compare."


CLAIM = Claim(
    id="C10",
    documents=("001",),
    statement="In a shallow network batch normalization has little effect, in a deep one much.",
    experiment="Dense networks of 2 and 10 hidden layers of 100 units, ELU, gradient descent, batch 50, 2,000 steps, "
    "with and without, paired by seed; each at the better of the rates 0.01 and 0.1, chosen by validation loss. "
    "The document says it of ELU too, and of large data sets: both sides here have ELU, and 4,000 digits, so neither "
    "is tested.",
    rule=f"Confirmed if the gain of test accuracy is within {100 * LITTLE:g} point with 2 layers, and larger by more "
    f"than that with 10, intervals included; refuted if neither; depends if one.",
    cases=cases,
    judge=judge,
    meaning=meaning,
    picture=picture,
)
