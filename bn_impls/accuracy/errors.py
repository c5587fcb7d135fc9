"""How an error is measured: absolute, relative, in ulps, and over its bound."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from bn_impls.accuracy.tiles import channel_slices

Array = npt.NDArray[Any]


def ulp(magnitude: Array | float, dtype: str) -> Array:
    """Spacing of a dtype's numbers at a magnitude; for bfloat16, whose spacing is 2^16 that of float32."""
    with np.errstate(over="ignore", invalid="ignore"):  # beyond the largest number the spacing is NaN
        if dtype == "bfloat16":
            return np.asarray(np.spacing(np.abs(np.asarray(magnitude, np.float32))), np.float64) * 2.0**16
        return np.asarray(np.spacing(np.abs(np.asarray(magnitude, dtype))), np.float64)


def error_figures(
    got: Array, reference: Array, bounds: Mapping[str, Array], dtype: str, channel_axis: int | None = None
) -> dict[str, float]:
    """The worst error of one quantity, in several measures.

    An ulp is taken at the largest reference value of the element's channel: next to a zero crossing the spacing of
    the element itself shrinks without end and says nothing about the evaluation. The relative error is against the
    same value. A value that is not finite is right where the reference is the same, and infinitely wrong elsewhere.

    Args:
        got: what was computed.
        reference: in float64, same shape.
        bounds: absolute bounds of the same shape, by what the figure is called.
        dtype: whose ulp is meant.
        channel_axis: axis of the channels; None if every element is a channel of its own.

    Returns:
        ``abs``, ``rel``, ``ulp``, and the error over each bound under that bound's name.
    """
    if got.shape != reference.shape:
        raise ValueError(f"a result has shape {got.shape}, but should be {reference.shape}")
    if channel_axis is None:
        return _figures(got, reference, bounds, dtype, None)
    before = (slice(None),) * channel_axis
    found = [
        _figures(got[part], reference[part], {name: bound[part] for name, bound in bounds.items()}, dtype, channel_axis)
        for part in ((*before, channels) for channels in channel_slices(got.shape, channel_axis))
    ]
    return {name: max(figures[name] for figures in found) for name in found[0]}


def _figures(
    got: Array, reference: Array, bounds: Mapping[str, Array], dtype: str, channel_axis: int | None
) -> dict[str, float]:
    """Those of a tile."""
    error = distance(got, reference)
    axes = () if channel_axis is None else tuple(a for a in range(got.ndim) if a != channel_axis)
    scale = np.abs(reference).max(axis=axes, keepdims=True, initial=0.0) if axes else np.abs(reference)
    tiny = np.finfo(np.float64).tiny
    return {
        "abs": _worst(error),
        "rel": _worst(over(error, np.maximum(scale, tiny))),
        "ulp": _worst(over(error, ulp(scale, dtype))),
        **{name: _worst(over(error, np.maximum(bound, tiny))) for name, bound in bounds.items()},
    }


def distance(got: Array, expected: Array) -> Array:
    """Absolute difference in float64: 0 for the same value that is not finite, infinity for another one."""
    wide, exact = got.astype(np.float64), expected.astype(np.float64)
    same = (wide == exact) | (np.isnan(wide) & np.isnan(exact))
    with np.errstate(invalid="ignore"):
        error = np.abs(wide - exact)
    return np.where(same, 0.0, np.where(np.isfinite(error), error, np.inf))


def over(error: Array, unit: Array) -> Array:
    """An error in units: 0 where there is none, infinity where the unit says nothing."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratio = np.where(error == 0, 0.0, error / unit)
    return np.where(np.isnan(ratio), np.inf, ratio)


def _worst(values: Array) -> float:
    return float(np.max(values, initial=0.0))


def max_ulp(got: Array, expected: Array) -> float:
    """Largest difference of two arrays of one dtype in ulps of the expected value (in units for integers)."""
    if got.shape != expected.shape:
        return float("inf")
    error, dtype = distance(got, expected), expected.dtype
    floating = dtype.kind == "f" or dtype.name == "bfloat16"  # which registers itself as a void type
    return _worst(over(error, ulp(expected, dtype.name) if floating else np.ones_like(error)))


Pattern = Literal["same", "other kind", "spread", "hidden"]
PATTERNS: tuple[Pattern, ...] = ("same", "other kind", "spread", "hidden")  # the worst last


def pattern(got: Array, exact: Array) -> Pattern:
    """How the values that are not finite compare with the reference's.

    Returns:
        ``same`` where each value is finite, NaN or infinite as the reference's is; ``other kind`` where another kind of
        not finite stands in its place; ``spread`` where a value should be finite and is not; ``hidden`` where one is
        finite and should not be.
    """
    wide, true = got.astype(np.float64), exact.astype(np.float64)
    finite, should = np.isfinite(wide), np.isfinite(true)
    if np.any(finite & ~should):
        return "hidden"
    if np.any(~finite & should):
        return "spread"
    differs = ~(finite & should) & (wide != true) & ~(np.isnan(wide) & np.isnan(true))
    return "other kind" if np.any(differs) else "same"
