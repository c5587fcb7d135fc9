"""NumPy's dtype of a name, bfloat16 included."""

from __future__ import annotations

from typing import Any

import numpy as np

from bn_impls.errors import BadConfiguration

SIXTEEN_BITS = ("float16", "bfloat16")


def numpy_dtype(name: str) -> np.dtype[Any]:
    """The dtype of a name.

    Args:
        name: one of :data:`bn_impls.interface.FLOATS`.

    Raises:
        BadConfiguration: bfloat16 where no ``ml_dtypes`` is installed.
    """
    if name != "bfloat16":
        return np.dtype(name)
    try:
        import ml_dtypes  # here: NumPy has no bfloat16, and only a case in bfloat16 needs one
    except ImportError as error:
        raise BadConfiguration(
            "bfloat16 arrays need the package ml_dtypes, which is not installed; it comes with TensorFlow and JAX"
        ) from error
    found: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
    return found
