"""C30, document 004: with batch normalization its network converges much faster and ends a little better."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.cases import Case
from benchmarks.claims.document_004 import (
    BY_HAND,
    EVERY_EPOCHS,
    LATE_LOOKS,
    LAYERS,
    ONE_CALL,
    epochs_of,
    late_epochs,
    trained,
)
from benchmarks.claims.exact import advice
from benchmarks.claims.judging import Difference, asking, combined, holds, log_ratio, mean_of, on_what, paired
from benchmarks.claims.model import Claim, Picture, Size, Verdict
from benchmarks.claims.painting import Band, panels_of_bands
from benchmarks.claims.results import Array, Result, Results
from benchmarks.claims.seeds import seeds


@dataclass(frozen=True)
class Start:
    """What the weights start from.

    Attributes:
        options: of the network.
        form: whose batch normalization the network has; both forms train alike, and differ in their averages.
    """

    options: Mapping[str, Any]
    form: str


DOCUMENTS, HES = "N(0, 0.001)", "He's"
STARTS = {DOCUMENTS: Start({}, BY_HAND), HES: Start({"kernels": "he"}, ONE_CALL)}
"""From He's weights the update is made in the training's own call: see :data:`SECOND_CALL`."""
SECOND_CALL = Start({"kernels": "he"}, BY_HAND)
"""Told, not judged. The averages of the variance start at 0, so the document's second call, which runs in inference,
multiplies by 1 / sqrt(epsilon) = 316 in each of six layers: with weights of 0.001 that does no harm, with He's the last
averages start at 10^30."""
SEEDS = 5
WORDS = {True: "with", False: "without"}
LEVEL = 0.90
"""Test accuracy to be reached."""
MUCH = math.log(2)
"""Ratio of epochs to the level, as a logarithm, that is not yet much faster."""
ACCURACY_MARGIN = 0.005
"""Share of the test digits that does not matter."""
FAMILY = 2 * len(STARTS)


def cases(size: Size) -> list[Case]:
    """Both starts, with and without, from the same weights, on the same batches and dropout masks."""
    judged = [
        trained(size, start.form if batch_norm else LAYERS, seed, batch_norm, **start.options)
        for seed in seeds(size, SEEDS, 1)
        for start in STARTS.values()
        for batch_norm in WORDS
    ]
    (seed,) = seeds(size, 1, 1)
    return [*judged, trained(size, SECOND_CALL.form, seed, **SECOND_CALL.options)]


def of(start: Start, batch_norm: bool) -> dict[str, Any]:
    """The parameters by which a start's results are selected; without batch normalization ``tf.layers`` has none."""
    return {
        "options": dict(start.options),
        "batch_norm": batch_norm,
        "implementation": start.form if batch_norm else LAYERS,
    }


def arrival(result: Result, mode: str = "moving") -> float:
    """The epoch of the first evaluation at the level; one evaluation after the last, if none is.

    Args:
        result: a training.
        mode: of inference: by the ``moving`` statistics, or by those of the rows themselves (``batch``).
    """
    epochs = epochs_of(result)
    reached = np.flatnonzero(result.curve(f"test_accuracy_{mode}") >= LEVEL)
    return float(epochs[reached[0]]) if len(reached) else float(epochs[-1] + EVERY_EPOCHS)


def arrivals(results: Results, start: str, batch_norm: bool) -> dict[int, float]:
    """Seed -> epochs to the level."""
    found = results.select(**of(STARTS[start], batch_norm))
    return {int(one.parameters["seed"]): arrival(one) for one in found}


def accuracies(results: Results, start: str, batch_norm: bool) -> dict[int, float]:
    """Seed -> test accuracy over the last epochs."""
    return results.late("test_accuracy_moving", LATE_LOOKS, **of(STARTS[start], batch_norm))


def ratio(results: Results, start: str) -> Difference:
    """Log ratio of the epochs to the level, with over without."""
    logs = log_ratio(arrivals(results, start, True), arrivals(results, start, False))
    return mean_of(logs.values(), margin=MUCH, family=FAMILY)


def gain(results: Results, start: str) -> Difference:
    """Test accuracy with less that without."""
    arms = (accuracies(results, start, arm) for arm in (True, False))
    return paired(*arms, margin=ACCURACY_MARGIN, family=FAMILY, higher_is_better=True)


