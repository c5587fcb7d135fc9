"""Updates of the moving statistics: what triggers them, and what inference does to them."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from bn_impls.semantics.asking import Answer, Probed, Question, Subject, shown
from bn_impls.semantics.questions.averages import LATE
from bn_impls.semantics.questions.epsilon import alternating

SHAPE = (4, 2, 2, 3)
DECAY = 0.75


def updates_of(probed: Probed, call: Any) -> float:
    """How many updates one call made: the weight that the old moving mean kept is decay^updates."""
    probed.set(moving_mean=1.0, num_updates=LATE)
    call(alternating(SHAPE, 1.0))  # of mean 0
    kept = float(probed.moving()[0][0])
    return math.log(kept) / math.log(DECAY) if kept > 0 else math.inf


def _times(count: float) -> str:
    whole = round(count) if math.isfinite(count) else -1
    if not abs(count - whole) < 1e-3:
        return "in another way"
    return {0: "never", 1: "once", 2: "twice"}.get(whole, f"{whole} times")


def _per_call(subject: Subject) -> Answer:
    probed = subject.usual(SHAPE, decay=DECAY)
    forward = updates_of(probed, probed.train)
    both = updates_of(probed, lambda x: probed.differentiate(x, x))
    names = {_times(forward), _times(both)}
    observed = names.pop() if len(names) == 1 else f"{_times(forward)} forward, {_times(both)} with gradients"
    evidence = f"forward only: {shown(abs(forward), 4)} updates; with gradients: {shown(abs(both), 4)}"
    seen = probed.layer.observe(probed.layer.training_step, probed.layer.to_native(alternating(SHAPE, 1.0)))
    return Answer(observed, "once", f"{evidence}; the training call is {seen['style'].evidence}")


def _trigger(subject: Subject) -> Answer:
    probed = subject.usual(SHAPE, variant="forward_only", decay=DECAY)
    count = updates_of(probed, probed.train)
    observed = "the training forward call itself" if count > 0.5 else "something that the caller adds"
    evidence = f"the API's training forward call with nothing beside it made {shown(abs(count), 4)} updates"
    return Answer(observed, None, evidence)


def _inference(subject: Subject) -> Answer:
    probed = subject.usual(SHAPE, decay=DECAY)
    probed.set(moving_mean=0.5, moving_variance=2.0, num_updates=3)
    before: Any = probed.state()
    x = 5.0 + alternating(SHAPE, 3.0)
    first, second = probed.infer(x), probed.infer(x)
    after: Any = probed.state()
    moved = [name for name, value in before.items() if not np.array_equal(value, after[name], equal_nan=True)]
    same = np.array_equal(first, second)
    parts = [f"changes {', '.join(moved)}"] if moved else []
    parts += [] if same else ["a second call gives another result"]
    y = probed.channel(first)[0]
    evidence = (
        f"8 came out as {shown(y)} and then as {shown(probed.channel(second)[0])}; state changed: {moved or 'nothing'}"
    )
    return Answer("; ".join(parts) or "changes nothing", "changes nothing", evidence)


def _inference_uses(subject: Subject) -> Answer:
    probed = subject.usual(SHAPE, decay=DECAY)
    return _used(probed, lambda x: probed.infer(x), "moving")


def _training_uses(subject: Subject) -> Answer:
    probed = subject.usual(SHAPE, decay=DECAY)
    return _used(probed, lambda x: probed.train(x), "batch")


def _used(probed: Probed, call: Any, declared: str) -> Answer:
    """Which statistics normalized, by the output that each would give."""
    x = 5.0 + alternating(SHAPE, 3.0)  # mean 5, variance 9
    probed.set(moving_mean=1.0, moving_variance=4.0, num_updates=LATE)
    y = float(probed.channel(call(x))[0])
    moved = (DECAY * 1.0 + (1 - DECAY) * 5.0, DECAY * 4.0 + (1 - DECAY) * 9.0)
    candidates = {"moving": (1.0, 4.0), "batch": (5.0, 9.0), "moving, after its update": moved}
    outputs = {name: (8 - mean) / math.sqrt(variance + 1e-3) for name, (mean, variance) in candidates.items()}
    observed = next((name for name, value in outputs.items() if abs(value - y) < 0.02), "another")
    expected = ", ".join(f"{name} {shown(value)}" for name, value in outputs.items())
    return Answer(f"{observed}", declared, f"8 came out as {shown(y)}; statistics would give: {expected}")


def training_facts(probed: Probed) -> tuple[str, str, str]:
    """Which statistics a training call uses, whether they move, and which gradients it gives."""
    used = _used(probed, probed.train, "")
    mean, variance = (value[0] for value in probed.moving())
    moved = not (abs(mean - 1) < 1e-6 and abs(variance - 4) < 1e-6)
    probed.set(moving_mean=1.0, moving_variance=4.0, num_updates=LATE)
    x = 5.0 + alternating(SHAPE, 3.0)
    _, _, dgamma, dbeta = probed.differentiate(x, 0.5 + alternating(SHAPE, 1.0))  # neither sum is 0
    given = [name for name, value in (("gamma", dgamma), ("beta", dbeta)) if value is not None and np.any(value != 0)]
    evidence = (
        f"{used.evidence}; moving mean 1 became {shown(mean)}, variance 4 became {shown(variance)}; "
        f"gradients: {', '.join(given) or 'none'}"
    )
    return used.observed, "move" if moved else "stay", evidence


def _facts(variant: str, subject: Subject) -> Answer:
    used, moves, evidence = training_facts(subject.usual(SHAPE, variant=variant, decay=DECAY))
    gradients = evidence.rpartition("gradients: ")[2]
    kind = "moving statistics" if used == "moving" else f"{used} statistics"
    return Answer(f"{kind}, which {moves}; gradients of parameters: {gradients}", None, evidence)


QUESTIONS = (
    Question(
        "updates_per_call",
        "Updates per training call",
        "How often one training call moves the statistics, without and with gradients.",
        _per_call,
        {"twice": "one training call moves the statistics twice", "never": "a training call moves no statistics"},
    ),
    Question(
        "update_trigger",
        "What triggers the update",
        "Whether the API's training forward call moves the statistics, or something that the caller runs or keeps.",
        _trigger,
        {"something": "the statistics move only if the caller runs the update or keeps the result; forgetting it is "
         "silent"},
        gravity=2,
    ),
    Question(
        "training_uses",
        "Training normalizes by",
        "Which statistics normalize the output of a training call.",
        _training_uses,
    ),
    Question(
        "inference_uses",
        "Inference normalizes by",
        "Which statistics normalize the output of an inference call.",
        _inference_uses,
    ),
    Question(
        "inference_changes",
        "Inference changes",
        "Whether an inference call changes the state, or the result of the next one.",
        _inference,
        {"changes moving": "inference moves the statistics", "a second": "inference does not repeat its result"},
        gravity=3,
    ),
    Question(
        "evaluation_in_training",
        "Inference mode in training",
        "What a training call in inference mode does: statistics used and moved, gradients of gamma and beta.",
        partial(_facts, "evaluating"),
        {"batch": "inference mode still normalizes by the batch",
         "moving statistics, which move": "inference mode still moves the statistics"},
        gravity=2,
    ),
    Question(
        "frozen",
        "Frozen layer in training",
        "What a layer that its user froze does in a training call: statistics used and moved, gradients given.",
        partial(_facts, "frozen"),
        {"batch statistics, which move": "freezing stops the gradients of gamma and beta alone: the layer still "
         "normalizes by the batch and moves its statistics",
         "batch statistics, which stay": "a frozen layer still normalizes by the batch in training; its statistics "
         "only stop moving",
         "moving statistics": "a frozen layer normalizes by the moving statistics in training too"},
        gravity=2,
    ),
)  # fmt: skip
