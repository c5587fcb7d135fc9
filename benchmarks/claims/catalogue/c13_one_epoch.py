"""C13, document 002: after one epoch BN is more accurate, and it reaches a level in fewer steps."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import chain

import numpy as np

from benchmarks.cases import Case
from benchmarks.claims.cases import CHEAPEST, DATASET, case
from benchmarks.claims.exact import advice
from benchmarks.claims.judging import Difference, asking, combined, holds, log_ratio, mean_of, needed, paired
from benchmarks.claims.model import Claim, Picture, Printed, Size, Verdict
from benchmarks.claims.painting import Band, panels_of_bands
from benchmarks.claims.results import Results
from benchmarks.claims.seeds import seeds
from benchmarks.networks import recipe

NETWORK = "002-notebook"
FINE, FINE_UNTIL, COARSE = 4, 240, 20
"""Steps between two looks, until a step by which nearly every seed is at both levels; and after it."""
LAST = 468
"""The document's last step, of its one epoch of 60,000 digits."""
LOOKS = (*range(0, FINE_UNTIL, FINE), *range(FINE_UNTIL, LAST, COARSE), LAST)
NEVER = float(LAST + COARSE)
"""What a seed that never arrives counts as."""
GRID = f"looked at every {FINE} steps to the {FINE_UNTIL}th, then every {COARSE}"
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
SEEDS, TIMED_SEEDS = 10, 5
EAGER = "tf-keras"
"""Whose worker has the document's Keras: its program is timed in its own style, eagerly."""
WORDS = {True: "with", False: "without"}
TIMED = ("step", "logged_step")
HIDDEN = [512] * 4


def cases(size: Size) -> list[Case]:
    """The notebook's four layers of 512, with and without; and both in its own framework style, alone, for time."""
    chosen = recipe(NETWORK)
    timed = [
        case(
            "eager_steps",
            EAGER,
            ("seed",),
            dataset=chosen.dataset_of(DATASET),
            hidden=HIDDEN,
            batch_size=chosen.batch_size,
            learning_rate=chosen.learning_rate,
            style="eager",
            seed=seed,
            alone=True,
        )
        for seed in seeds(size, TIMED_SEEDS, 1)
    ]
    trained = [
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
    return [*trained, *timed]


def steps_to(results: Results, batch_norm: bool, level: float) -> dict[int, float]:
    """Seed -> first evaluated step whose test accuracy is at a level; :data:`NEVER` where it never is."""
    found = {}
    for result in results.select(batch_norm=batch_norm):
        reached = np.flatnonzero(result.curve(ACCURACY) >= level)
        steps = result.curve("step")
        found[int(result.parameters["seed"])] = float(steps[reached[0]]) if len(reached) else NEVER
    return found


def time_ratio(results: Results, kind: str) -> Difference | None:
    """Log ratio of the time of a step, with over without, over the processes that timed it.

    Args:
        results: of the claim.
        kind: ``step``, or ``logged_step`` with what the notebook prints after it.

    Returns:
        None where a process has no figures: time is told, and no verdict waits for it.
    """
    timed = results.select(experiment="eager_steps")
    if not timed or not all(one.ok for one in timed):
        return None
    return mean_of(math.log(one.number(f"{kind}_time_ratio")) for one in timed)


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
        f"to {level:.0%} it takes {_mean(steps[level, True])} with and {_mean(steps[level, False])} without"
        for level in LEVELS
    )
    on = {"depends": "which half: the last accuracy, or the steps to a level"}
    return Verdict(
        kind=kind,
        on=needed([(gain, "above"), *asking("below", ratios)]) if kind == "undecided" else on.get(kind, ""),
        sentence=f"After as many steps as the document's epoch, batch normalization gains {gain.told('points', 100)} "
        f"of test accuracy; {told} ({GRID}).{_time(results, ratios[-1])}",
        figures={
            "test_accuracy_gain_points": 100 * gain.mean,
            **{f"steps_to_{100 * level:.0f}_percent_ratio": math.exp(ratio.mean)
               for level, ratio in zip(LEVELS, ratios, strict=True)},
            **{f"seeds_never_at_{100 * level:.0f}_percent_{WORDS[arm]}": _never(found)
               for (level, arm), found in steps.items()},
            **{f"{kind}_time_ratio": math.exp(ratio.mean)
               for kind in TIMED if (ratio := time_ratio(results, kind)) is not None},
            "seeds": gain.pairs,
        },
        printed=(*chain.from_iterable(_printed(results, arm) for arm in WORDS), _printed_ratio(results)),
    )  # fmt: skip


