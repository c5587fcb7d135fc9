"""What the exact experiments share: layers of an implementation, states with chosen values, and errors over bounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

import numpy as np

from benchmarks.axes.outcome import Outcome, Surroundings
from bn_impls.accuracy.bounds import UNIT_ROUNDOFF, inference_bound, step_bounds
from bn_impls.accuracy.errors import distance, over
from bn_impls.interface import Array, Configuration, Implementation
from bn_impls.semantics.asking import NotOffered, Probed, Subject

DTYPES = ("float32", "float64")
Run = Callable[[Implementation, Mapping[str, Any], Surroundings], Outcome]


def on_layers(measure: Callable[[Subject, Mapping[str, Any]], Outcome]) -> Run:
    """An experiment that asks the layers of one implementation.

    Args:
        measure: ``(the implementation in the case's call style, parameters) -> Outcome``; every layer that is built is
            released at its end.

    Returns:
        The stage of a case. One whose implementation does not offer what is asked for has the status ``unsupported``.
    """

    @wraps(measure)
    def run(implementation: Implementation, parameters: Mapping[str, Any], surroundings: Surroundings) -> Outcome:
        asked = Subject(implementation, parameters["style"])
        try:
            return measure(asked, parameters)
        except NotOffered as reason:
            return Outcome(status="unsupported", reason=str(reason))
        finally:
            asked.close()

    return run


def in_each_dtype(measure: Callable[[str], Mapping[str, Any]]) -> dict[str, Any]:
    """The figures of an experiment by dtype: ``float32_error_over_bound`` and so on.

    Args:
        measure: dtype -> figures; raises NotOffered for a dtype that the implementation does not have.

    Returns:
        The figures of the dtypes that are offered.

    Raises:
        NotOffered: none is.
    """
    found: dict[str, Any] = {}
    reasons = []
    for dtype in DTYPES:
        try:
            found |= {f"{dtype}_{name}": value for name, value in measure(dtype).items()}
        except NotOffered as reason:
            reasons.append(str(reason))
    if len(reasons) == len(DTYPES):
        raise NotOffered(reasons[0])
    return found


def set_state(probed: Probed, **arrays: Any) -> dict[str, Array]:
    """Set parts of a layer's state.

    Args:
        probed: the layer.
        arrays: ``gamma``, ``beta``, ``moving_mean`` or ``moving_variance``, each (C,) or a number.

    Returns:
        The same parts in float64 as the layer has stored them: rounded to its dtype.
    """
    settings = probed.settings
    wide = {name: np.full(settings.channels, value, settings.dtype) for name, value in arrays.items()}
    state: dict[str, Any] = {**probed.layer.export_state(), **wide}
    probed.layer.import_state(state)
    return {name: array.astype(np.float64) for name, array in wide.items()}


def statistics(x: Array) -> tuple[Array, Array]:
    """Mean and biased variance (C,) of an input (n, C), in float64."""
    wide = x.astype(np.float64)
    return wide.mean(axis=0), wide.var(axis=0)


def worst_over(got: Array, exact: Array, bound: Array) -> float:
    """The largest error over its bound."""
    return float(over(distance(got, exact), np.maximum(bound, np.finfo(np.float64).tiny)).max())


def output_bound(settings: Configuration, x: Array, gamma: Array, beta: Array) -> Array:
    """Rounding-error bound of a training output, whichever way it is evaluated; see ``bn_impls.accuracy.bounds``."""
    return step_bounds(settings, "plain", x.astype(np.float64), np.zeros(x.shape), gamma, beta).output


def exact_inference_bound(
    settings: Configuration, x: Array, mean: Array, variance: Array, gamma: Array, beta: Array
) -> Array:
    """The same for inference by statistics that are stored as they are meant, but for one rounding."""
    u = UNIT_ROUNDOFF[settings.dtype]
    stored = u * np.abs(mean), u * np.abs(variance)
    return inference_bound(settings, "plain", x.astype(np.float64), mean, variance, *stored, gamma, beta)
