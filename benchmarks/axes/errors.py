"""How an error is measured: absolute, relative, in ulps, and over its bound."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def ulp(magnitude: Array | float, dtype: str) -> Array:
    """Spacing of a dtype's numbers at a magnitude; for bfloat16, whose spacing is 2^16 that of float32."""
    if dtype == "bfloat16":
        return np.asarray(np.spacing(np.abs(np.asarray(magnitude, np.float32))), np.float64) * 2.0**16
    return np.asarray(np.spacing(np.abs(np.asarray(magnitude, dtype))), np.float64)


def error_figures(
    got: Array, reference: Array, bounds: Mapping[str, Array], dtype: str, channel_axis: int | None = None
) -> dict[str, float]:
    """The worst error of one quantity, in several measures.

    An ulp is taken at the largest reference value of the element's channel: next to a zero crossing the spacing of
    the element itself shrinks without end and says nothing about the evaluation. The relative error is against the
    same value. A non-finite value where the reference is finite counts as infinitely wrong.

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
    wide = got.astype(np.float64)
    with np.errstate(invalid="ignore"):
        error = np.abs(wide - reference)
    error = np.where(np.isfinite(wide) | ~np.isfinite(reference), error, np.inf)
    axes = () if channel_axis is None else tuple(a for a in range(got.ndim) if a != channel_axis)
    scale = np.abs(reference).max(axis=axes, keepdims=True, initial=0.0) if axes else np.abs(reference)
    tiny = np.finfo(np.float64).tiny
    return {
        "abs": _worst(error),
        "rel": _worst(error / np.maximum(scale, tiny)),
        "ulp": _worst(error / ulp(scale, dtype)),
        **{name: _worst(np.where(error == 0, 0.0, error / np.maximum(b, tiny))) for name, b in bounds.items()},
    }


def _worst(values: Array) -> float:
    return float(np.max(values, initial=0.0))


def max_ulp(got: Array, expected: Array) -> float:
    """Largest difference of two arrays of one floating dtype in ulps of the expected value; 0 if bitwise equal."""
    if got.shape != expected.shape:
        return float("inf")
    if np.array_equal(got, expected, equal_nan=True):
        return 0.0
    wide = np.abs(got.astype(np.float64) - expected.astype(np.float64))
    spacing = ulp(expected, expected.dtype.name) if expected.dtype.kind == "f" else np.ones_like(wide)
    with np.errstate(invalid="ignore"):
        return float(np.nanmax(np.where(np.isfinite(wide), wide / spacing, np.inf)))
