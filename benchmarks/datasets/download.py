"""Downloads: only when allowed, only what its sha256 names, and into the cache in one step."""

from __future__ import annotations

import hashlib
import http.client
import os
import tempfile
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from benchmarks.datasets.files import file_sha256
from bn_impls.errors import BadData

TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Remote:
    """A file to download.

    Attributes:
        file_name: its name, at the source and in the cache.
        sha256: of the file as it is served, hexadecimal.
        size_bytes: of the file as it is served.
    """

    file_name: str
    sha256: str
    size_bytes: int


def default_cache_dir() -> Path:
    """Say where downloads are kept: ``bn-bench`` in ``$XDG_CACHE_HOME``, else in ``~/.cache``.

    Returns:
        The folder, which may not exist yet. As the XDG specification asks, a relative ``$XDG_CACHE_HOME`` is
        ignored.
    """
    configured = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (configured if configured.is_absolute() else Path.home() / ".cache") / "bn-bench"


def fetch(remote: Remote, base_url: str, folder: Path, timeout_s: float = TIMEOUT_S) -> Path:
    """Have a file in a folder: as it is there already, or downloaded.

    The download is written under a temporary name and renamed once its sha256 is right, so the final name
    never holds a part of a file, also when two processes download at once.

    Args:
        remote: the file.
        base_url: what its name is appended to; ends in ``/``.
        folder: where to keep it; made if missing.
        timeout_s: how long to wait for the server to say something, seconds.

    Returns:
        Path of the file.

    Raises:
        BadData: the server cannot be reached, sends something else, or the folder cannot be written.
    """
    target = folder / remote.file_name
    if target.is_file() and file_sha256(target) == remote.sha256:
        return target
    partial = _new_file(folder, remote.file_name)
    try:
        partial.write_bytes(_received(remote, base_url + remote.file_name, timeout_s))
        partial.replace(target)
    except OSError as error:
        raise BadData(
            f"{target} cannot be written ({error.strerror or error}): make room or give another cache_dir"
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    return target


def _new_file(folder: Path, file_name: str) -> Path:
    """Make an empty file of its own; an unwritable cache so shows before the download."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, path = tempfile.mkstemp(prefix=f".{file_name}.", suffix=".part", dir=folder)
        os.close(descriptor)
    except OSError as error:
        raise BadData(
            f"the cache folder {folder} cannot be written ({error.strerror or error}): give another cache_dir"
        ) from error
    return Path(path)


def _received(remote: Remote, url: str, timeout_s: float) -> bytes:
    """Download a file into memory, no further than its known size, and check it."""
    try:
        with urllib.request.urlopen(url, timeout=timeout_s) as response:
            values = bytes(response.read(remote.size_bytes + 1))
    except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
        raise BadData(
            f"{url} cannot be downloaded ({error}): check the network, or download {remote.file_name} "
            "elsewhere and give its folder as the data directory"
        ) from error
    if len(values) != remote.size_bytes:
        got = "more" if len(values) > remote.size_bytes else f"{len(values)} bytes"
        raise BadData(f"{url} sent {got}, but should send {remote.size_bytes} bytes: try again")
    got = hashlib.sha256(values).hexdigest()
    if got != remote.sha256:
        raise BadData(
            f"{url} sent a file with sha256 {got}, but should send {remote.sha256}: something on the way "
            f"changes it, get {remote.file_name} elsewhere and give its folder as the data directory"
        )
    return values
