"""The canonical state of a layer, and the checks that stand before every import of one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt

from bn_impls.errors import BadState

Array = npt.NDArray[Any]


class State(TypedDict):
    """What one layer remembers; each array has shape (C,), and ``num_updates`` counts training calls so far."""

    gamma: Array
    beta: Array
    moving_mean: Array
    moving_variance: Array
    num_updates: int


CHANNEL_ARRAYS = ("gamma", "beta", "moving_mean", "moving_variance")
MOST_UPDATES = np.iinfo(np.int64).max  # frameworks count in int64


def validated_state(state: Mapping[str, Any], channels: int) -> State:
    """Copy a canonical state after checking it.

    NaN and infinity are let through: a poisoned layer must be restored as poisoned as it was saved.

    Args:
        state: names to values.
        channels: C.

    Returns:
        A copy that shares no memory with the argument.

    Raises:
        BadState: a name is missing or unknown, a shape or dtype is wrong, a variance is negative.
    """
    expected = {*CHANNEL_ARRAYS, "num_updates"}
    if set(state) != expected:
        raise BadState(
            f"the state has {sorted(state)}, but should have exactly {sorted(expected)} [import_state]; "
            "export_state of any implementation gives one"
        )
    arrays = {name: _channel_array(name, state[name], channels) for name in CHANNEL_ARRAYS}
    if np.any(arrays["moving_variance"] < 0):
        lowest = float(np.nanmin(arrays["moving_variance"]))
        raise BadState(f"moving_variance goes down to {lowest}, but should be 0 or more [import_state]")
    count = _as_array("num_updates", state["num_updates"], "import_state")
    if count.shape != () or count.dtype.kind not in "iu" or not 0 <= count <= MOST_UPDATES:
        raise BadState(f"num_updates is {state['num_updates']!r}, but should be an integer of 0 or more [import_state]")
    return State(
        gamma=arrays["gamma"],
        beta=arrays["beta"],
        moving_mean=arrays["moving_mean"],
        moving_variance=arrays["moving_variance"],
        num_updates=int(count),
    )


def _channel_array(name: str, value: Any, channels: int) -> Array:
    array = _as_array(name, value, "import_state")
    if array.shape != (channels,):
        raise BadState(f"{name} has shape {array.shape}, but should be ({channels},) [import_state]")
    if not _is_float(array):
        raise BadState(f"{name} has dtype {array.dtype}, but should be a floating-point dtype [import_state]")
    return array


def _as_array(name: str, value: Any, where: str) -> Array:
    try:
        return np.array(value)
    except ValueError as error:  # rows of different lengths
        raise BadState(f"{name} is no array ({error}) [{where}]") from error


def _is_float(array: Array) -> bool:
    return array.dtype.kind == "f" or array.dtype.name == "bfloat16"  # bfloat16 registers itself as a void type


def validated_arrays(given: Mapping[str, Any], own: Mapping[str, Array], where: str) -> dict[str, Array]:
    """Copy named arrays after checking them against the names and shapes that a trainer exports itself.

    Args:
        given: what is to be imported.
        own: what the trainer exports now.
        where: name of the caller, for the message.

    Returns:
        Copies with the trainer's own dtypes.

    Raises:
        BadState: names or shapes differ, a number became another kind of number, a count or a moving variance is
            negative.
    """
    missing, unknown = sorted(set(own) - set(given)), sorted(set(given) - set(own))
    if missing or unknown:
        raise BadState(f"got arrays with {missing} missing and {unknown} unknown [{where}]; export gives the names")
    copies = {}
    for name, template in own.items():
        array = _as_array(name, given[name], where)
        if array.shape != template.shape:
            raise BadState(f"{name} has shape {array.shape}, but should be {template.shape} [{where}]")
        fits = array.dtype.kind in "iu" if template.dtype.kind in "iu" else _is_float(array)
        if not fits:
            raise BadState(f"{name} has dtype {array.dtype}, but should be a number like {template.dtype} [{where}]")
        never_negative = template.dtype.kind in "iu" or name.endswith("moving_variance")
        if never_negative and np.any(array < 0):
            raise BadState(f"{name} goes down to {np.nanmin(array)}, but should be 0 or more [{where}]")
        copies[name] = array.astype(template.dtype)
    return copies
