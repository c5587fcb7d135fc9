r"""Epsilon: its default, where it is added, and whether a small one is used as given.

Inputs are +s and -s in equal numbers, so that the mean is 0 and the variance v = s^2 exactly. From the output y of +s
one solves::

    y = s / sqrt(v + epsilon)    =>    epsilon = s^2 (1 / y^2 - 1)

with s = 2^-27, whose square is 10^4 times smaller than the smallest epsilon asked for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bn_impls.semantics.asking import Answer, NotOffered, Probed, Question, Subject, joined, shown

SMALL = 2.0**-27
CONFIGURED = (1e-3, 1e-5, 1e-6, 1e-12)
SHAPES = {"rank 2": (4, 3), "rank 4": (4, 2, 2, 3)}
SAME = 1e-3  # relative; float32 solves epsilon to 1e-6


def alternating(shape: Sequence[int], size: float) -> Any:
    """An array whose rows are +size and -size in turn."""
    rows = np.where(np.arange(shape[0]) % 2 == 0, size, -size)
    return np.broadcast_to(rows.reshape(-1, *[1] * (len(shape) - 1)), shape).copy()


def effective(probed: Probed, size: float = SMALL) -> tuple[float, float]:
    """Epsilon solved from a training output, and that output."""
    y = float(probed.channel(probed.train(alternating(probed.settings.input_shape, size)))[0])
    return (size**2 * (1 / y**2 - 1) if y else math.inf), y


def _default(subject: Subject) -> Answer:
    probed = subject.usual(SHAPES["rank 4"], variant="defaults")
    found, y = effective(probed)
    return Answer(shown(found, 4), None, f"an input of {shown(SMALL)} came out as {shown(y)}: epsilon {shown(found)}")


def _place(subject: Subject) -> Answer:
    probed = subject.usual(SHAPES["rank 2"], epsilon=1e-2)
    found = []
    for ratio in (1.0, 1e-3):  # the variance, as a multiple of epsilon
        size = math.sqrt(ratio * 1e-2)
        probed.set()
        found.append((size, effective(probed, size)[1]))
    formulas: dict[str, Callable[[float], float]] = {
        "inside the root": lambda s: s / math.sqrt(s**2 + 1e-2),
        "outside the root": lambda s: s / (s + 1e-2),
        "a floor of the variance": lambda s: s / math.sqrt(max(s**2, 1e-2)),
        "nowhere": lambda s: 1.0,
    }
    names = (n for n, formula in formulas.items() if all(abs(y - formula(s)) < SAME for s, y in found))
    evidence = "; ".join(f"+-{shown(s)} came out as +-{shown(y)}" for s, y in found)
    return Answer(next(names, "none of the places tried"), "inside the root", f"epsilon 0.01: {evidence}")


def _least(subject: Subject) -> Answer:
    variant = "verbatim" if "verbatim" in subject.implementation.variants else None
    answers, evidence, reasons = {}, [], []
    for place, shape in SHAPES.items():
        try:
            found = {value: effective(subject.usual(shape, variant=variant, epsilon=value))[0] for value in CONFIGURED}
        except NotOffered as reason:
            reasons.append(f"{place}: {reason}")
            continue
        wrong = {value: got for value, got in found.items() if not abs(got - value) <= SAME * value}
        answers[place] = "used as given" if not wrong else f"raised to {shown(max(wrong.values()), 4)}"
        if any(got < value for value, got in wrong.items()):
            answers[place] = "lowered"
        evidence.append(f"{place}: " + ", ".join(f"{value:g} acts as {shown(got, 4)}" for value, got in found.items()))
    if not answers:
        raise NotOffered("; ".join(reasons))
    return Answer(joined(answers), None, "; ".join(evidence + reasons))


QUESTIONS = (
    Question(
        "default_epsilon",
        "Default epsilon",
        "The epsilon of a layer whose user gives none, solved from a training output.",
        _default,
    ),
    Question(
        "epsilon_place",
        "Place of epsilon",
        "Where epsilon enters: sqrt(v + e), sqrt(v) + e or sqrt(max(v, e)).",
        _place,
        {"outside": "epsilon is added outside the root", "nowhere": "epsilon is not used at all"},
    ),
    Question(
        "least_epsilon",
        "Small epsilon",
        "Whether a configured epsilon of 1e-3, 1e-5, 1e-6 or 1e-12 is the one that acts.",
        _least,
        {"raised": "a small epsilon is raised without a word", "used as given at": "a small epsilon is raised for some "
         "ranks without a word"},
    ),
)  # fmt: skip
