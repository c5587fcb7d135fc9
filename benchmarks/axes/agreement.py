"""Agreement: does it compute what the float64 reference computes?

Each step feeds a new batch to the implementation and to the reference, which follows the implementation's own
conventions, and measures output, gradients and moving statistics; then inference on the same batch. What is judged is
normally distributed input; ill-conditioned input is graded beside it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from benchmarks.axes import replicas, unusual
from benchmarks.axes.outcome import Outcome, Surroundings, layer_labels
from bn_impls.accuracy.bounds import sum_factor
from bn_impls.accuracy.comparison import Comparison, Misfit, by_quantity, judge, summarize
from bn_impls.accuracy.dtypes import SIXTEEN_BITS, numpy_dtype
from bn_impls.accuracy.grading import Grades
from bn_impls.accuracy.inputs import NORMAL, conditions
from bn_impls.accuracy.second_order import compare_second_order
from bn_impls.interface import Configuration, Implementation, Layer, NoDevice, Unsupported

SECOND = "second_order"
HELD_CONSTANT = "it is the gradient that follows if the mean in the variance is held constant, as by a stop_gradient"


def configuration_of(implementation: Implementation, parameters: Mapping[str, Any]) -> Configuration:
    """The layer that a case is about, with the implementation's own conventions."""
    return Configuration(
        input_shape=tuple(parameters["shape"]),
        layout=parameters["layout"],
        dtype=parameters["dtype"],
        decay=parameters["decay"],
        epsilon=parameters["epsilon"],
        center=parameters.get("center", True),
        scale=parameters.get("scale", True),
        conventions=implementation.conventions,
        style=parameters["style"],
        device=parameters["device"],
    )


def refused(reason: Unsupported) -> Outcome:
    """The row of a part that is not offered, or a device that is not there."""
    return Outcome(status="no_device" if isinstance(reason, NoDevice) else "unsupported", reason=reason.reason)


def run(implementation: Implementation, parameters: Mapping[str, Any], surroundings: Surroundings) -> Outcome:
    """Run one case.

    Args:
        implementation: what is measured.
        parameters: of the case.
        surroundings: not needed on this axis.

    Returns:
        Error figures of every quantity after every step; ``disagrees`` if one is above the limit.
    """
    settings = configuration_of(implementation, parameters)
    kind = parameters["input"]
    if kind == "replicas":
        return replicas.run(parameters["layer"], settings, parameters)
    if kind in unusual.INPUTS and (refusal := unusual.refusal(implementation, settings)):
        return Outcome(status="unsupported", reason=refusal)
    layer = _built(implementation, settings, parameters)
    if isinstance(layer, Unsupported):
        return refused(layer)
    try:
        if kind in unusual.INPUTS:
            return unusual.run(layer, parameters)
        if parameters.get("gradients") == SECOND:
            return _compare_second_order(layer, parameters)
        return _compare(layer, parameters)
    except Misfit as misfit:
        return Outcome(status="disagrees", reason=str(misfit))
    finally:
        layer.close()


def _built(
    implementation: Implementation, settings: Configuration, parameters: Mapping[str, Any]
) -> Layer | Unsupported:
    if parameters.get("gradients") != SECOND:
        return implementation.build(settings)
    build = implementation.variants.get(SECOND)
    return Unsupported("no second-order gradient is offered") if build is None else build(settings)


