"""C13, document 002: after one epoch BN is more accurate, and it reaches a level in fewer steps."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import chain

import numpy as np

from benchmarks.cases import Case
from benchmarks.claims.cases import CHEAPEST, DATASET, case
from benchmarks.claims.exact import advice
from benchmarks.claims.judging import combined, holds, log_ratio, mean_of, needed, paired
from benchmarks.claims.model import Claim, Picture, Printed, Size, Verdict
from benchmarks.claims.painting import Band, panels_of_bands
from benchmarks.claims.results import Results
from benchmarks.claims.seeds import seeds
from benchmarks.networks import recipe

NETWORK = "002-notebook"
LOOKS = (*range(0, 124, 4), *range(128, 468, 20), 468)
"""Steps after which the test digits are looked at; the last is the document's, its one epoch of 60,000 digits."""
LATE_LOOKS = 5
"""Whose mean is the last accuracy: from one look to the next it moves by points."""
LEVELS = (0.90, 0.93)
"""Test accuracies to be reached; the document's 95 % needs more than 4,000 digits without batch normalization."""
ACCURACY_MARGIN = 0.003
"""Share of the test digits that does not matter."""
STEPS_MARGIN = math.log(1.2)
"""Ratio of steps to a level that does not matter."""
ACCURACY = "test_accuracy_moving"
DOCUMENTS_LEVEL = 0.95
PRINTED = {False: (96.88, 152, 0.223), True: (97.51, 90, 0.281)}
"""With batch normalization or without -> the notebook's last test accuracy in %, its step at 95 %, seconds a step."""
SEEDS = 10
WORDS = {True: "with", False: "without"}


def cases(size: Size) -> list[Case]:
    """The notebook's four layers of 512, with and without."""
    chosen = recipe(NETWORK)
    return [
        case(
            "moving_average_lag",
            CHEAPEST,
            ("network", "batch_norm", "seed"),
            **chosen.parameters(),
            dataset=chosen.dataset_of(DATASET),
            batch_norm=batch_norm,
            conventions={},
            looks=LOOKS,
            splits=["test"],
            dtype="float32",
            style="eager",
            device="cpu",
            seed=seed,
        )
        for seed in seeds(size, SEEDS, 1)
        for batch_norm in WORDS
    ]


def steps_to(results: Results, batch_norm: bool, level: float) -> dict[int, float]:
    """Seed -> first evaluated step whose test accuracy is at a level; NaN where it is never."""
    found = {}
    for result in results.select(batch_norm=batch_norm):
        reached = np.flatnonzero(result.curve(ACCURACY) >= level)
        steps = result.curve("step")
        found[int(result.parameters["seed"])] = float(steps[reached[0]]) if len(reached) else math.nan
    return found


def judge(results: Results) -> Verdict:
    """Both halves: the last accuracy, and the steps to the lower and the higher level."""
    arms = {arm: results.late(ACCURACY, LATE_LOOKS, batch_norm=arm) for arm in WORDS}
    gain = paired(arms[True], arms[False], margin=ACCURACY_MARGIN, family=3, higher_is_better=True)
    steps = {(level, arm): steps_to(results, arm, level) for level in LEVELS for arm in WORDS}
    ratios = [
        mean_of(log_ratio(steps[level, True], steps[level, False]).values(), margin=STEPS_MARGIN, family=3)
        for level in LEVELS
    ]
    kind = combined(holds(gain, "above"), *(holds(ratio, "below") for ratio in ratios))
    told = "; ".join(
        f"to {100 * level:.0f} % it takes {np.nanmean([*steps[level, True].values()]):.0f} steps with and "
        f"{np.nanmean([*steps[level, False].values()]):.0f} without"
        for level in LEVELS
    )
    on = {"depends": "which half: the last accuracy, or the steps to a level"}
    return Verdict(
        kind=kind,
        on=needed((gain, *ratios)) if kind == "undecided" else on.get(kind, ""),
        sentence=f"After as many steps as the document's epoch, batch normalization gains {gain.told('points', 100)} "
        f"of test accuracy; {told} (looked at every 4 steps).",
        figures={
            "test_accuracy_gain_points": 100 * gain.mean,
            **{f"steps_to_{100 * level:.0f}_percent_ratio": math.exp(ratio.mean)
               for level, ratio in zip(LEVELS, ratios, strict=True)},
            "seeds": gain.pairs,
        },
        printed=tuple(chain.from_iterable(_printed(results, arm) for arm in WORDS)),
    )  # fmt: skip


