"""Two replicas: whose statistics normalize, what the moving ones become, and what a checkpoint saves of them."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bn_impls.semantics.asking import Answer, Question, Subject, listed, refused, shown
from bn_impls.semantics.questions.averages import LATE

SHAPE = (8, 3)
DECAY = 0.5
HALVES = (np.array([1.0, 3.0, 1.0, 3.0]), np.array([10.0, 18.0, 10.0, 18.0]))  # means 2 and 14, variances 1 and 16


def _replicas(variant: str, subject: Subject) -> Answer:
    probed = subject.usual(SHAPE, variant=variant, decay=DECAY)
    rows = np.concatenate(HALVES)
    x = np.repeat(rows[:, None], 3, axis=1)
    probed.set(moving_mean=0.0, moving_variance=0.0, num_updates=LATE)
    try:
        y = probed.channel(probed.train(x))
    except Exception as error:  # whatever the API raises is its answer
        return refused(error)
    mean, variance = (float(value[0]) / (1 - DECAY) for value in probed.moving())
    read = _read_by_each(probed)
    saved = _saved(probed)
    own = np.concatenate([(half - half.mean()) / np.sqrt(half.var() + 1e-3) for half in HALVES])
    joint = (rows - rows.mean()) / np.sqrt(rows.var() + 1e-3)
    normalized = "each by its own half" if np.allclose(y, own, 0, 1e-2) else "by both halves" if np.allclose(
        y, joint, 0, 1e-2) else "in another way"  # fmt: skip
    observed = f"normalized {normalized}; moving mean {_name(mean)}, variance {_name_of_variance(variance)}"
    if abs(read[0] - read[1]) > 1e-3:
        observed += "; replicas keep different statistics"
    if not np.allclose(saved, probed_moving(mean, variance)):
        observed += "; something else is saved"
    evidence = (
        f"halves of mean 2 and 14, variance 1 and 16: batch mean {shown(mean)} and variance {shown(variance)} were "
        f"averaged; replicas then read the means {listed(read)}; a checkpoint brought back {listed(saved)}; "
        f"outputs {listed(y, 3)}"
    )
    return Answer(observed, None, evidence)


def probed_moving(mean: float, variance: float) -> tuple[float, float]:
    """Moving statistics that these batch values became."""
    return mean * (1 - DECAY), variance * (1 - DECAY)


def _name(mean: float) -> str:
    known = {"over both": 8.0, "of the first replica": 2.0, "of the last replica": 14.0, "summed": 16.0}
    return next((name for name, value in known.items() if abs(mean - value) < 1e-2), "of another kind")


def _name_of_variance(variance: float) -> str:
    biased = np.concatenate(HALVES).var()
    known = {
        "averaged over replicas": 8.5,
        "over both": biased,
        "of the first replica": 1.0,
        "of the last replica": 16.0,
    }
    for scale, count in ((1.0, ""), (4 / 3, " (n - 1)"), (8 / 7, " (n - 1)")):
        for name, value in known.items():
            if abs(variance - value * scale) < 1e-2:
                return name + count
    return "of another kind"


def _read_by_each(probed: Any) -> list[float]:
    """The moving mean that each replica's inference reads, from the outputs of 0 and 1."""
    x = np.zeros(SHAPE)
    x[[0, 4]] = 1.0
    y = probed.channel(probed.infer(x))
    return [float(-y[start + 1] / (y[start] - y[start + 1])) for start in (0, 4)]


def _saved(probed: Any) -> tuple[float, float]:
    """Moving mean and variance that the framework's own checkpoint brings back."""
    format = next(iter(probed.layer.formats.values()))
    with tempfile.TemporaryDirectory() as folder:
        format.save(Path(folder))
        probed.set(moving_mean=-77.0, moving_variance=77.0)
        format.restore(Path(folder))
    mean, variance = (float(value[0]) for value in probed.moving())
    return mean, variance


def _question(variant: str, title: str, meaning: str) -> Question:
    watch = {
        "normalized each by its own half; moving mean of the first replica": "each replica averages statistics of its "
        "own, and a checkpoint keeps those of the first one alone",
        "normalized each": "replicas normalize by their own part of the batch unless told to synchronize",
        "refused": "it does not run under a strategy of several replicas as it is written",
    }
    return Question(variant, title, meaning, partial(_replicas, variant), watch, gravity=2, early=True)


QUESTIONS = (
    _question(
        "replicas",
        "Two replicas",
        "Whose statistics normalize on two replicas, what the moving ones become, and what a checkpoint saves.",
    ),
    _question(
        "replicas_synchronized",
        "Two replicas, synchronized",
        "The same with the API's switch for statistics over all replicas.",
    ),
)
