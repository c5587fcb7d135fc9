"""Checkpoint: after save and restore in a fresh process, is everything back?

Two stages, each in a process of its own. The first trains, saves, and goes on training without interruption. The
second builds the same again from other values, restores, and goes on training on the same batches.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.axes.checkpoint import trials
from benchmarks.axes.checkpoint.figures import hidden_loss, judge, restored_figures, resumed_figures
from benchmarks.axes.checkpoint.probing import probe
from benchmarks.axes.checkpoint.restoring import restore
from benchmarks.axes.checkpoint.saving import save
from benchmarks.axes.checkpoint.subjects import subject
from benchmarks.axes.outcome import Outcome, Surroundings
from benchmarks.checkpoints.situations import SITUATIONS
from bn_impls.interface import Implementation

__all__ = ["hidden_loss", "judge", "restored_figures", "resumed_figures", "run_stage"]


def run_stage(
    stage: str, implementation: Implementation, parameters: Mapping[str, Any], surroundings: Surroundings
) -> Outcome:
    """Run one stage; the second gives the figures.

    Args:
        stage: ``save`` or ``restore``.
        implementation: what is measured.
        parameters: of the case.
        surroundings: gives the data set and the folder that both stages see.

    Returns:
        The outcome of the stage.
    """
    if "not_offered" in parameters:
        return Outcome(status="unsupported", reason=parameters["not_offered"])
    if "probe" in parameters:
        return probe(implementation, parameters["probe"], surroundings.scratch)
    if "damage" in parameters:
        return trials.run(parameters, surroundings.scratch)
    if stage == "save":
        saved = {name: value for name, value in parameters.items() if name != "situation"}
        return save(lambda: subject(implementation, saved, surroundings, fresh=False), saved, surroundings.scratch)
    situation, into = parameters.get("situation", "new"), parameters.get("into", {})
    if situation.startswith("another_") and not into:
        return Outcome(status="unsupported", reason=f"there is no {SITUATIONS[situation].removeprefix('an')} to choose")
    there = {**parameters, **into}
    documented = implementation.documented.get("checkpoint_counter")
    return restore(
        lambda: subject(implementation, there, surroundings, fresh=True),
        parameters,
        surroundings.scratch,
        None if documented is None else documented.behaviour,
    )
