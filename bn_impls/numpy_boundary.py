"""The boundary of implementations that compute in NumPy: nothing to convert, nothing to wait for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from bn_impls.interface import Array, Observation

NUMPY_DTYPES = ("float64", "float32", "float16")


def identity(tensor: Any) -> Array:
    """The array itself."""
    return np.asarray(tensor)


def no_wait(tensor: Any) -> None:
    """Nothing to wait for: a NumPy call returns when it is done."""


def observe(function: Callable[..., Any], *inputs: Any) -> Mapping[str, Observation]:
    """What a call that returns NumPy arrays shows of itself."""
    result = function(*inputs)
    first = result[0] if isinstance(result, tuple) else result
    if not isinstance(first, np.ndarray):
        seen = f"the call returned a {type(first).__name__}"
        return {label: Observation("unknown", seen) for label in ("device", "dtype", "style")}
    return {
        "device": Observation("cpu", "the result is a numpy.ndarray, which lives in main memory"),
        "dtype": Observation(first.dtype.name, "dtype of the result"),
        "style": Observation("eager", "a Python call that returned computed values"),
    }
