"""Reading the golden vectors back, with every hash checked.

It needs NumPy, and nothing of the rest of bn-bench but an error: an example of a reader, as ``docs/vectors.md`` says.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bn_impls.errors import BadData

FORMAT, VERSION = "bn-bench golden vectors", 1
LITTLE_ENDIAN = {"float32": "<f4", "float64": "<f8"}


def read(folder: Path) -> Iterator[tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]]:
    """Every case of a set: its parameters, and its arrays by name.

    Args:
        folder: that ``bn-bench vectors`` wrote.

    Yields:
        Cases in the manifest's order.

    Raises:
        BadData: a file is missing, or is not what the manifest says.
    """
    for case in _manifest(folder)["cases"]:
        yield case, {name: _array(folder, entry) for name, entry in case["arrays"].items()}


def verify(folder: Path) -> tuple[int, int]:
    """Check every file of a set, also those that are not arrays.

    Args:
        folder: that ``bn-bench vectors`` wrote.

    Returns:
        Numbers of cases and of files.

    Raises:
        BadData: a file is missing, damaged, or one too many.
    """
    listed = _listed(folder)
    for path, digest in listed.items():
        _check(folder / path, _bytes(folder / path), digest)
    if foreign := unlisted(folder):
        raise BadData(f"{folder / foreign[0]} is not in SHA256SUMS; a set holds nothing else, so export it again")
    return sum(1 for _ in read(folder)), len(listed) + 1


def unlisted(folder: Path) -> list[str]:
    """Files in the folder of a set that are not part of it."""
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    return sorted(there - {*_listed(folder), "SHA256SUMS"})


def _listed(folder: Path) -> dict[str, str]:
    lines = _bytes(folder / "SHA256SUMS").decode("ascii", "replace").splitlines()
    return {path: digest for digest, _, path in (line.partition("  ") for line in lines)}


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / "manifest.json"
    try:
        manifest: dict[str, Any] = json.loads(_bytes(path))
        found = (manifest["format"], manifest["version"])
    except (ValueError, KeyError, TypeError) as error:
        raise BadData(f"{path} is no manifest of golden vectors ({error!r}); export the set again") from error
    if found != (FORMAT, VERSION):
        raise BadData(f"{path} says {found}, but should say {(FORMAT, VERSION)}; this reader knows no other")
    return manifest


def _array(folder: Path, entry: dict[str, Any]) -> npt.NDArray[Any]:
    path = folder / entry["path"]
    data = _bytes(path)
    _check(path, data, entry["sha256"])
    return np.frombuffer(data, LITTLE_ENDIAN[entry["dtype"]], offset=entry["data_offset"]).reshape(entry["shape"])


def _check(path: Path, data: bytes, digest: str) -> None:
    if (got := sha256(data).hexdigest()) != digest:
        raise BadData(f"{path} has SHA-256 {got[:12]}..., but should have {digest[:12]}...; export the set again")


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadData(f"{path} cannot be read: {error.strerror}; `bn-bench vectors DIR` writes a whole set") from error
