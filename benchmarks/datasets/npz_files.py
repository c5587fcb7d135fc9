"""NPZ, the format in which Keras ships MNIST. Nothing in such a file is ever unpickled."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.datasets.files import unreadable
from bn_impls.errors import BadData


def read_npz(path: Path, keys: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    """Read some arrays of an NPZ file.

    Args:
        path: the file.
        keys: the arrays that it must hold; others are left alone.

    Returns:
        The arrays by key.

    Raises:
        BadData: the file cannot be read, is no NPZ, lacks a key, or holds pickled objects.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = {name[:-4] for name in archive.namelist() if name.endswith(".npy")}
        _require_keys(path, keys, names)
        with np.load(path, allow_pickle=False) as arrays:
            return {key: arrays[key] for key in keys}
    except ValueError as error:  # numpy's answer to an object array; also to a damaged array header
        raise BadData(
            f"{path} holds an array that is pickled or damaged ({error}), but should hold plain numbers, "
            "since unpickling a file could run anything: save numeric arrays with numpy.savez"
        ) from error
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise BadData(f"{path} is no NPZ file or a damaged one ({error}): get it again") from error
    except OSError as error:
        raise unreadable(path, error) from error


def _require_keys(path: Path, keys: Sequence[str], names: set[str]) -> None:
    missing = [key for key in keys if key not in names]
    if missing:
        raise BadData(
            f"{path} holds the arrays {', '.join(sorted(names)) or '(none)'}, but should hold "
            f"{', '.join(keys)}: add {', '.join(missing)} with numpy.savez"
        )