def _never(steps: Mapping[int, float]) -> int:
    return sum(found > LAST for found in steps.values())


def _mean(steps: Mapping[int, float]) -> str:
    """Mean steps to a level; and how many seeds never arrive, which is no reason to leave them out of the mean."""
    never = _never(steps)
    counted = f" ({never} of {len(steps)} seeds never, counted as {NEVER:.0f})" if never else ""
    return f"{np.mean([*steps.values()]):.0f} steps{counted}"


def _time(results: Results, steps: Difference) -> str:
    """The time of a step, and of as many as it takes to the last level."""
    ratio = time_ratio(results, "step")
    if ratio is None:
        return ""
    return (
        f" A step takes {math.exp(ratio.mean):.2f} times as long with it, eagerly and alone on the machine; so the "
        f"time to {LEVELS[-1]:.0%} is {math.exp(steps.mean + ratio.mean):.2f} times that without."
    )


def _printed(results: Results, batch_norm: bool) -> Iterator[Printed]:
    """The notebook's three figures of a network, beside the means over our seeds."""
    accuracy, step, seconds = PRINTED[batch_norm]
    reached = steps_to(results, batch_norm, DOCUMENTS_LEVEL)
    timed = [one for one in results.select(experiment="eager_steps") if one.ok]
    yield Printed(
        what=f"last test accuracy {WORDS[batch_norm]} batch normalization, in %",
        printed=accuracy,
        ours=100 * float(np.mean([*results.late(ACCURACY, LATE_LOOKS, batch_norm=batch_norm).values()])),
        why="468 steps over the same 4,000 digits instead of 60,000 that are never seen twice",
    )
    yield Printed(
        what=f"step at which {DOCUMENTS_LEVEL:.0%} is reached {WORDS[batch_norm]} batch normalization",
        printed=step,
        ours=None if _never(reached) else float(np.mean([*reached.values()])),
        why=f"4,000 digits again and again, {GRID}; {_never(reached)} of {len(reached)} seeds never arrive, and then "
        "there is no mean",
    )
    yield Printed(
        what=f"seconds a step {WORDS[batch_norm]} batch normalization, with what the notebook logs",
        printed=seconds,
        ours=float(np.median([one.number(f"{WORDS[batch_norm]}_logged_step_s") for one in timed])) if timed else None,
        why="another machine and TensorFlow, and 500 test digits after each step instead of 10,000: compare the ratio",
    )


def _printed_ratio(results: Results) -> Printed:
    ratio = time_ratio(results, "logged_step")
    return Printed(
        what="time of a step with what the notebook logs, with batch normalization over without",
        printed=PRINTED[True][2] / PRINTED[False][2],
        ours=None if ratio is None else math.exp(ratio.mean),
        why="the ratio of the printed seconds; on another machine calls and arithmetic weigh differently in it",
    )


def picture(results: Results) -> Picture:
    """Test accuracy over steps."""
    steps = results.stack("step", batch_norm=True)[0]
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
    f"steps of 4,000 digits (as many as its one epoch), paired by seed; test accuracy in inference mode, {GRID}. Both "
    f"networks once more in the notebook's own style, eagerly through Keras 2: time of a step, alone on the machine, "
    f"in turn, from {TIMED_SEEDS} seeds.",
    rule=f"Confirmed if the test accuracy (mean of the last {LATE_LOOKS} looks) is higher by more than "
    f"{100 * ACCURACY_MARGIN:g} points and the steps to {LEVELS[0]:.0%} and to {LEVELS[1]:.0%} are fewer by "
    "more than a factor of 1.2, intervals beyond 0; refuted if none of the three holds; depends if some do. A seed "
    f"that never reaches a level counts as arriving {COARSE} steps after the end. Time is told, not judged.",
    cases=cases,
    judge=judge,
    picture=picture,
    meaning=advice(
        confirmed="For short trainings it pays, if a step is not so much slower that time to the level is lost: the "
        "price of a step stands beside the verdict.",
        refuted="Do not expect a gain within one epoch at this size.",
        depends="Say what you want, the level early or the accuracy at the end: batch normalization does not give both "
        "alike.",
    ),
)
