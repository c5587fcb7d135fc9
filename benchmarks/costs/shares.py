"""From times of whole epochs, and of epochs with something left out, to speeds and to where the time goes."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.costs.interleave import interval

USUAL = ("tf-manual", "keras")
"""The implementations that every network is timed with."""
LOGS = ("document", "ours")
"""Whose logging is timed; a document that logs nothing has none."""


def summary(subject: Mapping[str, str], replies: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """Speeds of a network's loops, their ratios with intervals over processes, and where the time goes.

    Args:
        subject: ``style`` of the document's loop, and ``own``, the implementation that is the document's API.
        replies: of each process, nanoseconds a step of each call, ``steps`` of an epoch, and ``difference``.
    """
    mean = {name: statistics.fmean(reply[name] for reply in replies) for name in replies[0]}
    whole = [*dict.fromkeys((*USUAL, subject["own"]))]
    others = [name for name in ("document", "fit") if name in mean]
    return {
        **subject,
        "steps_an_epoch": int(mean["steps"]),
        "first_losses_differ_rel": max(reply["difference"] for reply in replies),
        "steps_ns": {name: mean[name] for name in (*others, *whole)},
        "speedup": {
            f"{name} over {other}": interval([reply[other] / reply[name] for reply in replies])
            for name in whole
            for other in others
        },
        "parts_ns": {"document": document_parts(mean)} | {name: our_parts(mean, name) for name in USUAL},
        "logging_ns": {who: mean[f"{who}: logging"] * mean["steps"] for who in LOGS if f"{who}: logging" in mean},
    }


def document_parts(mean: Mapping[str, float]) -> dict[str, float | None]:
    """Nanoseconds a step of feeding, call, loss and computing; None where a part cannot be told from computing."""
    whole, feeding = mean["document"], mean["document: feeding"]
    call = mean["document: called"] - feeding if "document: called" in mean else None
    loss = whole - mean["document: unfetched"] if "document: unfetched" in mean else None
    return {"feeding": feeding, "call": call, "loss": loss, "compute": whole - feeding - (call or 0.0) - (loss or 0.0)}


def our_parts(mean: Mapping[str, float], name: str) -> dict[str, float | None]:
    """The same of ours; the losses of an epoch come back with its call."""
    steps, drawing = mean["steps"], mean["drawing"]
    trained, one = (mean[name] - drawing) * steps, mean[f"{name}: one step"] * steps
    compute = (trained - one) / (steps - 1)
    return {"feeding": drawing, "call": (one - compute) / steps, "loss": None, "compute": compute}
