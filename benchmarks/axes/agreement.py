"""Agreement: does it compute what the float64 reference computes?

Each step feeds a new batch to the implementation and to the reference, which follows the implementation's own
conventions, and measures output, gradients and moving statistics; then inference on the same batch.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from benchmarks.axes.outcome import Outcome, Surroundings, labelled
from bn_impls.accuracy.bounds import sum_factor
from bn_impls.accuracy.comparison import Comparison, Misfit, by_quantity, judge, summarize
from bn_impls.interface import Configuration, Implementation, Layer, NoDevice, Unsupported


def configuration_of(implementation: Implementation, parameters: Mapping[str, Any]) -> Configuration:
    """The layer that a case is about, with the implementation's own conventions."""
    return Configuration(
        input_shape=tuple(parameters["shape"]),
        layout=parameters["layout"],
        dtype=parameters["dtype"],
        decay=parameters["decay"],
        epsilon=parameters["epsilon"],
        center=True,
        scale=True,
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
    layer = implementation.build(settings)
    if isinstance(layer, Unsupported):
        return refused(layer)
    try:
        return _compare(layer, parameters)
    except Misfit as misfit:
        return Outcome(status="disagrees", reason=str(misfit))
    finally:
        layer.close()


def _compare(layer: Layer, parameters: Mapping[str, Any]) -> Outcome:
    comparison = Comparison(layer, parameters["seed"])
    steps, durations_ns = [], []
    for number in range(parameters["steps"] + 1):  # the last one by the call without gradients
        began = time.perf_counter_ns()
        steps.append(comparison.step(gradients=number < parameters["steps"]))
        durations_ns.append(time.perf_counter_ns() - began)
    updates = layer.export_state()["num_updates"]
    before = {name: np.array(value) for name, value in layer.export_state().items()}
    x, _ = comparison.draw()
    settings = layer.configuration
    claims = {"device": settings.device, "dtype": settings.dtype, "style": settings.style}
    native = layer.to_native(x)
    labels, wrong = labelled(claims, layer.observe(layer.inference, native))
    after: Mapping[str, Any] = layer.export_state()
    changed = [name for name in after if not np.array_equal(after[name], before[name], equal_nan=True)]
    terms = math.prod(settings.input_shape) // settings.channels
    limit = sum_factor(terms, "plain") / sum_factor(terms, "good")
    conventions = {name: value for name, value in asdict(settings.conventions).items() if value is not None}
    metrics = summarize(steps) | {"limit_over_bound": limit, "num_updates": updates, **conventions}
    samples = {"steps": by_quantity(steps), "durations_ns": durations_ns}
    if wrong:
        return Outcome(status="failed", reason=f"a label is wrong: {wrong}", labels=labels)
    reason = judge(metrics, updates, len(steps), changed)
    return Outcome(
        status="disagrees" if reason else "ok", reason=reason, metrics=metrics, samples=samples, labels=labels
    )
