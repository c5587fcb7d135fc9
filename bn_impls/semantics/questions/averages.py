"""The moving average: its decay and what the API's parameter weighs, start values, warm-up, rounding of the decay."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bn_impls.interface import Configuration, Conventions
from bn_impls.semantics.asking import Answer, NotOffered, Probed, Question, Subject, listed, shown
from bn_impls.semantics.questions.epsilon import alternating

SHAPE = (4, 2, 2, 3)
LATE = 10**6  # updates before this one: any warm-up is over
BATCH_MEANS = (1.0, 3.0, -2.0, 5.0, 0.5)
DECAY = 0.9


def old_weight(probed: Probed, updates: int = LATE) -> float:
    """The weight of the old moving mean in one update: it was 1, and the batch's mean is 0."""
    probed.set(moving_mean=1.0, moving_variance=1.0, num_updates=updates)
    probed.train(alternating(probed.settings.input_shape, 1.0))
    return float(probed.moving()[0][0])


def _default_decay(subject: Subject) -> Answer:
    weight = old_weight(subject.usual(SHAPE, variant="defaults"))
    evidence = f"a moving mean of 1 became {shown(weight, 8)} after a batch of mean 0"
    return Answer(shown(weight, 4), None, evidence)


def _weighs(subject: Subject) -> Answer:
    weight = old_weight(subject.usual(SHAPE, variant="verbatim", decay=0.75))
    names = {0.75: "the old value", 0.25: "the new value"}
    observed = next((name for value, name in names.items() if abs(weight - value) < 1e-4), "neither")
    return Answer(observed, None, f"given 0.75, the old moving mean kept the weight {shown(weight)}")


def _start(subject: Subject) -> Answer:
    own = next((name for name in ("defaults", "verbatim") if name in subject.implementation.variants), None)
    try:
        probed = subject.usual(SHAPE, variant=own)
    except NotOffered:
        probed = subject.usual(SHAPE, variant="verbatim" if own == "defaults" else None)
    mean, variance = (float(value[0]) for value in probed.moving())
    given = probed.settings.conventions
    y = probed.channel(probed.infer(np.full(probed.settings.input_shape, 2.0)))[0]
    declared = _starts(given.initial_mean, given.initial_variance)
    return Answer(
        _starts(mean, variance), declared, f"exported by a fresh layer; its inference turned 2 into {shown(y)}"
    )


def _starts(mean: float, variance: float) -> str:
    return f"mean {shown(mean, 4)}, variance {shown(variance, 4)}"


# ---- warm-up --------------------------------------------------------------------------------------------------------

Weights = Callable[[int], float]
CONSTANT = "none: the decay is constant"
COUNT = "decay min(d, (1 + n) / (10 + n))"
DEBIAS = "debiased: divided by 1 - d^n"
REPLACE = "the first batch replaces the start"


def sequences(first: float) -> dict[str, list[float]]:
    """The moving mean that inference reads after each batch, by every warm-up known.

    Args:
        first: the start value.
    """
    found = {
        CONSTANT: averaged(first, lambda n: DECAY),
        COUNT: averaged(first, lambda n: min(DECAY, (1 + n) / (10 + n))),
        REPLACE: averaged(first, lambda n: DECAY if n else 0.0),
    }
    found[DEBIAS] = [value / (1 - DECAY ** (n + 1)) for n, value in enumerate(averaged(0.0, lambda n: DECAY))]
    swapped = {f"{CONSTANT}, and weighs the new value": averaged(first, lambda n: 1 - DECAY)}
    return found | swapped


def averaged(value: float, weight: Weights) -> list[float]:
    """A moving average of :data:`BATCH_MEANS` with the weight of the old value in update n."""
    found = []
    for n, mean in enumerate(BATCH_MEANS):
        value = weight(n) * value + (1 - weight(n)) * mean
        found.append(value)
    return found


def _warm_up(subject: Subject) -> Answer:
    probed = subject.usual(SHAPE, decay=DECAY)
    first, seen = float(probed.moving()[0][0]), []
    deviations = alternating(SHAPE, 1.0)
    for mean in BATCH_MEANS:
        probed.train(mean + deviations)
        seen.append(probed.read()[0])
    formulas = sequences(first)
    observed = next((name for name, values in formulas.items() if np.allclose(seen, values, 1e-3, 1e-3)), "another")
    conventions = probed.settings.conventions
    declared = DEBIAS if conventions.debias else COUNT if conventions.warm_up else CONSTANT
    evidence = (
        f"decay {DECAY}, batch means {listed(BATCH_MEANS)}: inference read {listed(seen, 5)}; "
        f"a constant decay gives {listed(formulas[CONSTANT], 5)}"
    )
    return Answer(observed, declared, evidence)


# ---- rounding -------------------------------------------------------------------------------------------------------


def _rounding(subject: Subject) -> Answer:
    probed = subject.layer(SHAPE, dtype="float64", decay=DECAY)
    weight = 1 - (1 - old_weight(probed))  # what was kept
    kept = {
        "none": DECAY,
        "decay and 1 - decay in float32": 1.0 - float(np.float32(1) - np.float32(DECAY)),
        "1 - decay in float32": 1.0 - float(np.float32(1.0 - DECAY)),
        "decay in float32": float(np.float32(DECAY)),
    }
    observed = next((name for name, value in kept.items() if abs(weight - value) < 4e-16), "another")
    evidence = f"in float64 a decay of {DECAY} kept {weight:.17g} of a moving mean of 1"
    return Answer(observed, _declared_rounding(probed.settings), evidence)


def _declared_rounding(settings: Configuration) -> str:
    conventions: Conventions = settings.conventions
    if conventions.decay_in_float32:
        return "decay and 1 - decay in float32"
    return "1 - decay in float32" if conventions.complement_in_float32 else "none"


QUESTIONS = (
    Question(
        "default_decay",
        "Default decay",
        "The weight of the old moving value where the user gives none, solved from one update.",
        _default_decay,
        {"0": "a user who gives no decay has no average: each update replaces the statistics"},
        gravity=1,
    ),
    Question(
        "parameter_weighs",
        "What the parameter weighs",
        "Whether the API's own parameter, often called momentum, is the weight of the old or of the new value.",
        _weighs,
        {"the new value": "the parameter is the weight of the new value, the opposite of other APIs"},
        gravity=1,
    ),
    Question(
        "start_values",
        "Start values",
        "Moving mean and variance before the first update.",
        _start,
        {"mean 0, variance 0":
         "the moving variance starts at 0, so after few updates inference multiplies by too much"},
        gravity=1,
    ),
    Question(
        "warm_up",
        "Warm-up or debiasing",
        "How the first updates differ from the later ones, fitted to what inference reads after each.",
        _warm_up,
        {COUNT: "the decay warms up with the number of updates, which a checkpoint must keep"},
    ),
    Question(
        "decay_rounding",
        "Rounding of the decay",
        "Whether float64 statistics are averaged with a decay that was rounded to float32.",
        _rounding,
        {"decay": "the decay is rounded to float32 even where statistics are float64",
         "1 - decay": "1 - decay is rounded to float32 even where statistics are float64"},
    ),
)  # fmt: skip
