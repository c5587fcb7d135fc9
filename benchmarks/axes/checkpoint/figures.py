"""The figures of a restore, and the verdict on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bn_impls.accuracy.errors import distance, max_ulp
from bn_impls.interface import Array

HIDDEN_LIMIT_REL = 1e-3  # far above rounding in another order, far below other weights


def restored_figures(found: Mapping[str, Array], expected: Mapping[str, Array]) -> dict[str, Any]:
    """What came back of weights, statistics, counters and optimizer, by the names that every trainer exports.

    Args:
        found: arrays after the restore.
        expected: as saved; a layer has no names under ``optimizer/``.

    Returns:
        Metrics; None for what there is not.
    """

    def worst(names: list[str]) -> float:
        return max((max_ulp(found[name], expected[name]) for name in names), default=0.0)

    counters = [name for name in expected if name.endswith("/num_updates")]
    different = (name for name in counters if found[name] != expected[name])
    counter = next(different, counters[0] if counters else None)  # the first layer's, unless another one differs
    slots = [n for n in expected if n.startswith("optimizer/") and n != "optimizer/step"]
    weights = [n for n in expected if not n.startswith("optimizer/") and "moving_" not in n and "num_updates" not in n]
    trains = "optimizer/step" in expected
    return {
        "moving_mean_error_ulp": worst([n for n in expected if n.endswith("/moving_mean")]),
        "moving_variance_error_ulp": worst([n for n in expected if n.endswith("/moving_variance")]),
        "weights_error_ulp": worst(weights),
        "optimizer_error_ulp": worst(slots) if trains else None,
        "num_updates_saved": None if counter is None else int(expected[counter]),
        "num_updates_restored": None if counter is None else int(found[counter]),
        "optimizer_step_saved": int(expected["optimizer/step"]) if trains else None,
        "optimizer_step_restored": int(found["optimizer/step"]) if trains else None,
    }


def inference_figures(predicted: Array, inference: Array) -> dict[str, Any]:
    """Logits after the restore beside those when saved."""
    return {
        "inference_bitwise": bool(np.array_equal(predicted, inference)),
        "inference_error_ulp": max_ulp(predicted.astype(inference.dtype), inference),
    }


def cost_figures(facts: Mapping[str, Any], restore_ns: int) -> dict[str, Any]:
    """Time, bytes and names.

    Args:
        facts: what saving cost and left.
        restore_ns: what restoring took.
    """
    return {
        "save_s": facts["save_ns"] / 1e9,
        "restore_s": restore_ns / 1e9,
        "size_bytes": facts["size_bytes"],
        "files": facts["files"],
        "names_stored": len(facts["names"]),
        "random_state_stored": bool(facts["random_state"]),
    }


def raw_costs(facts: Mapping[str, Any], restore_ns: int) -> dict[str, Any]:
    """The samples beside :func:`cost_figures`."""
    return {
        "save_ns": facts["save_ns"],
        "restore_ns": restore_ns,
        "durations_ns": [facts["save_ns"] + restore_ns],
    }


def resumed_figures(resumed: Array, uninterrupted: Array) -> dict[str, Any]:
    """Where and how far the resumed losses leave the uninterrupted ones."""
    gap = distance(resumed, uninterrupted)
    different = np.flatnonzero(gap)
    return {
        "resumed_bitwise": not len(different),
        "resumed_first_difference_step": int(different[0]) if len(different) else None,
        "resumed_loss_difference_abs": float(gap.max(initial=0.0)),
    }


def hidden_loss(predicted: Array, inference: Array, resumed: Array, uninterrupted: Array) -> str | None:
    """What differs although everything that the trainer exports came back, or None.

    A stale copy of the weights in a compiled call, or a counter that nobody sees, shows here only. The first resumed
    loss depends on the weights, the second on the optimizer; later ones amplify rounding and prove nothing.

    Args:
        predicted: logits after the restore.
        inference: logits when saved.
        resumed: losses after the restore; none where the batches are others.
        uninterrupted: losses without one.

    Returns:
        A reason, or None.
    """
    compared = [("inference", predicted, inference)]
    if len(resumed):
        compared.append(("the first resumed loss", resumed[:1], uninterrupted[:1]))
        compared.append(("the second resumed loss", resumed[1:2], uninterrupted[1:2]))
    for what, got, expected in compared:
        largest = max(float(np.abs(expected).max(initial=0.0)), np.finfo(np.float64).tiny)
        off = float(distance(got, expected).max(initial=0.0)) / largest
        if not off <= HIDDEN_LIMIT_REL:
            return f"everything exported came back, but {what} is {off:.3g} off, relative to the largest value"
    return None


def judge(metrics: Mapping[str, Any]) -> str | None:
    """What did not come back, or None."""
    lost = [
        f"{what} came back {metrics[f'{name}_error_ulp']:.3g} ulp off"
        for name, what in (
            ("weights", "weights"),
            ("moving_mean", "the moving mean"),
            ("moving_variance", "the moving variance"),
            ("optimizer", "the optimizer's slots"),
        )
        if (metrics[f"{name}_error_ulp"] or 0) > 0
    ]
    for name, what in (("num_updates", "num_updates"), ("optimizer_step", "the optimizer's step")):
        saved, restored = metrics[f"{name}_saved"], metrics[f"{name}_restored"]
        if saved != restored:
            lost.append(f"{what} was {saved} when saved and {restored} when restored")
    return "; ".join(lost) or None
