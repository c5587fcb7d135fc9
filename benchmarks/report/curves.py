"""Arrays of a record that stand in an NPZ file beside it, checked before they are believed."""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.report.run import Record

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
    name, digest = record.samples.get("file"), record.samples.get("sha256")
    if not isinstance(name, str) or not isinstance(digest, str):
        return Curves(record, trouble="the record names no file of curves")
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        return Curves(record, trouble=f"{name} lies outside the run folder")
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        return Curves(record, trouble=f"{name} cannot be read ({error.__class__.__name__})")
    found = hashlib.sha256(content).hexdigest()
    if found != digest.lower():
        return Curves(
            record,
            trouble=f"{name} is not the file that was recorded: its sha256 begins {found[:8]}, "
            f"but should begin {digest[:8]}",
        )
    try:
        return Curves(record, _arrays(content))
    except (ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile, zlib.error) as error:
        return Curves(record, trouble=f"{name} cannot be read ({error.__class__.__name__})")


def _arrays(content: bytes) -> dict[str, Curve]:
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    return {
        name: np.asarray(array, dtype=np.float64)
        for name, array in arrays.items()
        if array.ndim == 1 and array.dtype.kind in "fiu"
    }
