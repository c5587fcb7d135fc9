"""Sizes and values at the edge: one row, odd sizes, no rows, one channel, constant channels, NaN and infinity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from bn_impls.conformance.calls import Call, Kind, exported, offered
from bn_impls.conformance.conditioning import one_pass
from bn_impls.conformance.diagnosis import Cause
from bn_impls.conformance.judging import judged, unless_usual_is_wrong
from bn_impls.conformance.model import Check, Failure, NotOffered
from bn_impls.conformance.subject import Subject, calls

ALL: tuple[Kind, ...] = ("training", "gradients", "inference")
ODD = Cause("odd_sizes", "even sizes are right and odd ones are not: rows are taken in pairs or blocks, and the rest "
                         "is left out")  # fmt: skip
BATCH_ONE = Cause(
    "batch_one",
    "larger batches are right and a batch of one is not: it is squeezed away or treated as a special case; its "
    "statistics go over the map's positions",
)
ONE_CHANNEL = Cause("one_channel", "several channels are right and a single one is not: its axis is squeezed away")
MANY_CHANNELS = Cause(
    "many_channels", "a few channels are right and many are not: channels are taken in blocks, and one is left out"
)
LARGE = Cause("large_batch", "small batches are right and a large one is not")
CONSTANT = Cause(
    "constant_channel", "a channel of one value has variance 0, and is normalized to beta by epsilon alone"
)


def _sizes(shapes: tuple[tuple[int, ...], ...], otherwise: Cause, seed: int) -> Callable[[Subject], Failure | None]:
    """Every kind of call at each shape that is offered."""

    def run(subject: Subject) -> Failure | None:
        refused = None
        done = 0
        for shape in shapes:
            try:
                layer = subject.build(input_shape=shape)
            except NotOffered as refusal:
                refused = refusal
                continue
            done += 1
            blamed = unless_usual_is_wrong(subject, otherwise)
            if (wrong := judged(layer, calls(layer.configuration, *ALL, seed=seed), blamed)) is not None:
                return replace(wrong, message=f"with input shape {shape}, {wrong.message}")
        if refused is not None and not done:
            raise refused
        return None

    return run


def _one_row(subject: Subject) -> Failure | None:
    """One value a channel: the batch variance is 0, and the one over n - 1 does not exist."""
    layer, blamed = subject.build(input_shape=(1, 4)), unless_usual_is_wrong(subject, BATCH_ONE)
    if layer.configuration.conventions.ddof == 0:
        return judged(layer, calls(layer.configuration, *ALL, seed=71), blamed)
    if (wrong := judged(layer, calls(layer.configuration, "inference", seed=71), blamed)) is not None:
        return wrong
    (call,) = calls(layer.configuration, "training", seed=72)
    layer.import_state(call.state)
    try:
        offered(layer.training_step)(layer.to_native(call.x))
    except NotOffered:
        raise
    except Exception:  # an API may refuse to train on what has no variance over n - 1, and several do
        return None
    return judged(layer, [call], blamed, only=("output", "moving_mean"))


def _no_rows(subject: Subject) -> Failure | None:
    layer = subject.build(input_shape=(0, *subject.shape[1:]))
    (call,) = calls(layer.configuration, "inference", seed=73)
    layer.import_state(call.state)
    before = exported(layer)
    y = np.asarray(layer.to_numpy(offered(layer.inference)(layer.to_native(call.x))))
    if y.shape != call.x.shape:
        got, expected = f"shape {y.shape}", f"shape {call.x.shape}"
        return Failure(message=f"inference of an empty batch gives {got}, but should give {expected}", got=got,
                       expected=expected, cause="empty_batch")  # fmt: skip
    changed = [name for name, array in before.items() if not np.array_equal(array, exported(layer)[name])]
    if not changed:
        return None
    return Failure(message=f"inference of an empty batch changed {', '.join(changed)}", got="changed",
                   expected="unchanged", cause="inference_updates")  # fmt: skip


def _constant(subject: Subject) -> Failure | None:
    layer = subject.build()
    settings = layer.configuration
    changed = []
    for call in calls(settings, *ALL, seed=74):
        x = np.moveaxis(call.x.copy(), settings.channel_axis, 0)
        x[0] = 0.75  # every dtype represents it, so that the mean is exact and the variance 0
        changed.append(replace(call, x=np.moveaxis(x, 0, settings.channel_axis)))
    special = unless_usual_is_wrong(subject, CONSTANT)
    return judged(layer, changed, lambda found: one_pass(settings, found) or special(found))


def _poisoned(value: float, seed: int) -> Callable[[Subject], Failure | None]:
    def run(subject: Subject) -> Failure | None:
        layer = subject.build()
        sound = calls(layer.configuration, "training", "inference", seed=seed)
        spoilt = [_with_one(call, value, layer.configuration.channel_axis) for call in sound]
        if (wrong := judged(layer, sound)) is not None:
            return wrong
        return judged(layer, spoilt, lambda _: HIDDEN)

    return run


HIDDEN = Cause(
    "nan_hidden",
    "NaN and infinity are hidden (nan_to_num, nanmean, a clip), or reach other channels; one in a channel must show in "
    "that channel's output and statistics, and in no other's",
)


def _with_one(call: Call, value: float, channel_axis: int) -> Call:
    x = call.x.copy()
    where = [0] * x.ndim
    where[channel_axis] = 1
    x[tuple(where)] = value
    return replace(call, x=x)


CHECKS = (
    Check("odd_sizes", "odd and prime sizes are right, too", _sizes(((7, 5), (3, 5, 7, 3), (13, 3)), ODD, 70)),
    Check("batch_of_one", "one example with a map has statistics over its positions",
          _sizes(((1, 3, 2, 4),), BATCH_ONE, 75)),
    Check("one_value_a_channel", "a table of one row is normalized to beta, or refused", _one_row),
    Check("one_channel", "a single channel is right", _sizes(((6, 1), (5, 3, 2, 1)), ONE_CHANNEL, 76)),
    Check("many_channels", "17, 65 and 257 channels are right, too",
          _sizes(((6, 17), (5, 65), (3, 2, 257)), MANY_CHANNELS, 80)),
    Check("empty_batch", "inference of no rows gives no rows, and changes nothing", _no_rows),
    Check("large_batch", "many values a channel are right", _sizes(((4098, 3), (64, 9, 9, 2)), LARGE, 77), quick=False),
    Check("constant_channel", "a constant channel becomes beta", _constant),
    Check("nan_shows", "NaN in one channel shows there and nowhere else", _poisoned(float("nan"), 78)),
    Check("infinity_shows", "infinity in one channel shows there and nowhere else", _poisoned(float("inf"), 79)),
)  # fmt: skip
