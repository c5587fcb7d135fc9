"""The second stage, in a fresh process: restore, look at everything, and train on over the same batches."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.axes.agreement import refused
from benchmarks.axes.checkpoint.arrays import lost_arrays
from benchmarks.axes.checkpoint.exporting import infer_elsewhere
from benchmarks.axes.checkpoint.figures import (
    cost_figures,
    hidden_loss,
    inference_figures,
    judge,
    raw_costs,
    restored_figures,
    resumed_figures,
)
from benchmarks.axes.checkpoint.saving import ARRAYS, EARLIER, FACTS, REPLICA, folder_of
from benchmarks.axes.checkpoint.subjects import Subject
from benchmarks.axes.outcome import Outcome
from benchmarks.axes.product_threads import with_product_threads
from benchmarks.checkpoints.diagnosis import PARTS, diagnose, part_of
from benchmarks.checkpoints.situations import NEW, SITUATIONS
from bn_impls import canonical
from bn_impls.errors import BadCheckpoint
from bn_impls.interface import Array, Unsupported

STEPS_BEFORE_RESTORE = 7  # of an object that has trained before; another number than any step that is saved
MOST_SHOWN = 40


def restore(
    build: Callable[[], Subject | Unsupported],
    parameters: Mapping[str, Any],
    scratch: Path,
    counter_documented: str | None = None,
) -> Outcome:
    """Run the stage.

    Args:
        build: builds the subject of this situation, with other values at its start than were saved.
        parameters: of the case.
        scratch: what the first stage left.
        counter_documented: what the API documents of a count of updates that its checkpoints do not hold.

    Returns:
        The outcome with the figures.
    """
    saved = json.loads((scratch / FACTS).read_text())
    with with_product_threads(saved["product_threads"]):  # those of who saved
        return _restore(build, parameters, scratch, saved["formats"].get(parameters["format"]), counter_documented)


def _restore(
    build: Callable[[], Subject | Unsupported],
    parameters: Mapping[str, Any],
    scratch: Path,
    facts: Mapping[str, Any] | None,
    counter_documented: str | None,
) -> Outcome:
    if facts is not None and "error" in facts:
        return Outcome(status="failed", reason=facts["error"])
    subject, situation = build(), parameters.get("situation", NEW)
    if isinstance(subject, Unsupported):
        return refused(subject)
    try:
        if facts is None and parameters.get("part") == "layer":
            return Outcome(status="unsupported", reason=f"a layer alone is saved as {', '.join(subject.formats)}")
        if situation == "unbuilt" and parameters["format"] not in subject.formats:
            return Outcome(status="unsupported", reason="this format makes the object itself, or sets what there is")
        if "export" in parameters and parameters["format"] in subject.exports and facts is not None:
            return infer_elsewhere(subject, parameters["format"], scratch, facts)
        if parameters["format"] not in subject.formats or facts is None:
            why = f"it offers {', '.join(subject.formats)}, but its descriptor declares {parameters['format']}"
            return Outcome(status="failed", reason=why)
        return _restored(subject, parameters, scratch, facts, counter_documented)
    finally:
        subject.close()


@dataclass(frozen=True)
class _Kept:
    """What the first stage left.

    Attributes:
        expected: all arrays of the state, by name.
        others: what they were, or would be, by the cause that would explain finding them.
        inference: of the fixed inputs.
        losses: one number of each step of the uninterrupted run.
    """

    expected: Mapping[str, Array]
    others: Mapping[str, Mapping[str, Array]]
    inference: Array
    losses: Array

    @classmethod
    def of(cls, scratch: Path) -> _Kept:
        kept = canonical.read(scratch / ARRAYS)
        losses, inference = kept.pop("losses"), kept.pop("inference")
        others = {cause: _under(kept, prefix) for cause, prefix in (("earlier", EARLIER), ("replica", REPLICA))}
        expected = {name: array for name, array in kept.items() if not name.startswith((EARLIER, REPLICA))}
        return cls(expected, others, inference, losses)


def _restored(
    subject: Subject,
    parameters: Mapping[str, Any],
    scratch: Path,
    facts: Mapping[str, Any],
    counter_documented: str | None,
) -> Outcome:
    situation = parameters.get("situation", NEW)
    if situation == "trained":
        subject.advance(0, STEPS_BEFORE_RESTORE)
    kept = _Kept.of(scratch)
    before, began = subject.everything(), time.perf_counter_ns()
    try:
        subject.formats[parameters["format"]].restore(folder_of(scratch, parameters["format"]))
    except BadCheckpoint as error:
        return _refused(situation, str(error).replace(f"{scratch}/", ""), bool(parameters.get("partial")))
    restore_ns = time.perf_counter_ns() - began
    found, predicted = subject.everything(), subject.infer()
    inference = kept.inference[: len(predicted)]  # a layer for smaller batches has got the first rows
    same_batches = "batch_size" not in parameters.get("into", {})
    steps = parameters["steps_after"] if same_batches else 0
    resumed = subject.advance(parameters["steps_before"], steps) if steps else np.empty(0, kept.losses.dtype)
    labels, wrong = subject.observe()
    if wrong:
        return Outcome(status="failed", reason=f"a label is wrong: {wrong}", labels=labels)
    lost = lost_arrays(found, kept.expected, before, kept.others)
    metrics = {
        **inference_figures(predicted, inference),
        **restored_figures({name: a.astype(kept.expected[name].dtype) for name, a in found.items()}, kept.expected),
        **(resumed_figures(resumed, kept.losses) if steps else {}),
        "arrays": len(kept.expected),
        "arrays_lost": len(lost),
        **cost_figures(facts, restore_ns),
    }
    samples = {
        "uninterrupted_loss": kept.losses.tolist(),
        "resumed_loss": resumed.tolist(),
        **raw_costs(facts, restore_ns),
        **({"names": facts["names"]} if situation == NEW else {}),
        "lost": [asdict(one) for one in lost[:MOST_SHOWN]],
        **({} if subject.dataset is None else {"dataset": subject.dataset}),
    }
    lacks_count = {part_of(one.name) for one in lost} == {"counters"}
    hidden = hidden_loss(predicted, inference, resumed, kept.losses, but=PARTS["counters"] if lacks_count else "")
    diagnosis = diagnose(lost, kept.expected, metrics)
    reason = _told(diagnosis, judge(metrics), hidden if lacks_count or not lost else None)
    broken = reason is not None and not parameters.get("partial")  # a part was saved on purpose
    if lacks_count and hidden is None and counter_documented is not None:
        broken, reason = False, counter_documented
    status = "disagrees" if broken else "ok"
    return Outcome(status=status, reason=reason, metrics=metrics, samples=samples, labels=labels)


def _told(named: str | None, figures: str | None, hidden: str | None) -> str | None:
    """The diagnosis with its figures, and what differs besides; None where all is well."""
    lost = f"{named} ({figures})" if named and figures else named or figures
    return "; ".join(filter(None, (lost, hidden))) or None


def _under(arrays: Mapping[str, Array], prefix: str) -> dict[str, Array]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _refused(situation: str, error: str, partial: bool) -> Outcome:
    """A checkpoint that its own maker refuses is a disagreement; elsewhere a refusal is an honest answer."""
    if partial:
        return Outcome(status="unsupported", reason=f"restoring in this way is refused: {error}")
    if situation == NEW:
        return Outcome(status="disagrees", reason=f"its own checkpoint was refused in a fresh process: {error}")
    return Outcome(status="unsupported", reason=f"restoring into {SITUATIONS[situation]} is refused: {error}")
