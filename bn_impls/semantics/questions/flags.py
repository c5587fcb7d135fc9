"""Arguments that few APIs take: a mask, and a training flag that is a tensor."""

from __future__ import annotations

import numpy as np

from bn_impls.semantics.asking import Answer, Question, Subject, joined, listed, refused, shown
from bn_impls.semantics.questions.averages import LATE

DECAY = 0.5
SHAPES = {"rank 2": (6, 3), "rank 4": (6, 2, 2, 3)}
ROWS = np.array([1.0, 2.0, 4.0, 9.0, -20.0, 50.0])
MASK = np.array([True, True, True, True, False, False])


def _mask(subject: Subject) -> Answer:
    found, evidence = {}, []
    for place, shape in SHAPES.items():
        probed = subject.usual(shape, variant="masked", decay=DECAY)
        x = np.broadcast_to(ROWS.reshape(-1, *[1] * (len(shape) - 1)), shape).copy()
        probed.set(moving_mean=0.0, moving_variance=0.0, num_updates=LATE)
        y = probed.channel(probed.train(x, MASK)).reshape(6, -1)[:, 0]
        mean, variance = (float(value[0]) / (1 - DECAY) for value in probed.moving())
        valid, whole = ROWS[MASK], ROWS
        by_mean = {
            "valid rows": valid.mean(),
            "all rows, masked ones as 0": (ROWS * MASK).mean(),
            "all rows": whole.mean(),
        }
        used = next((name for name, value in by_mean.items() if abs(value - mean) < 1e-3), "another mean")
        found[place] = {"valid rows": "left out of mean and variance", "all rows": "ignored"}.get(used, used)
        if used == "valid rows" and not 0.999 < variance / valid.var() < 1.4:  # up to n / (n - 1) at 4 values
            found[place] = "left out of the mean only"
        evidence.append(
            f"{place}: rows {listed(ROWS)} with the last two masked: mean {shown(mean)} (valid {shown(valid.mean())}, "
            f"all {shown(whole.mean())}), variance {shown(variance)} (valid {shown(valid.var())}); a masked row came "
            f"out as {shown(y[-1])}"
        )
    return Answer(joined(found), None, "; ".join(evidence))


def _flag(subject: Subject) -> Answer:
    shape = (4, 3)
    probed = subject.usual(shape, variant="tensor_flag", decay=DECAY)
    x = np.broadcast_to(np.array([[2.0], [4.0], [6.0], [8.0]]), shape).copy()
    seen = {}
    for flag in (True, False):
        probed.set(moving_mean=1.0, moving_variance=4.0, num_updates=LATE)
        try:
            y = probed.channel(probed.train(x, flag))[0]
        except Exception as error:  # whatever the API raises is its answer
            return refused(error)
        mean = float(probed.moving()[0][0])
        seen[flag] = ("batch" if abs(y + 1.3415) < 1e-2 else "moving" if abs(y - 0.5) < 1e-2 else "other", mean, y)
    governs = seen[True][0] == "batch" and seen[False][0] == "moving"
    moved = seen[False][1] != 1
    observed = "works" if governs and not moved else "governs the output, not the update" if governs else "not obeyed"
    evidence = "; ".join(
        f"{flag}: 2 came out as {shown(y)}, by {used} statistics, moving mean 1 became {shown(mean)}"
        for flag, (used, mean, y) in seen.items()
    )
    return Answer(observed, None, evidence)


QUESTIONS = (
    Question(
        "mask",
        "Mask",
        "Whether rows that a mask excludes are left out of mean and variance.",
        _mask,
        {"ignored": "a mask is ignored without an error", "left out of mean and variance at": "a mask is ignored for "
         "some ranks without an error"},
        gravity=3,
    ),
    Question(
        "tensor_flag",
        "Tensor as training flag",
        "Whether the training flag may be a tensor, known only when the step runs.",
        _flag,
        {"not obeyed": "a tensor as the training flag is taken but not obeyed",
         "governs": "the update operation moves the statistics whatever the training flag says"},
    ),
)  # fmt: skip