def judge(results: Results) -> Verdict:
    """Both halves, from both starts."""
    ratios, gains = ({start: found(results, start) for start in STARTS} for found in (ratio, gain))
    sooner = {start: holds(one, "below") for start, one in ratios.items()}
    better = {start: holds(one, "above") for start, one in gains.items()}
    kind = combined(*sooner.values(), *better.values())
    faster, best = (
        " and ".join(start for start, held in found.items() if held)
        or ("neither" if None not in found.values() else "none that is decided")
        for found in (sooner, better)
    )
    told = "; ".join(_told(results, start, gains[start]) for start in STARTS)
    return Verdict(
        kind=kind,
        on=on_what(
            kind,
            f"the initial weights and which half is meant: much faster from {faster}, better from {best}",
            [*asking("below", ratios.values()), *asking("above", gains.values())],
        ),
        sentence=f"First epoch with {LEVEL:.0%} of the test digits right, and share over the last "
        f"{late_epochs(results.results[0])}: {told}. {_second_call(results)}",
        figures={
            name: value
            for start, key in ((DOCUMENTS, "documents_start"), (HES, "he_start"))
            for name, value in (
                (f"epochs_to_level_ratio_{key}", math.exp(ratios[start].mean)),
                (f"test_accuracy_gain_{key}_points", 100 * gains[start].mean),
            )
        }
        | {"seeds": ratios[DOCUMENTS].pairs, "epochs_to_level_he_start_second_call": arrival(_second(results))},
    )


def _told(results: Results, start: str, gained: Difference) -> str:
    epochs = {arm: _epoch(np.median([*arrivals(results, start, arm).values()]), results) for arm in WORDS}
    ends = {arm: 100 * float(np.mean([*accuracies(results, start, arm).values()])) for arm in WORDS}
    return (
        f"from {start} weights {epochs[True]} with and {epochs[False]} without batch normalization (medians), "
        f"{ends[True]:.1f} % and {ends[False]:.1f} %, {gained.told('points', 100)}"
    )


def _epoch(arrived: Any, results: Results) -> str:
    return "never" if arrived > results.results[0].parameters["epochs"] else f"{arrived:.0f}"


def _second(results: Results) -> Result:
    return results.one(**of(SECOND_CALL, True))


def _second_call(results: Results) -> str:
    moving, batch = (_epoch(arrival(_second(results), mode), results) for mode in ("moving", "batch"))
    return (
        f"With the update in a second call, as the document makes it, inference from He's weights is there at "
        f"{moving}; the same weights normalized by the rows' own statistics at {batch} (one seed)."
    )


def picture(results: Results) -> Picture:
    """The document's picture: training and validation with and without, for both starts."""
    epochs = epochs_of(results.results[0])

    def bands(start: str) -> list[Band]:
        return [
            Band(f"{split}, {word}", epochs, _curves(results, split, start, arm), place, dash)
            for place, (arm, word) in enumerate(WORDS.items())
            for dash, split in enumerate(("training", "validation"))
        ]

    gains = "; ".join(f"{gain(results, start).told('points', 100)} from {start} weights" for start in STARTS)
    return Picture(
        title="Document 004's network with and without batch normalization",
        caption="Accuracy in inference mode on training and validation digits; median and range over seeds.",
        alternative=f"Gain of test accuracy over the last epochs: {gains}.",
        height_in=3.0,
        paint=lambda canvas: panels_of_bands(
            canvas, {f"{start} initial weights": bands(start) for start in STARTS}, "epoch", "accuracy"
        ),
    )


def _curves(results: Results, split: str, start: str, batch_norm: bool) -> Array:
    name = {"training": "train", "validation": "validation"}[split]
    return results.stack(f"{name}_accuracy_moving", **of(STARTS[start], batch_norm))


CLAIM = Claim(
    id="C30",
    documents=("004",),
    statement="The network with batch normalization converges very fast, and even ends better by a small percentage.",
    experiment="Network 004 as the document trains it, 250 epochs of 1,444 digits (0 to 4 against 5 to 9), with and "
    "without batch normalization, paired by seed, from its own initial weights N(0, 0.001) and from He's; test "
    f"accuracy in inference mode after every {EVERY_EPOCHS} epochs.",
    rule=f"Much faster: a test accuracy of {LEVEL:.0%} is reached in fewer than half as many epochs; one that never "
    f"reaches it counts as arriving {EVERY_EPOCHS} epochs after the end. Better: the mean accuracy of the last "
    f"{LATE_LOOKS} evaluations is higher by more than {100 * ACCURACY_MARGIN:g} points. Each with its interval beyond "
    "0. Confirmed if both hold from both starts; refuted if neither does from any; otherwise it depends.",
    cases=cases,
    judge=judge,
    picture=picture,
    meaning=advice(
        confirmed="Use it in a network of this kind: it is done sooner, and loses nothing in the end.",
        refuted="In a network of this kind do not expect it to save epochs or to gain accuracy.",
        depends="Ask what the network without it starts from before you credit batch normalization: weights of 0.001 "
        "make signals vanish, which batch normalization undoes, and so do initial weights of the right size.",
    ),
)
