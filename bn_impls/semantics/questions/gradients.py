"""Gradients that a training step does not show: to the moving mean in inference, and of the second order."""

from __future__ import annotations

from typing import Any

import numpy as np

from bn_impls.numpy_reference import BatchNorm
from bn_impls.semantics.asking import Answer, NotOffered, Question, Subject, listed, refused, shown
from bn_impls.semantics.questions.averages import LATE

SHAPE = (4, 2, 2, 3)
RANKS = {"dense inputs": (7, 3), "maps": SHAPE}  # a framework may take another kernel for maps
STEP = 1e-5  # central differences of a float64 gradient are then good to about 1e-9
CLOSE = {"float64": 1e-6, "float32": 2e-3}  # of the largest value: rounding of differences, and of float32 sums


def _inference(subject: Subject) -> Answer:
    probed = subject.usual(SHAPE, variant="inference_gradient")
    probed.set(moving_mean=1.0, moving_variance=3.0, num_updates=LATE)
    generator = np.random.default_rng(7)
    x, dy = generator.standard_normal(SHAPE), generator.standard_normal(SHAPE)
    try:
        _, dx, found = probed.differentiate(x, dy)
    except Exception as error:  # whatever the API raises is its answer
        return refused(error)
    inverse = 1 / np.sqrt(3.0 + probed.settings.epsilon)
    right = -dy.sum(axis=(0, 1, 2)) * inverse
    seen = dx is not None and np.allclose(dx, dy * inverse, 1e-3, 1e-3)
    evidence = f"gradient of the input {'is' if seen else 'is not'} dy / sqrt(v + e)"
    if found is None:
        return Answer("none", None, evidence)
    evidence += f"; of the moving mean {listed(found)}, -sum(dy) / sqrt(v + e) is {listed(right)}"
    if not np.any(found):
        return Answer("zero", None, evidence)
    return Answer("flows" if np.allclose(found, right, 1e-3, 1e-3) else "flows, but is wrong", None, evidence)


def _second_order(subject: Subject) -> Answer:
    """Asked on both kinds of inputs, in the dtype that users train in first: a framework's kernels may differ."""
    answers: dict[str, Answer] = {}
    reason = None
    for kind, shape in RANKS.items():
        try:
            answers[kind] = _second_order_on(subject, shape)
        except NotOffered as error:
            reason = error
    if not answers:
        raise reason or NotOffered("no kind of inputs was asked")
    kinds = {observed: [kind for kind, one in answers.items() if one.observed == observed]
             for observed in sorted({one.observed for one in answers.values()}, key=_worst_first)}  # fmt: skip
    evidence = "; ".join(f"on {kind}, {one.evidence}" for kind, one in answers.items())
    if len(kinds) == 1:
        return Answer(next(iter(kinds)), None, evidence)
    return Answer(", ".join(f"{observed} on {' and '.join(on)}" for observed, on in kinds.items()), None, evidence)


def _worst_first(observed: str) -> bool:
    return observed == "right"


def _second_order_on(subject: Subject, shape: tuple[int, ...]) -> Answer:
    probed = subject.usual(shape, variant="second_order")
    generator = np.random.default_rng(8)
    x, dy, v = (generator.standard_normal(shape).astype(np.float32).astype(np.float64) for _ in range(3))
    try:
        _, for_x, for_dy = probed.differentiate(x, dy, v)
    except Exception as error:  # whatever the API raises is its answer
        return refused(error)
    if for_x is None or for_dy is None:
        return Answer("none", None, "no gradient came back")
    right_x, right_dy = differences(subject, x, dy, v)
    errors = [float(np.max(np.abs(found - right)) / np.max(np.abs(right)))
              for found, right in ((for_x, right_x), (for_dy, right_dy))]  # fmt: skip
    dtype = probed.settings.dtype
    right = max(errors) < CLOSE[dtype]
    evidence = (
        f"{dtype}: off by {shown(errors[0], 3)} for the input and {shown(errors[1], 3)} for the output's gradient, "
        "relative to central differences of the reference's gradient"
    )
    return Answer("right" if right else "wrong", None, evidence)


def differences(subject: Subject, x: Any, dy: Any, v: Any) -> tuple[Any, Any]:
    """Gradients of sum(v dx) by central differences of the reference's input gradient dx."""
    reference = BatchNorm(subject.configuration(x.shape, dtype="float64"))

    def product(x: Any, dy: Any) -> float:
        reference.forward(x, update=False)
        return float((v * reference.backward(dy)[0]).sum())

    found = np.empty((2, *x.shape))
    for index in np.ndindex(*x.shape):
        for which, (a, b) in enumerate(((1, 0), (0, 1))):
            step = np.zeros(x.shape)
            step[index] = STEP
            ahead, behind = product(x + a * step, dy + b * step), product(x - a * step, dy - b * step)
            found[which][index] = (ahead - behind) / (2 * STEP)
    return found[0], found[1]


QUESTIONS = (
    Question(
        "inference_gradient",
        "Gradient to the moving mean",
        "Whether a loss behind an inference call differentiates for the moving mean, which is no parameter.",
        _inference,
        {"flows, but": "the gradient to the moving mean is wrong"},
    ),
    Question(
        "second_order",
        "Second-order gradient",
        "Whether the input gradient can be differentiated again, as gradient penalties do, and is right: on dense "
        "inputs and on maps.",
        _second_order,
        {"wrong on dense inputs": "the second-order gradient is wrong on dense inputs",
         "wrong on maps": "the second-order gradient is wrong on maps",
         "wrong": "the second-order gradient is wrong",
         "refused": "there is no second-order gradient", "none": "there is no second-order gradient"},
        gravity=3,
    ),
)  # fmt: skip
