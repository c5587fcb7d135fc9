"""Array by array: did it come back, and if not, what is there instead."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from benchmarks.checkpoints.diagnosis import Lost, part_of
from bn_impls.interface import Array

INITIAL: Mapping[str, tuple[float, ...]] = {
    "gamma": (1.0,), "beta": (0.0,), "moving_mean": (0.0,), "moving_variance": (0.0, 1.0), "num_updates": (0,),
    "bias": (0.0,), "m": (0.0,), "v": (0.0,), "step": (0,),
}  # fmt: skip
"""Last part of a name -> values of a new variable."""
ROOT_REL = 1e-5  # a root taken in float32 and squared again in float64


def lost_arrays(
    found: Mapping[str, Array],
    expected: Mapping[str, Array],
    before: Mapping[str, Array],
    others: Mapping[str, Mapping[str, Array]] | None = None,
) -> list[Lost]:
    """Compare what was restored with what was saved.

    Args:
        found: arrays after the restore.
        expected: the same names as saved.
        before: the same names in the restoring object before the restore.
        others: cause -> arrays that would show it: ``earlier`` those of an earlier step, ``replica`` those of one
            replica; names may lack.

    Returns:
        Those that differ, each with its cause, in the order of ``expected``.
    """
    return [
        _cause(name, found, expected, before, others or {})
        for name in expected
        if not _same(found[name], expected[name])
    ]


def _same(one: Array, other: Array) -> bool:
    """The same values; an object of another dtype holds what was saved if rounding both to the saved dtype agrees."""
    return bool(np.array_equal(one.astype(other.dtype), other, equal_nan=other.dtype.kind == "f"))


def _cause(
    name: str,
    found: Mapping[str, Array],
    expected: Mapping[str, Array],
    before: Mapping[str, Array],
    others: Mapping[str, Mapping[str, Array]],
) -> Lost:
    got, wanted = found[name], expected[name]
    if name in before and _same(got, before[name].astype(wanted.dtype)):
        return Lost(name, "untouched")
    if any(_same(got, np.full_like(wanted, value)) for value in INITIAL.get(name.rpartition("/")[2], ())):
        return Lost(name, "initialised")
    if other := _holder(name, got, expected):
        return Lost(name, "holds", other)
    for cause, arrays in others.items():
        if name in arrays and _same(got, arrays[name].astype(wanted.dtype)):
            return Lost(name, cause)
    return Lost(name, next((cause for cause, shows in _ROUNDINGS.items() if shows(got, wanted)), "other"))


def _holder(name: str, got: Array, expected: Mapping[str, Array]) -> str | None:
    """The other array whose values are here, the nearest by name first; constants prove nothing."""
    if got.size < 2 or got.dtype.kind != "f" or np.all(got == got.flat[0]):
        return None
    layer = name.rpartition("/")[0]
    candidates = sorted(expected, key=lambda other: (part_of(other) != part_of(name), not other.startswith(layer)))
    return next((o for o in candidates if expected[o].shape == got.shape and _same(got, expected[o])), None)


def _float16(got: Array, wanted: Array) -> bool:
    with np.errstate(over="ignore"):
        return wanted.dtype.itemsize > 2 and _same(got, wanted.astype(np.float16).astype(wanted.dtype))


def _bfloat16(got: Array, wanted: Array) -> bool:
    """The lower half of every float32 is zero, and the upper half is the one saved, rounded or cut."""
    if wanted.dtype != np.float32 or np.any(got.astype(np.float32).view(np.uint32) & 0xFFFF):
        return False
    return bool(np.allclose(got, wanted, rtol=2**-7, atol=0))


def _root(got: Array, wanted: Array) -> bool:
    return bool(np.allclose(np.square(got.astype(np.float64)), wanted, rtol=ROOT_REL, atol=0))


def _nan(got: Array, wanted: Array) -> bool:
    return bool(np.any(np.isnan(got)))


def _of_floats(shows: Callable[[Array, Array], bool]) -> Callable[[Array, Array], bool]:
    return lambda got, wanted: wanted.dtype.kind == "f" and wanted.size > 0 and shows(got, wanted)


_ROUNDINGS: dict[str, Any] = {
    cause: _of_floats(shows)
    for cause, shows in (("not_a_number", _nan), ("float16", _float16), ("bfloat16", _bfloat16), ("root", _root))
}
