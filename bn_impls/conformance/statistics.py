"""The moving statistics: start values, one update, warm-up, many updates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bn_impls.conformance.calls import Exact as Value
from bn_impls.conformance.calls import Kind, advanced, exact, exported, played
from bn_impls.conformance.diagnosis import Cause, within
from bn_impls.conformance.judging import each_offered, judged, told, unless_usual_is_wrong
from bn_impls.conformance.model import Check, Failure
from bn_impls.conformance.subject import TABLE, Subject, calls

STATISTICS = ("moving_mean", "moving_variance")
UPDATES = 60


def _starts(subject: Subject) -> Failure | None:
    layer = subject.build()
    declared, found = layer.configuration.conventions, exported(layer)
    for name, start in (("moving_mean", declared.initial_mean), ("moving_variance", declared.initial_variance)):
        if not np.array_equal(found[name], np.full(layer.configuration.channels, start)):
            return Failure(
                message=f"{name} starts at {found[name].tolist()}; you declared initial_{name.removeprefix('moving_')} "
                f"{start:g}, so start there or declare what you do",
                got=str(found[name].tolist()), expected=f"{start:g} in every channel",
                cause=f"initial_{name.removeprefix('moving_')}",
            )  # fmt: skip
    for name, start in (("gamma", 1.0), ("beta", 0.0)):
        if not np.all(found[name] == start):
            return Failure(
                message=f"{name} starts at {found[name].tolist()}, but should be {start:g}: a fresh layer normalizes, "
                "nothing more",
                got=str(found[name].tolist()), expected=f"{start:g} in every channel", cause=f"initial_{name}",
            )  # fmt: skip
    if (updates := int(found["num_updates"])) != 0:
        return Failure(
            message=f"num_updates starts at {updates}; it counts training calls, so a fresh layer has 0",
            got=str(updates), expected="0", cause="counter_start",
        )  # fmt: skip
    return None


def _one(kind: Kind, seed: int) -> Callable[[Subject], Failure | None]:
    def run(subject: Subject) -> Failure | None:
        layer = subject.build()
        return judged(layer, calls(layer.configuration, kind, seed=seed), only=(*STATISTICS, "num_updates"))

    return run


def _of_a_table(subject: Subject) -> Failure | None:
    layer = subject.build(input_shape=TABLE)
    return judged(layer, calls(layer.configuration, "training", seed=23), only=(*STATISTICS, "num_updates"))


def _by_count(subject: Subject) -> Failure | None:
    layer = subject.build()
    counts = (0, 1, 2, 10, 1000, 1_000_000)
    each = [calls(layer.configuration, "training", seed=24, num_updates=count)[0] for count in counts]
    return judged(layer, each, only=STATISTICS)


def _long_run(subject: Subject) -> Failure | None:
    """Beyond the integers that float32 holds, which a month of training reaches."""
    layer = subject.build()
    kinds = calls(layer.configuration, "training", "gradients", seed=28, num_updates=2**24)
    return judged(layer, kinds, only=(*STATISTICS, "num_updates"))


def _other_decay(subject: Subject) -> Failure | None:
    layer = subject.build(decay=0.5)
    return judged(layer, calls(layer.configuration, "training", seed=25, num_updates=50), only=STATISTICS)


DECAY_ROUNDED = Cause(
    "decay_rounded",
    "a decay that every dtype represents is right, and 0.9 is not: it is rounded, or 1 - decay is; compute both in the "
    "layer's dtype, or declare decay_in_float32 or complement_in_float32",
)


def _inexact_decay(subject: Subject) -> Failure | None:
    layer = subject.build(decay=0.9)
    kinds = calls(layer.configuration, "training", "gradients", seed=27, num_updates=50)
    return judged(layer, kinds, unless_usual_is_wrong(subject, DECAY_ROUNDED), only=STATISTICS)


EXTREME_DECAY = Cause(
    "extreme_decay",
    "a decay between 0 and 1 is right, and one of 0 or 1 is not; 0 keeps the last batch's statistics, 1 the first ones",
)


def _extreme_decay(subject: Subject) -> Failure | None:
    """Each that is offered."""
    return each_offered(
        subject, "decay", (0.0, 1.0), unless_usual_is_wrong(subject, EXTREME_DECAY), STATISTICS,
        lambda settings: calls(settings, "training", "gradients", seed=29, num_updates=50),
    )  # fmt: skip


ACCUMULATES = Cause(
    "drift",
    "each update from a known state may be right, but they do not add up: an update depends on something else than "
    "the exported state",
)


def _many(subject: Subject) -> Failure | None:
    """Sixty updates in a row, none from an imported state but the first."""
    layer = subject.build()
    settings, zero = layer.configuration, np.zeros(layer.configuration.channels)
    if (wrong := judged(layer, calls(settings, "training", seed=26, num_updates=0), only=STATISTICS)) is not None:
        return wrong  # not the number's fault
    layer.import_state(calls(settings, "training", seed=26, num_updates=0)[0].state)
    before: Any = {name: array.astype(np.float64) for name, array in exported(layer).items()}
    bounds = dict.fromkeys(STATISTICS, zero)
    for update in range(UPDATES):
        (call,) = calls(settings, "training", seed=100 + update)
        state: Any = {**before, "num_updates": update}
        (moved,) = [type(call)("training", call.x, call.dy, state)]
        got, right = played(layer, moved, load=False), exact(settings, moved)
        after = {name: value.value for name, value in right.items()}
        batch = {
            name: right[name].bound / (1 - settings.conventions.decay_of(settings.decay, update)) for name in bounds
        }
        bounds = advanced(settings, state, after, bounds, batch)
        for name in STATISTICS:
            expected = Value(after[name], bounds[name])
            if not within(got[name], expected):
                seen, wanted, difference = told(got[name], expected)
                return Failure(
                    message=f"{name} is {difference} after update {update + 1} in a row: {ACCUMULATES.sentence}",
                    got=seen, expected=wanted, cause=ACCUMULATES.name,
                )  # fmt: skip
        before = after
    return None


CHECKS = (
    Check("fresh_state", "a fresh layer has the declared start values, gamma 1, beta 0 and no updates", _starts),
    Check("update", "a training call moves the statistics once: decay old + (1 - decay) batch", _one("training", 20)),
    Check("update_with_gradients", "so does a training call with gradients", _one("gradients", 21)),
    Check("update_table", "so does a training call on a table", _of_a_table),
    Check("update_by_count", "the decay is constant or warms up, as declared", _by_count),
    Check("update_other_decay", "the configured decay is the one that is applied", _other_decay),
    Check("inexact_decay", "a decay that binary fractions only come near is applied as exactly", _inexact_decay),
    Check(
        "extreme_decay", "a decay of 0 takes the batch's statistics, and one of 1 keeps the old ones", _extreme_decay
    ),
    Check("long_run", "an update after 2^24 others moves and counts as every other", _long_run),
    Check("many_updates", "sixty updates in a row stay within the accumulated bound", _many, quick=False),
)
