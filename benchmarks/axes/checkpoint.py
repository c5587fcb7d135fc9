"""Checkpoint: after save and restore in a fresh process, is everything back?

Two stages, each in a process of its own. The first trains, saves, and goes on training without interruption. The
second builds the same network from other initial weights, restores, and goes on training on the same batches.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.axes.agreement import refused
from benchmarks.axes.outcome import Outcome, Surroundings, labelled
from benchmarks.axes.training import Experiment
from bn_impls import canonical
from bn_impls.accuracy.errors import distance, max_ulp
from bn_impls.errors import BadCheckpoint
from bn_impls.interface import Array, Format, Implementation, Trainer, Unsupported

STAGES = ("save", "restore")
OTHER_SEED = 12345  # the fresh process starts from other weights, so that restoring nothing is noticed
HIDDEN_LIMIT_REL = 1e-3  # far above rounding in another order, far below other weights
FACTS, ARRAYS, FILES = "facts.json", "before.npz", "checkpoint"


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
    experiment = Experiment.of(implementation, parameters, surroundings)
    trainer = experiment.trainer(implementation, None if stage == "save" else OTHER_SEED)
    if isinstance(trainer, Unsupported):
        return refused(trainer)
    try:
        chosen = trainer.formats.get(parameters["format"])
        if chosen is None:
            why = f"it offers {', '.join(trainer.formats)}, but its descriptor declares {parameters['format']}"
            return Outcome(status="failed", reason=why)
        act = _save if stage == "save" else _restore
        return act(trainer, chosen, experiment, parameters, surroundings.scratch)
    finally:
        trainer.close()


def _batches(experiment: Experiment, parameters: Mapping[str, Any]) -> tuple[Any, Any]:
    before, after = parameters["steps_before"], parameters["steps_after"]
    indices, masks = experiment.steps(before + after)
    head = indices[:before], {name: mask[:before] for name, mask in masks.items()}
    tail = indices[before:], {name: mask[before:] for name, mask in masks.items()}
    return head, tail


def _everything(trainer: Trainer) -> dict[str, Array]:
    return trainer.export_weights() | {f"optimizer/{name}": a for name, a in trainer.export_optimizer().items()}


def _save(
    trainer: Trainer, chosen: Format, experiment: Experiment, parameters: Mapping[str, Any], scratch: Path
) -> Outcome:
    head, tail = _batches(experiment, parameters)
    trainer.train(*head)
    arrays = _everything(trainer)
    test = experiment.data.test.inputs
    folder = scratch / FILES
    folder.mkdir()
    began = time.perf_counter_ns()
    chosen.save(folder)
    save_ns = time.perf_counter_ns() - began
    arrays["inference"] = trainer.predict(test, "moving")
    arrays["losses"] = trainer.train(*tail)
    canonical.write(scratch / ARRAYS, arrays)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    (scratch / FACTS).write_text(json.dumps({"save_ns": save_ns, "size_bytes": size}))
    return Outcome()


def _restore(
    trainer: Trainer, chosen: Format, experiment: Experiment, parameters: Mapping[str, Any], scratch: Path
) -> Outcome:
    expected, facts = canonical.read(scratch / ARRAYS), json.loads((scratch / FACTS).read_text())
    losses, inference = expected.pop("losses"), expected.pop("inference")
    began = time.perf_counter_ns()
    try:
        chosen.restore(scratch / FILES)
    except BadCheckpoint as error:
        return Outcome(status="disagrees", reason=f"its own checkpoint was refused in a fresh process: {error}")
    restore_ns = time.perf_counter_ns() - began
    found = _everything(trainer)
    predicted = trainer.predict(experiment.data.test.inputs, "moving")
    _, tail = _batches(experiment, parameters)
    resumed = trainer.train(*tail)
    settings = experiment.settings
    claims = {"device": settings.device, "dtype": settings.dtype, "style": settings.style}
    labels, wrong = labelled(claims, trainer.observe())
    if wrong:
        return Outcome(status="failed", reason=f"a label is wrong: {wrong}", labels=labels)
    metrics = {
        "inference_bitwise": bool(np.array_equal(predicted, inference)),
        "inference_error_ulp": max_ulp(predicted, inference),
        **restored_figures(found, expected),
        **resumed_figures(resumed, losses),
        "save_s": facts["save_ns"] / 1e9,
        "restore_s": restore_ns / 1e9,
        "size_bytes": facts["size_bytes"],
    }
    reason = judge(metrics) or hidden_loss(predicted, inference, resumed, losses)
    samples = {
        "uninterrupted_loss": losses.tolist(),
        "resumed_loss": resumed.tolist(),
        "save_ns": facts["save_ns"],
        "restore_ns": restore_ns,
        "durations_ns": [facts["save_ns"] + restore_ns],
        "dataset": experiment.data.description(),
    }
    return Outcome(
        status="disagrees" if reason else "ok", reason=reason, metrics=metrics, samples=samples, labels=labels
    )


def restored_figures(found: Mapping[str, Array], expected: Mapping[str, Array]) -> dict[str, Any]:
    """What came back of weights, statistics, counters and optimizer, by the names that every trainer exports."""

    def worst(names: list[str]) -> float:
        return max((max_ulp(found[name], expected[name]) for name in names), default=0.0)

    counters = [name for name in expected if name.endswith("/num_updates")]
    different = (name for name in counters if found[name] != expected[name])
    counter = next(different, counters[0] if counters else None)  # the first layer's, unless another one differs
    slots = [n for n in expected if n.startswith("optimizer/") and n != "optimizer/step"]
    weights = [n for n in expected if not n.startswith("optimizer/") and "moving_" not in n and "num_updates" not in n]
    return {
        "moving_mean_error_ulp": worst([n for n in expected if n.endswith("/moving_mean")]),
        "moving_variance_error_ulp": worst([n for n in expected if n.endswith("/moving_variance")]),
        "weights_error_ulp": worst(weights),
        "optimizer_error_ulp": worst(slots),
        "num_updates_saved": None if counter is None else int(expected[counter]),
        "num_updates_restored": None if counter is None else int(found[counter]),
        "optimizer_step_saved": int(expected["optimizer/step"]),
        "optimizer_step_restored": int(found["optimizer/step"]),
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
        resumed: losses after the restore.
        uninterrupted: losses without one.

    Returns:
        A reason, or None.
    """
    for what, got, expected in (
        ("inference", predicted, inference),
        ("the first resumed loss", resumed[:1], uninterrupted[:1]),
        ("the second resumed loss", resumed[1:2], uninterrupted[1:2]),
    ):
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
        if metrics[f"{name}_error_ulp"] > 0
    ]
    for name, what in (("num_updates", "num_updates"), ("optimizer_step", "the optimizer's step")):
        saved, restored = metrics[f"{name}_saved"], metrics[f"{name}_restored"]
        if saved != restored:
            lost.append(f"{what} was {saved} when saved and {restored} when restored")
    return "; ".join(lost) or None
