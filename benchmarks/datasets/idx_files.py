"""IDX, the format of MNIST: two zero bytes, dtype code, number of dimensions, dimensions, values.

All numbers are big-endian. The format is described at the foot of the MNIST home page.
"""

from __future__ import annotations

import hashlib
import math
import struct
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from benchmarks.datasets.files import LIMIT_BYTES, readable
from benchmarks.datasets.model import PixelArray
from bn_impls.errors import BadData

_DTYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_UNSIGNED_BYTE = 0x08
_LIMIT_DIMENSIONS = 8


def read_idx(path: Path) -> npt.NDArray[Any]:
    """Read an IDX file, gzipped or not.

    Args:
        path: the file.

    Returns:
        The array, in native byte order, of the shape and dtype that the file states.

    Raises:
        BadData: the file cannot be read, is not IDX, or is shorter or longer than it states.
    """
    with readable(path) as stream:
        return parse_idx(stream, str(path))


def parse_idx(stream: IO[bytes], name: str) -> npt.NDArray[Any]:
    """Read one IDX array, which must be all that the stream holds.

    Args:
        stream: uncompressed bytes.
        name: what to call the stream in messages.

    Returns:
        The array, in native byte order.

    Raises:
        BadData: the stream is not IDX, or shorter or longer than it states.
    """
    dtype, shape = _parse_header(stream, name)
    expected_bytes = math.prod(shape) * dtype.itemsize
    if expected_bytes > LIMIT_BYTES:
        raise BadData(
            f"{name} states the shape {shape}, {expected_bytes} bytes, but should state at most "
            f"{LIMIT_BYTES}: its header is damaged, get it again"
        )
    values = stream.read(expected_bytes + 1)  # one more than stated shows a file that is too long
    if len(values) != expected_bytes:
        got = f"more than {expected_bytes}" if len(values) > expected_bytes else f"only {len(values)}"
        raise BadData(
            f"{name} has {got} bytes of values, but should have {expected_bytes} for its shape {shape}: "
            "the file is cut off or damaged, get it again"
        )
    return np.frombuffer(values, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def idx_sha256(array: PixelArray) -> str:
    """Hash an array as the IDX file that would hold it.

    The sum is that of the uncompressed file (``zcat FILE | sha256sum``), so the same contents in NPZ, in IDX
    and in an IDX that was gzipped again have one sum.

    Args:
        array: uint8, of any shape.

    Returns:
        The sha256, hexadecimal.
    """
    header = struct.pack(f">HBB{array.ndim}I", 0, _UNSIGNED_BYTE, array.ndim, *array.shape)
    digest = hashlib.sha256(header)
    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _parse_header(stream: IO[bytes], name: str) -> tuple[np.dtype[Any], tuple[int, ...]]:
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _DTYPES or magic[3] > _LIMIT_DIMENSIONS:
        codes = ", ".join(f"{code:02x}" for code in _DTYPES)
        raise BadData(
            f"{name} begins with the bytes {magic.hex(' ') or '(none)'}, but an IDX file begins with 00 00, "
            f"one of {codes}, and the number of dimensions: give the IDX file itself"
        )
    dimensions = magic[3]
    sizes = stream.read(4 * dimensions)
    if len(sizes) < 4 * dimensions:
        raise BadData(
            f"{name} ends after {4 + len(sizes)} bytes, but should state {dimensions} dimensions in its "
            f"first {4 + 4 * dimensions}: the file is cut off, get it again"
        )
    return np.dtype(_DTYPES[magic[2]]), struct.unpack(f">{dimensions}I", sizes)
