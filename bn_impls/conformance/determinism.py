"""The same call from the same state gives the same bits."""

from __future__ import annotations

import numpy as np

from bn_impls.conformance.calls import offers, played
from bn_impls.conformance.model import Check, Failure
from bn_impls.conformance.subject import Subject, calls


def _same_bits(subject: Subject) -> Failure | None:
    layer = subject.build()
    for call in calls(layer.configuration, *offers(layer, "training", "gradients", "inference"), seed=60):
        first, again = played(layer, call), played(layer, call)
        for name, array in first.items():
            if not np.array_equal(array, again[name], equal_nan=True):
                off = float(np.max(np.abs(array.astype(np.float64) - again[name].astype(np.float64))))
                return Failure(
                    message=f"{name} of the same call ({call.kind}) from the same state differs by {off:.3g} when it "
                    "is repeated: something random, or left over from the call before, goes into it",
                    got=f"{off:.3g}", expected="0", cause="not_repeatable",
                )  # fmt: skip
    return None


CHECKS = (Check("repeatable", "the same call from the same state gives the same bits", _same_bits),)
