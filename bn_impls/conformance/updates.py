"""Which calls change the state: training calls, once; inference, never; and only statistics and counter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bn_impls.conformance.calls import exported, offered, offers, played
from bn_impls.conformance.judging import judged
from bn_impls.conformance.model import Check, Failure
from bn_impls.conformance.subject import Subject, calls


def _inference(subject: Subject) -> Failure | None:
    layer = subject.build()
    (call,) = calls(layer.configuration, "inference", seed=40)
    layer.import_state(call.state)
    offered(layer.inference)(layer.to_native(call.x))
    before: Mapping[str, Any] = call.state
    found, names = exported(layer), ("moving_mean", "moving_variance", "num_updates", "gamma", "beta")
    changed = [name for name in names if not np.array_equal(found[name], before[name])]
    if not changed:
        return None
    name = changed[0]
    return Failure(
        message=f"inference changed {', '.join(changed)}; it should change nothing, so update in training calls only",
        got=str(found[name].tolist()), expected=str(np.asarray(before[name]).tolist()),
        cause="inference_updates",
    )  # fmt: skip


def _training(subject: Subject) -> Failure | None:
    layer = subject.build()
    kinds = calls(layer.configuration, "training", "gradients", seed=41)
    return judged(layer, kinds, only=("gamma", "beta", "num_updates"))


def _count(subject: Subject) -> Failure | None:
    """Counted from fresh, without an import, through all kinds of calls."""
    layer = subject.build()
    started = int(exported(layer)["num_updates"])
    updating = offers(layer, "training", "gradients")
    order = calls(layer.configuration, "training", "inference", "gradients", "training", "inference", seed=42)
    order = [call for call in order if call.kind in offers(layer, *updating, "inference")]
    expected = sum(call.kind in updating for call in order)
    for call in order:
        played(layer, call, load=False)
    got = int(exported(layer)["num_updates"]) - started
    if got == expected:
        return None
    return Failure(
        message=f"num_updates went up by {got} in {expected} training calls; it counts every training call once, "
        "with gradients or without, and no other call",
        got=str(got), expected=str(expected), cause="counter",
    )  # fmt: skip


CHECKS = (
    Check("inference_changes_nothing", "inference changes neither statistics nor parameters nor counter", _inference),
    Check("training_keeps_parameters", "a training call leaves gamma and beta alone and counts itself", _training),
    Check("counts_updates", "num_updates counts the training calls", _count),
)