def _compare(layer: Layer, parameters: Mapping[str, Any]) -> Outcome:
    settings = layer.configuration
    chosen = conditions(settings.dtype) if parameters["input"] == "conditions" else (NORMAL,)
    comparison = Comparison(layer, parameters["seed"], chosen)
    grades = Grades(comparison) if len(chosen) > 1 else None
    steps, durations_ns = [], []
    for number in range(parameters["steps"] + 1):  # the last one by the call without gradients
        began = time.perf_counter_ns()
        gradients = number < parameters["steps"]
        if grades:
            compared = comparison.compare(gradients=gradients)
            steps.append(comparison.figures(compared, NORMAL.name))
            grades.add(compared)
        else:
            steps.append(comparison.step(gradients=gradients))
        durations_ns.append(time.perf_counter_ns() - began)
    updates = layer.export_state()["num_updates"]
    before = {name: np.array(value) for name, value in layer.export_state().items()}
    labels, wrong = layer_labels(layer, *comparison.draw())
    after: Mapping[str, Any] = layer.export_state()
    changed = [name for name in after if not np.array_equal(after[name], before[name], equal_nan=True)]
    metrics = summarize(steps) | {"num_updates": updates} | _facts(settings)
    metrics |= dtypes_of(layer, metrics) | (grades.metrics() if grades else {})
    samples: dict[str, Any] = {"steps": _short(by_quantity(steps)), "durations_ns": durations_ns}
    if grades:
        samples["conditions"] = _short(grades.worst)
    if wrong:
        return Outcome(status="failed", reason=f"a label is wrong: {wrong}", labels=labels)
    reason = judge(metrics, updates, len(steps), changed)
    return Outcome(
        status="disagrees" if reason else "ok", reason=reason, metrics=metrics, samples=samples, labels=labels
    )


def _compare_second_order(layer: Layer, parameters: Mapping[str, Any]) -> Outcome:
    began = time.perf_counter_ns()
    steps, constant_mean = compare_second_order(layer, parameters["seed"], parameters["steps"])
    settings = layer.configuration
    labels, wrong = layer_labels(layer, *[np.zeros(settings.input_shape, numpy_dtype(settings.dtype))] * 3)
    if wrong:
        return Outcome(status="failed", reason=f"a label is wrong: {wrong}", labels=labels)
    updates = layer.export_state()["num_updates"]
    metrics = summarize(steps) | {"num_updates": updates} | _facts(settings)
    reason = judge(metrics, len(steps), len(steps), [])  # the count is judged where users' own calls are made
    if reason and constant_mean:
        reason = f"{reason}; {HELD_CONSTANT}"
        metrics["second_order_constant_mean"] = True
    status = "disagrees" if reason else "ok"
    samples = {"steps": _short(by_quantity(steps)), "durations_ns": [time.perf_counter_ns() - began]}
    return Outcome(status=status, reason=reason, metrics=metrics, samples=samples, labels=labels)


def _facts(settings: Configuration) -> dict[str, Any]:
    """The conventions that the reference was set to, and how much wider than the bound the limit is."""
    conventions = {name: value for name, value in asdict(settings.conventions).items() if value is not None}
    if settings.dtype in SIXTEEN_BITS:  # bound and limit are of different arithmetics
        return conventions
    terms = math.prod(settings.input_shape) // settings.channels
    return {"limit_over_bound": sum_factor(terms, "plain") / sum_factor(terms, "good"), **conventions}


ARITHMETIC = {"training": "output_training", "gradient": "gradient_input", "inference": "output_inference"}


def dtypes_of(layer: Layer, metrics: Mapping[str, Any]) -> dict[str, str]:
    """What dtypes were seen: of statistics and parameters as they are stored, and of 16-bit arithmetic by its error."""
    state, dtype = layer.export_state(), layer.configuration.dtype
    stored = {"statistics_dtype": state["moving_mean"].dtype.name, "parameter_dtype": state["gamma"].dtype.name}
    if dtype not in SIXTEEN_BITS:
        return stored
    for part, quantity in ARITHMETIC.items():
        narrow = metrics[f"{quantity}_error_over_bound"] > 1  # more than float32 and one rounding at the end can cost
        stored[f"{part}_dtype"] = dtype if narrow else "float32"
    return stored


def _short(values: Any) -> Any:
    """The same with four digits to each number: an error has no more."""
    if isinstance(values, dict):
        return {name: _short(value) for name, value in values.items()}
    if isinstance(values, list):
        return [_short(value) for value in values]
    return float(f"{values:.4g}") if isinstance(values, float) else values
