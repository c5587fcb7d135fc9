"""Ranks, layouts, and parameters that are off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bn_impls.conformance.diagnosis import Cause
from bn_impls.conformance.judging import judged, unless_usual_is_wrong
from bn_impls.conformance.model import Check, Failure
from bn_impls.conformance.subject import Subject, calls

FIRST = Cause("channels_first", "channels last is right and channels first is not: an axis is fixed in the code; take "
                                "Configuration.channel_axis and reduction_axes")  # fmt: skip
RANK = Cause("rank", "maps of rank 4 are right and this rank is not: an axis is fixed in the code; take "
                     "Configuration.reduction_axes")  # fmt: skip
OFF = Cause("parameter_off", "a parameter that is off still takes part, or takes the other one with it")


def _as(otherwise: Cause, seed: int, **changes: Any) -> Callable[[Subject], Failure | None]:
    def run(subject: Subject) -> Failure | None:
        layer = subject.build(**changes)
        kinds = calls(layer.configuration, "training", "gradients", "inference", seed=seed)
        return judged(layer, kinds, unless_usual_is_wrong(subject, otherwise))

    return run


CHECKS = (
    # Equal sizes first: a wrong axis then gives numbers, which name it, and not an error of shapes.
    Check("channels_first_equal", "channels first is right where all sizes are equal",
          _as(FIRST, 90, input_shape=(5, 4, 4, 4), layout="channels_first")),
    Check("channels_last_equal", "channels last is right where all sizes are equal",
          _as(RANK, 91, input_shape=(5, 4, 4, 4))),
    Check("channels_first", "channels first is right",
          _as(FIRST, 92, input_shape=(5, 4, 3, 2), layout="channels_first")),
    Check("rank_3", "rank 3 is right", _as(RANK, 93, input_shape=(6, 3, 4))),
    Check("rank_3_channels_first", "rank 3 with channels first is right",
          _as(FIRST, 94, input_shape=(6, 4, 3), layout="channels_first")),
    Check("rank_5", "rank 5 is right", _as(RANK, 95, input_shape=(4, 2, 3, 2, 4))),
    Check("rank_5_channels_first", "rank 5 with channels first is right",
          _as(FIRST, 96, input_shape=(4, 4, 2, 3, 2), layout="channels_first")),
    Check("without_gamma", "without scale, gamma is 1 and has no gradient", _as(OFF, 97, scale=False)),
    Check("without_beta", "without center, beta is 0 and has no gradient", _as(OFF, 98, center=False)),
    Check("without_both", "without both the output is xhat", _as(OFF, 99, scale=False, center=False)),
)  # fmt: skip
