"""A file to infer from: another program reads it, in a process that wrote nothing, and its logits are compared."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.axes.checkpoint.figures import HIDDEN_LIMIT_REL, cost_figures, inference_figures, raw_costs
from benchmarks.axes.checkpoint.saving import ARRAYS, folder_of
from benchmarks.axes.checkpoint.subjects import Subject
from benchmarks.axes.outcome import Outcome
from bn_impls import canonical
from bn_impls.accuracy.errors import distance


def infer_elsewhere(subject: Subject, name: str, scratch: Path, facts: Mapping[str, Any]) -> Outcome:
    """Run the second stage of an export.

    Args:
        subject: gives the reader and the inputs; its own weights are not looked at.
        name: of the export's format.
        scratch: what the first stage left.
        facts: what saving cost and left.

    Returns:
        Inference beside that of the network when it was saved, and costs; there is nothing to train on from.
    """
    assert subject.inputs is not None
    inference, began = canonical.read(scratch / ARRAYS)["inference"], time.perf_counter_ns()
    try:
        found = subject.exports[name].infer(folder_of(scratch, name), subject.inputs)
    except ModuleNotFoundError as error:
        return Outcome(status="not_installed", reason=f"what reads {name} is not installed: {error.name}")
    except Exception as error:  # whatever the reader raises is the answer
        return Outcome(status="disagrees", reason=f"the reader refused it: {type(error).__name__}: {str(error)[:300]}")
    read_ns = time.perf_counter_ns() - began
    off = float(distance(found, inference).max(initial=0.0))
    largest = max(float(np.abs(inference).max(initial=0.0)), np.finfo(np.float64).tiny)
    metrics = {
        **inference_figures(found, inference),
        "inference_difference_abs": off,
        **cost_figures(facts, read_ns),
    }
    samples = {**raw_costs(facts, read_ns), "names": facts["names"]}
    if not off <= HIDDEN_LIMIT_REL * largest:
        why = f"inference from the file is {off / largest:.3g} off, relative to the largest value"
        return Outcome(status="disagrees", reason=why, metrics=metrics, samples=samples)
    return Outcome(metrics=metrics, samples=samples)
