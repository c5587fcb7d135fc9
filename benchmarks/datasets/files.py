"""Reading bytes that a user handed over: plain or gzipped, and damaged ones said so."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from bn_impls.errors import BadData

GZIP_MAGIC = b"\x1f\x8b"
LIMIT_BYTES = 1 << 30  # of an array in a published file; the largest known, MNIST's training images, has 45 MiB
_BLOCK_BYTES = 1 << 20


@contextmanager
def readable(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for reading, through gzip if it begins as gzip does, whatever its name ends in.

    Args:
        path: the file.

    Yields:
        The uncompressed bytes, as a stream.

    Raises:
        BadData: the file cannot be opened, or the gzip stream in it is damaged or cut off.
    """
    try:
        with path.open("rb") as raw:
            compressed = raw.read(2) == GZIP_MAGIC
            raw.seek(0)
            if not compressed:
                yield raw
                return
            with gzip.open(raw) as stream:
                yield cast(IO[bytes], stream)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadData(f"{path} is a damaged gzip file ({error}), but should unpack whole: get it again") from error
    except OSError as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: OSError) -> BadData:
    """Say that the operating system would not let a file be read.

    Args:
        path: the file.
        error: what the system answered.

    Returns:
        The error, to be raised.
    """
    return BadData(f"{path} cannot be read ({error.strerror or error}): check the path and its permissions")


def file_sha256(path: Path) -> str:
    """Hash a file as it lies on disk.

    Args:
        path: the file.

    Returns:
        The sha256, hexadecimal.

    Raises:
        BadData: the file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while block := stream.read(_BLOCK_BYTES):
                digest.update(block)
    except OSError as error:
        raise unreadable(path, error) from error
    return digest.hexdigest()
