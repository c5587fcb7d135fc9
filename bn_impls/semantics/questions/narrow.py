"""Sixteen bits: in what the statistics are kept and computed, and whether a moving average still moves in them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from bn_impls.semantics.asking import Answer, Probed, Question, Subject, shown
from bn_impls.semantics.questions.averages import LATE

BITS = {"float16": 11, "bfloat16": 8}  # of the significand, the hidden one included
STEPS = 1000
DECAY = 0.999


def representable(x: Any, dtype: str) -> Any:
    """The nearest values of a 16-bit dtype, in float64."""
    fraction, exponent = np.frexp(np.asarray(x, np.float64))
    scale = 2.0 ** BITS[dtype]
    return np.ldexp(np.round(fraction * scale) / scale, exponent)


def _kept(dtype: str, subject: Subject) -> Answer:
    probed = subject.layer((64, 3), dtype=dtype)
    found = np.asarray(probed.state()["moving_mean"]).dtype.name
    probed.set(moving_mean=1.0, num_updates=LATE)
    probed.train(np.full((64, 3), 1.0 + 2.0 ** -BITS[dtype] * 2))
    mean = float(probed.moving()[0][0])
    finer = mean != float(representable(mean, dtype))
    observed = found if finer or found == dtype else f"{found}, holding {dtype} values"
    evidence = (
        f"the exported moving mean is {found}; after an update of one {dtype} step by a quarter it is {shown(mean, 10)}"
    )
    return Answer(observed, _declared(dtype, subject.implementation.narrow_statistics), evidence)


def _declared(dtype: str, narrow: bool | None) -> str | None:
    return None if narrow is None else dtype if narrow else "float32"


def _computed(dtype: str, subject: Subject) -> Answer:
    """The output of data whose mean is 50 times its deviation shows in what mean and variance are computed."""
    probed = subject.layer((256, 3), dtype=dtype)
    spread = 8 * 2.0 ** -BITS[dtype] * 2  # eight steps of the dtype at 1
    x = representable(1.5 + spread * np.random.default_rng(9).uniform(-1, 1, (256, 3)), dtype)
    y = probed.channel(probed.train(x))
    values = probed.channel(x)
    exact = (values - values.mean()) / np.sqrt(values.var() + probed.settings.epsilon)
    error = float(np.max(np.abs(y - exact))) / (np.max(np.abs(exact)) * 2.0 ** -BITS[dtype])
    observed = "float32 or wider" if error <= 2 else dtype  # one rounding of the result is 1
    return Answer(observed, None, f"the largest error of the output is {shown(error, 3)} roundings to {dtype}")


def _moves(dtype: str, subject: Subject) -> Answer:
    probed = subject.layer((4, 3), dtype=dtype, decay=DECAY)
    probed.set(moving_mean=1.0, moving_variance=1.0, num_updates=LATE)
    step = _constant(probed, 1.25)
    for _ in range(STEPS):
        step()
    mean = float(probed.moving()[0][0])
    right = 1.25 - 0.25 * DECAY**STEPS
    moved = "moves" if abs(mean - right) < 0.02 else "moves to a wrong value"
    observed = "stands still" if mean == 1 else moved
    evidence = f"1 became {shown(mean)} after {STEPS} batches of mean 1.25 with decay {DECAY}; right is {shown(right)}"
    return Answer(observed, None, evidence)


def _constant(probed: Probed, value: float) -> Callable[[], Any]:
    """The same training call again and again, converted once."""
    native = probed.layer.to_native(np.array([[value - 0.25], [value + 0.25]] * 2) * np.ones((1, 3)))
    return partial(probed.layer.training_step, native)


def _questions(dtype: str) -> tuple[Question, ...]:
    return (
        Question(
            f"{dtype}_statistics",
            f"Statistics kept under {dtype}",
            f"The dtype in which a layer of {dtype} keeps its moving statistics.",
            partial(_kept, dtype),
            {dtype: f"under {dtype} the moving statistics are kept in {dtype}"},
        ),
        Question(
            f"{dtype}_computation",
            f"Moments computed under {dtype}",
            f"The precision in which a layer of {dtype} computes mean, variance and output.",
            partial(_computed, dtype),
            {dtype: f"under {dtype} mean and variance are computed in {dtype}"},
        ),
        Question(
            f"{dtype}_moves",
            f"Moving average under {dtype}",
            f"Whether the moving mean of a layer of {dtype} still moves with a decay of {DECAY}, after {STEPS} steps.",
            partial(_moves, dtype),
            {"stands": f"under {dtype} a moving average with decay {DECAY} never moves",
             "moves to": f"under {dtype} a moving average with decay {DECAY} goes to a wrong value"},
        ),
    )  # fmt: skip


QUESTIONS = (*_questions("float16"), *_questions("bfloat16"))
STATISTICS = tuple(question for question in QUESTIONS if question.key.endswith("_statistics"))
