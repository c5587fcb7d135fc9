"""NPZ, the format in which Keras ships MNIST. Nothing in such a file is ever unpickled."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt

from benchmarks.datasets.files import LIMIT_BYTES, unreadable
from bn_impls.canonical import parse_array
from bn_impls.errors import BadData


def read_npz(path: Path, keys: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    """Read some arrays of an NPZ file.

    Args:
        path: the file.
        keys: the arrays that it must hold; others are left alone.

    Returns:
        The arrays by key.

    Raises:
        BadData: the file cannot be read, is no NPZ, lacks a key, holds pickled objects, or an array is longer or
            shorter than its header announces.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = {name[:-4] for name in archive.namelist() if name.endswith(".npy")}
            _require_keys(path, keys, names)
            return {key: parse_array(_content(path, archive, key)) for key in keys}
    except BadData:
        raise
    except ValueError as error:  # numpy's answer to an object array; also to a damaged array header
        raise BadData(
            f"{path} holds an array that is pickled or damaged ({error}), but should hold plain numbers, "
            "since unpickling a file could run anything: save numeric arrays with numpy.savez"
        ) from error
    except OSError as error:
        raise unreadable(path, error) from error
    except Exception as error:  # zipfile and NumPy raise a dozen kinds over damaged bytes; all mean the same
        raise BadData(f"{path} is no NPZ file or a damaged one ({error}): get it again") from error


def _content(path: Path, archive: zipfile.ZipFile, key: str) -> bytes:
    member = archive.getinfo(f"{key}.npy")
    if member.file_size > LIMIT_BYTES:
        raise BadData(
            f"{path} announces {member.file_size} bytes for {key}, but should have at most {LIMIT_BYTES}: it is "
            "damaged, get it again"
        )
    return archive.read(member)  # never more than announced


def _require_keys(path: Path, keys: Sequence[str], names: set[str]) -> None:
    missing = [key for key in keys if key not in names]
    if missing:
        raise BadData(
            f"{path} holds the arrays {', '.join(sorted(names)) or '(none)'}, but should hold "
            f"{', '.join(keys)}: add {', '.join(missing)} with numpy.savez"
        )
