"""Our own checkpoint format: one NPZ file with a checksum, written atomically and read without unpickling."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bn_impls.errors import BadCheckpoint, BadState
from bn_impls.interface import Format

Array = npt.NDArray[Any]
FILE = "state.npz"
CHECKSUM = "sha256"


def npz_format(export: Callable[[], Mapping[str, Any]], restore: Callable[[Mapping[str, Any]], None]) -> Format:
    """Make a checkpoint format out of an export and a checked import of named arrays.

    Args:
        export: gives the arrays by name.
        restore: takes them, and raises :class:`BadState` if they do not fit.

    Returns:
        The format.
    """

    def save(directory: Path) -> None:
        write(directory / FILE, {name: np.asarray(value) for name, value in export().items()})

    def load(directory: Path) -> None:
        try:
            restore(read(directory / FILE))
        except BadState as error:
            raise BadCheckpoint(f"{directory / FILE}: {error}") from error

    return Format(save, load)


def write(path: Path, arrays: Mapping[str, Array]) -> None:
    """Write named arrays so that ``path`` is at every moment either the old or the new file.

    Raises:
        OSError: the folder cannot be written or the disk is full; an earlier file is untouched.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")  # open() gives it the usual permissions
    try:
        with open(temporary, "xb") as stream:
            entries: dict[str, Any] = {**arrays, CHECKSUM: np.array(checksum(arrays))}
            np.savez(stream, allow_pickle=False, **entries)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def read(path: Path) -> dict[str, Array]:
    """Read named arrays and compare their checksum.

    Raises:
        BadCheckpoint: the file is missing, damaged, pickled or carries no or another checksum.
    """
    try:
        with (
            open(path, "rb") as stream,
            np.load(stream, allow_pickle=False) as archive,
        ):  # NumPy leaks a bad file's handle
            arrays = {name: archive[name] for name in archive.files}
    except FileNotFoundError as error:
        raise BadCheckpoint(f"{path} does not exist; was the checkpoint saved in another format?") from error
    except Exception as error:  # zipfile, zlib and NumPy raise a dozen kinds over damaged bytes; all mean the same
        why = f"{type(error).__name__}: {error}"
        raise BadCheckpoint(f"{path} cannot be read as NPZ without pickles ({why}); save it again") from error
    stored = str(arrays.pop(CHECKSUM, "none"))
    if stored != checksum(arrays):
        raise BadCheckpoint(f"{path} has checksum {checksum(arrays)}, but should have {stored}; it is damaged")
    return arrays


def checksum(arrays: Mapping[str, Array]) -> str:
    """The sha256 over names, dtypes, shapes and bytes, in order of the names."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name}\0{array.dtype.str}\0{array.shape}\0".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