def _printed(results: Results, batch_norm: bool) -> Iterator[Printed]:
    """The notebook's three figures of a network, beside the means over our seeds."""
    accuracy, step, seconds = PRINTED[batch_norm]
    reached = float(np.mean([*steps_to(results, batch_norm, DOCUMENTS_LEVEL).values()]))
    yield Printed(
        what=f"last test accuracy {WORDS[batch_norm]} batch normalization, in %",
        printed=accuracy,
        ours=100 * float(np.mean([*results.late(ACCURACY, LATE_LOOKS, batch_norm=batch_norm).values()])),
        why="468 steps over the same 4,000 digits instead of 60,000 that are never seen twice",
    )
    yield Printed(
        what=f"step at which {DOCUMENTS_LEVEL:.0%} is reached {WORDS[batch_norm]} batch normalization",
        printed=step,
        ours=None if math.isnan(reached) else reached,
        why="4,000 digits again and again, looked at every 4 or 20 steps; a seed that never arrives leaves no mean",
    )
    yield Printed(
        what=f"seconds a step {WORDS[batch_norm]} batch normalization",
        printed=seconds,
        ours=None,
        why="claims run side by side, so nothing here is timed; the throughput axis of a run is",
    )


def picture(results: Results) -> Picture:
    """Test accuracy over steps."""
    steps = results.stack("step")[0]
    bands = [
        Band(f"{words} batch normalization", steps, results.stack(ACCURACY, batch_norm=arm), place, place)
        for place, (arm, words) in enumerate(WORDS.items())
    ]
    last = {arm: float(np.median(bands[place].values[:, -1])) for place, arm in enumerate(WORDS)}
    return Picture(
        title="Document 002's notebook, step by step",
        caption="Test accuracy of four layers of 512; median and range over seeds.",
        alternative=f"It ends at {100 * last[True]:.1f} % with and {100 * last[False]:.1f} % without (medians).",
        height_in=2.8,
        paint=lambda canvas: panels_of_bands(canvas, {"test accuracy": bands}, "step"),
    )


CLAIM = Claim(
    id="C13",
    documents=("002",),
    statement="After one epoch the network with batch normalization is more accurate, and it reaches a level of "
    "accuracy in fewer steps.",
    experiment=f"The notebook's 784-512-512-512-512-10 with and without, Adam 0.001, batch 128, {LOOKS[-1]} "
    "steps of 4,000 digits (as many as its one epoch), paired by seed; test accuracy in inference mode after every "
    "fourth step, from the 128th after every 20th.",
    rule=f"Confirmed if the test accuracy (mean of the last {LATE_LOOKS} looks) is higher by more than "
    f"{100 * ACCURACY_MARGIN:g} points and the steps to {LEVELS[0]:.0%} and to {LEVELS[1]:.0%} are fewer by "
    "more than a factor of 1.2, intervals beyond 0; refuted if none of the three holds; depends if some do.",
    cases=cases,
    judge=judge,
    picture=picture,
    meaning=advice(
        confirmed="For short trainings it pays, if a step is not so much slower that time to the level is lost: see "
        "the throughput axis for the price of a step.",
        refuted="Do not expect a gain within one epoch at this size.",
        depends="Say what you want, the level early or the accuracy at the end: batch normalization does not give both "
        "alike.",
    ),
)
