"""That a timed call gives out everything that its work consists of: nothing can be left out as dead code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from bn_impls.interface import Configuration, Layer, Observation


def claimed(work: str, settings: Configuration) -> str:
    """What a call of this work must return.

    Args:
        work: a layer's.
        settings: of the layer.

    Returns:
        Names with shapes.
    """
    whole, channels = _shape(settings.input_shape), _shape((settings.channels,))
    if work != "training_forward_backward":
        return f"y {whole}"
    return f"y {whole}, dx {whole}, dgamma {channels}, dbeta {channels}"


def observed(layer: Layer, function: Callable[..., Any], inputs: Sequence[Any]) -> Observation:
    """Call once, and read every value of every result into an array.

    Args:
        layer: whose callable it is.
        function: the very callable that is timed.
        inputs: those of the timed calls.

    Returns:
        Names with shapes of what was read.
    """
    result = function(*inputs)
    layer.synchronize(result)
    parts = result if isinstance(result, (tuple, list)) else (result,)
    arrays = [np.asarray(layer.to_numpy(part)) for part in parts if part is not None]
    names = ("y", "dx", "dgamma", "dbeta")
    seen = ", ".join(f"{name} {_shape(array.shape)}" for name, array in zip(names, arrays, strict=False))
    values = sum(prod(array.shape) for array in arrays)
    return Observation(seen, f"all {values:,} values of one call of the timed callable were read")


def _shape(shape: Sequence[int]) -> str:
    return f"({', '.join(map(str, shape))})"
