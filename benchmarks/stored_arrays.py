"""Arrays of a record that stand in an NPZ file of its run folder, checked before they are believed."""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Unreadable(Exception):
    """A record's arrays are not to be had; the message says why."""


def stored_content(folder: Path, samples: Mapping[str, Any]) -> bytes:
    """The file that a record refers to, as it was recorded.

    Args:
        folder: the run folder; nothing outside it is read.
        samples: of the record; they name ``file`` and ``sha256``.

    Returns:
        The file's bytes.

    Raises:
        Unreadable: the record names no file, or it is missing, or not the one that was recorded.
    """
    name, digest = samples.get("file"), samples.get("sha256")
    if not isinstance(name, str) or not isinstance(digest, str):
        raise Unreadable("the record names no file of curves")
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise Unreadable(f"{name} lies outside the run folder")
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        raise Unreadable(f"{name} cannot be read ({error.__class__.__name__})") from error
    found = hashlib.sha256(content).hexdigest()
    if found != digest.lower():
        raise Unreadable(
            f"{name} is not the file that was recorded: its sha256 begins {found[:8]}, but should begin {digest[:8]}"
        )
    return content


def stored_arrays(folder: Path, samples: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """The arrays of that file, by name.

    Args:
        folder: as for :func:`stored_content`.
        samples: likewise.

    Returns:
        Arrays of any shape and dtype.

    Raises:
        Unreadable: as there, or what was recorded is no NPZ file.
    """
    content = stored_content(folder, samples)
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile, zlib.error) as error:
        raise Unreadable(f"{samples['file']} cannot be read ({error.__class__.__name__})") from error
