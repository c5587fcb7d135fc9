"""Arrays of a record that stand in an NPZ file beside it, checked before they are believed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.report.run import Record
from benchmarks.stored_arrays import Unreadable, stored_arrays

Curve = NDArray[np.float64]


@dataclass(frozen=True)
class Curves:
    """The arrays of one record, or why there are none."""

    record: Record
    arrays: Mapping[str, Curve] = field(default_factory=dict)
    trouble: str = ""


def read_curves(folder: Path, record: Record) -> Curves:
    """Read the arrays that a record refers to.

    Args:
        folder: the run folder; nothing outside it is read.
        record: a record whose ``samples`` name ``file`` and ``sha256``.

    Returns:
        One-dimensional float64 arrays by name; empty, with ``trouble`` said, if the file is missing, is not
        the one that was recorded, or cannot be read.
    """
    try:
        return Curves(record, _drawable(stored_arrays(folder, record.samples)))
    except Unreadable as error:
        return Curves(record, trouble=str(error))


def _drawable(arrays: Mapping[str, NDArray[Any]]) -> dict[str, Curve]:
    return {
        name: np.asarray(array, dtype=np.float64)
        for name, array in arrays.items()
        if array.ndim == 1 and array.dtype.kind in "fiu"
    }
