"""The variance: its divisor where it normalizes and where it is averaged, and how many passes compute it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bn_impls.semantics.asking import Answer, NotOffered, Probed, Question, Subject, closest, joined, shown
from bn_impls.semantics.questions.averages import LATE

SHAPES: dict[tuple[int, str], tuple[int, ...]] = {
    (2, "channels_last"): (6, 3),
    (3, "channels_last"): (3, 4, 3),
    (3, "channels_first"): (3, 3, 4),
    (4, "channels_last"): (3, 2, 2, 3),
    (4, "channels_first"): (3, 3, 2, 2),
    (5, "channels_last"): (3, 2, 1, 2, 3),
    (5, "channels_first"): (3, 3, 2, 1, 2),
}
DIVISORS = {0: "n", 1: "n - 1"}


def drawn(shape: tuple[int, ...]) -> Any:
    """Values of mean about 0 and deviation about 1."""
    return np.random.default_rng(5).standard_normal(shape).astype(np.float32).astype(np.float64)


def divisor(ratio: float, count: int) -> str:
    """The name of the divisor, from a variance over the biased one."""
    found = closest(ratio, {"n": 1.0, "n - 1": count / (count - 1), "n + 1": count / (count + 1)}, 1e-3)
    return found or f"neither n nor n - 1 ({shown(ratio, 4)} times the biased one)"


def moved_ratio(probed: Probed) -> tuple[float, int]:
    """The variance that entered the moving average, over the biased one of the batch, and n."""
    x = drawn(probed.settings.input_shape)
    values = probed.channel(x)
    probed.set(moving_mean=10.0, moving_variance=0.0, num_updates=LATE)
    probed.train(x)
    mean, variance = (float(value[0]) for value in probed.moving())
    kept = (mean - values.mean()) / (10.0 - values.mean())
    return variance / (1 - kept) / values.var(), values.size


def _moving(subject: Subject) -> Answer:
    observed, declared, evidence, reasons = {}, {}, [], []
    for (rank, layout), shape in SHAPES.items():
        place = f"rank {rank}" if rank == 2 else f"rank {rank} {layout.replace('_', ' ')}"
        try:
            probed = subject.usual(shape, layout=layout, decay=0.5)
            ratio, count = moved_ratio(probed)
        except NotOffered as reason:
            reasons.append(f"{place}: {reason}")
            continue
        except Exception as error:  # one layout that fails is no reason to be silent about the others
            reasons.append(f"{place}: {type(error).__name__}: {str(error)[:120]}")
            continue
        observed[place] = divisor(ratio, count)
        declared[place] = DIVISORS[probed.settings.conventions.ddof]
        evidence.append(f"{place}: {shown(ratio)} times the biased variance of {count} values")
    if not observed:
        raise NotOffered("; ".join(reasons))
    return Answer(_by_rank(observed), _by_rank(declared), "; ".join(evidence + reasons))


def _by_rank(by_place: dict[str, str]) -> str:
    """Layouts of a rank that agree are named by the rank alone."""
    short: dict[str, str] = {}
    for place, value in by_place.items():
        rank = place[: len("rank 2")]
        same = {found for other, found in by_place.items() if other.startswith(rank)}
        short[rank if len(same) == 1 else place] = value
    return joined(short)


def _normalizing(subject: Subject) -> Answer:
    found, evidence = {}, []
    for rank in (2, 4):
        probed = subject.usual(SHAPES[rank, "channels_last"])
        x = drawn(probed.settings.input_shape)
        values, y = probed.channel(x), probed.channel(probed.train(x))
        ratio = (1 / slope(values, y) ** 2 - probed.settings.epsilon) / values.var()
        found[f"rank {rank}"] = divisor(ratio, values.size)
        evidence.append(f"rank {rank}: {shown(ratio)} times the biased variance of {values.size} values")
    return Answer(joined(found), "n", "; ".join(evidence))


def slope(values: Any, y: Any) -> float:
    """By what an output was multiplied, by least squares."""
    centered = values - values.mean()
    return float((centered * y).sum() / np.square(centered).sum())


def _passes(subject: Subject) -> Answer:
    found, evidence = {}, []
    for place, shape in (("rank 2", (256, 3)), ("rank 4", (16, 4, 4, 3))):
        found[place], seen = _passes_of(subject.usual(shape, epsilon=1e-3))
        evidence.append(f"{place}: {seen}")
    return Answer(joined(found), None, "variance solved from the output: " + "; ".join(evidence))


def _passes_of(probed: Probed) -> tuple[str, str]:
    """How many passes, and the numbers."""
    unit = np.finfo(probed.settings.dtype).eps
    lost, evidence = [], []
    for ratio in (1e3, 1e4):
        x = (ratio + drawn(probed.settings.input_shape)).astype(probed.settings.dtype).astype(np.float64)
        values = probed.channel(x)
        probed.set()
        y = probed.channel(probed.train(x))
        found = 1 / slope(values, y) ** 2 - 1e-3 if np.all(np.isfinite(y)) else math.nan
        error = abs(found / values.var() - 1)
        lost.append(math.log10(max(error, unit) / unit) if math.isfinite(error) else math.inf)
        evidence.append(f"mean/std {ratio:g}: {shown(found)} instead of {shown(values.var())}")
    # two passes lose the error of the mean, squared; one pass loses twice the digits of mean/std, 6 and 8
    return "two passes" if lost[1] < 5 else "one pass, E[x^2] - E[x]^2", ", ".join(evidence)


QUESTIONS = (
    Question(
        "moving_variance_divisor",
        "Divisor of the moving variance",
        "Whether the variance that enters the moving average divides by n or n - 1, for ranks 2 to 5 and both layouts.",
        _moving,
        {"n - 1": "the moving variance divides by n - 1, the normalizing one by n",
         "n at": "the divisor of the moving variance depends on the rank"},
        gravity=1,
    ),
    Question(
        "normalizing_variance_divisor",
        "Divisor of the normalizing variance",
        "Whether the variance that normalizes in training divides by n or n - 1.",
        _normalizing,
        {"n - 1": "training normalizes by a variance that divides by n - 1"},
    ),
    Question(
        "variance_passes",
        "Passes of the variance",
        "Whether the variance is E[(x - m)^2] or E[x^2] - E[x]^2, from the digits lost where mean/std is 1e3 and 1e4.",
        _passes,
        {"one pass": "the variance loses all digits where the mean is 1e4 times the deviation",
         "two passes at": "for some ranks the variance loses all digits where the mean is 1e4 times the deviation"},
        gravity=3,
    ),
)  # fmt: skip
