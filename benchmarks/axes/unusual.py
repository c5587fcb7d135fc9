"""Batches that an API may refuse: an empty one, and one value a channel. What it does is recorded, not judged."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.axes.outcome import Outcome, layer_labels
from bn_impls.accuracy.comparison import Comparison
from bn_impls.accuracy.dtypes import numpy_dtype
from bn_impls.accuracy.grading import Grades
from bn_impls.accuracy.inputs import Condition
from bn_impls.errors import BnBenchError
from bn_impls.interface import Configuration, Implementation, Layer, Unsupported

EMPTY, ONE_VALUE = "empty", "one_value"
INPUTS = (EMPTY, ONE_VALUE)


def refusal(implementation: Implementation, settings: Configuration) -> str | None:
    """Why an API does not train on such a batch, found by trying on a layer of its own; None if it does."""
    try:
        layer = implementation.build(settings)
        if isinstance(layer, Unsupported):
            return layer.reason
        zeros = np.zeros(settings.input_shape, numpy_dtype(settings.dtype))
        try:
            with np.errstate(all="ignore"):
                x, dy = layer.to_native(zeros), layer.to_native(zeros)
                if not isinstance(layer.training_step_with_gradients, Unsupported):
                    layer.to_numpy(layer.differentiated(x, dy)[0])
                layer.to_numpy(layer.training_step(x))
        finally:
            layer.close()
    except BnBenchError:  # our own words are no answer of the API
        raise
    except Exception as error:  # whatever an API raises over such a batch is its way to refuse it
        first_line = (str(error).splitlines() or ["no message"])[0][:300]
        return f"this input is refused: {type(error).__name__}: {first_line}"
    return None


def run(layer: Layer, parameters: Mapping[str, Any]) -> Outcome:
    """Observe what a layer does with such a batch.

    Args:
        layer: one that does not refuse.
        parameters: of the case.

    Returns:
        ``ok`` with what was seen.
    """
    began = time.perf_counter_ns()
    found = _empty(layer) if parameters["input"] == EMPTY else _one_value(layer, parameters)
    settings = layer.configuration
    labels, _ = layer_labels(layer, *[np.zeros(settings.input_shape, numpy_dtype(settings.dtype))] * 2)
    durations = {"durations_ns": [time.perf_counter_ns() - began]}
    return replace(found, labels=labels, samples=found.samples | durations)


def _one_value(layer: Layer, parameters: Mapping[str, Any]) -> Outcome:
    comparison = Comparison(layer, parameters["seed"], (Condition(name=ONE_VALUE),))
    grades = Grades(comparison)
    for _ in range(parameters["steps"]):
        grades.add(comparison.compare(gradients=True))
    return Outcome(metrics=grades.metrics(), samples={"conditions": grades.worst})


def _empty(layer: Layer) -> Outcome:
    settings = layer.configuration
    before: Mapping[str, Any] = {name: np.array(value) for name, value in layer.export_state().items()}
    nothing = np.zeros(settings.input_shape, numpy_dtype(settings.dtype))
    with np.errstate(all="ignore"):
        x, dy = layer.to_native(nothing), layer.to_native(nothing)
        none = isinstance(layer.training_step_with_gradients, Unsupported)
        results = (layer.training_step(x),) if none else layer.differentiated(x, dy)
        arrays = [layer.to_numpy(tensor) for tensor in results]
        after: Mapping[str, Any] = layer.export_state()
        inferred = layer.to_numpy(layer.inference(x))
    like_input, gradients = [*arrays[:2], inferred], arrays[2:]
    statistics = [(before[name], after[name]) for name in ("moving_mean", "moving_variance")]
    kept = all(np.array_equal(old, new) for old, new in statistics)
    lost = any(not np.all(np.isfinite(new)) for _, new in statistics)
    zero, finite = (all(np.all(test(array)) for array in gradients) for test in (lambda a: a == 0, np.isfinite))
    metrics = {
        "empty_shapes_kept": all(array.shape == settings.input_shape for array in like_input),
        "empty_gradients": "none" if none else "zero" if zero else "finite" if finite else "not finite",
        "empty_statistics": "unchanged" if kept else "not finite" if lost else "changed",
        "num_updates": after["num_updates"],
    }
    return Outcome(metrics=metrics)
