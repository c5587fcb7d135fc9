"""Edges: one value a channel, no value at all, NaN, and what happens to the caller's input."""

from __future__ import annotations

from typing import Any

import numpy as np

from bn_impls.semantics.asking import Answer, NotOffered, Probed, Question, Subject, listed, refused, shown
from bn_impls.semantics.questions.epsilon import alternating

DECAY = 0.75
AFTERWARDS = 40  # clean batches after the bad one: 0.75^40 is 1e-5


def _train(probed: Probed, x: Any) -> Any:
    """The output of a training call, or the answer that it was refused."""
    try:
        return probed.train(x)
    except Exception as error:  # whatever the API raises is what it does with such a batch
        return refused(error)


def _one(subject: Subject) -> Answer:
    probed = subject.usual((1, 3), decay=DECAY)
    probed.set(moving_mean=1.0, moving_variance=2.0, num_updates=10**6)
    y = _train(probed, np.full((1, 3), 7.0))
    if isinstance(y, Answer):
        return y
    (mean, *_), (variance, *_) = probed.moving()
    if np.isnan(variance):
        what = "NaN"
    elif abs(variance - 2 * DECAY) < 1e-5:
        what = "0"
    else:
        what = "no variance" if variance == 2 else f"{shown((variance - 2 * DECAY) / (1 - DECAY))}"
    output = "beta" if np.all(np.abs(y) < 1e-6) else listed(y[:, 0])
    evidence = (
        f"7 came out as {shown(y[0, 0])}; moving mean 1 became {shown(mean)}, variance 2 became {shown(variance)}"
    )
    return Answer(f"output {output}, {what} averaged as variance", None, evidence)


def _empty(subject: Subject) -> Answer:
    try:
        probed = subject.usual((0, 3), decay=DECAY)
    except NotOffered:
        raise
    except Exception as error:
        return refused(error)
    probed.set(moving_mean=1.0, moving_variance=2.0, num_updates=10**6)
    y = _train(probed, np.zeros((0, 3)))
    if isinstance(y, Answer):
        return y
    (mean, *_), (variance, *_) = probed.moving()
    if np.isnan(mean) or np.isnan(variance):
        observed = "statistics become NaN"
    elif mean == 1 and variance == 2:
        observed = "statistics stay"
    else:
        observed = "statistics move"
    evidence = f"output of shape {y.shape}; moving mean 1 became {shown(mean)}, variance 2 became {shown(variance)}"
    return Answer(observed, None, evidence)


def _nan(subject: Subject) -> Answer:
    shape = (4, 3)
    probed = subject.usual(shape, decay=DECAY)
    bad = alternating(shape, 1.0)
    bad[0, 0] = np.nan
    probed.train(bad)
    at_once = np.concatenate(probed.moving())
    for _ in range(AFTERWARDS):
        probed.train(alternating(shape, 1.0))
    mean, variance = probed.moving()
    poisoned = [index for index in range(3) if not np.isfinite(mean[index]) or not np.isfinite(variance[index])]
    evidence = f"moving means after {AFTERWARDS} clean batches: {listed(mean)}; variances: {listed(variance)}"
    if not poisoned:
        return Answer("recovers" if np.any(~np.isfinite(at_once)) else "NaN does not enter", None, evidence)
    where = "its channel" if poisoned == [0] else f"channels {poisoned}"
    return Answer(f"{where} stays NaN for good", None, evidence)


def _in_place(subject: Subject) -> Answer:
    probed = subject.usual((4, 3), decay=DECAY)
    layer = probed.layer
    given = np.ascontiguousarray(2.0 + alternating((4, 3), 1.5)).astype(probed.settings.dtype)
    before, changed = given.copy(), []
    for name, call in (("training", layer.training_step), ("inference", layer.inference)):
        native = layer.to_native(given)
        layer.synchronize(call(native))
        if not np.array_equal(layer.to_numpy(native), before):
            changed.append(name)
    observed = f"changed by {' and '.join(changed)}" if changed else "left alone"
    return Answer(observed, "left alone", f"the tensor of {listed(before[:2, 0])}, ... after each call: {observed}")


QUESTIONS = (
    Question(
        "batch_of_one",
        "Batch of one",
        "What training does with one value a channel, whose variance is 0 or undefined.",
        _one,
        {"refused": "a batch of one raises an error in training", "output beta, NaN": "a batch of one makes the moving "
         "variance NaN"},
        gravity=1,
    ),
    Question(
        "empty_batch",
        "Empty batch",
        "What training does with no value at all.",
        _empty,
        {"statistics become NaN": "an empty batch makes the moving statistics NaN, for good",
         "statistics move": "an empty batch moves the statistics"},
        gravity=1,
    ),
    Question(
        "nan",
        "One NaN in a batch",
        "Whether a NaN in one batch poisons the moving statistics for good.",
        _nan,
        {"its channel stays": "one NaN in one batch makes its channel's moving statistics NaN for good",
         "channels": "one NaN spoils other channels too"},
    ),
    Question(
        "input",
        "The caller's input",
        "Whether a call changes the tensor that it was given.",
        _in_place,
        {"changed": "a call changes the tensor that it was given"},
    ),
)  # fmt: skip
