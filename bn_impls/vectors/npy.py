"""The .npy format, version 1.0, written byte for byte: NumPy's own writer may change its header between versions."""

from __future__ import annotations

import numpy as np

from bn_impls.interface import Array

MAGIC = b"\x93NUMPY\x01\x00"
ALIGNMENT = 64


def npy(array: Array) -> tuple[bytes, int]:
    """An array as a .npy file, little-endian, in C order.

    Args:
        array: float32 or float64.

    Returns:
        The bytes, and the offset at which the numbers begin.
    """
    kind = {"float32": "<f4", "float64": "<f8"}[array.dtype.name]
    shape = f"({', '.join(map(str, array.shape))}{',' if array.ndim == 1 else ''})"
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    unpadded = len(MAGIC) + 2 + len(header) + 1
    header += b" " * (-unpadded % ALIGNMENT) + b"\n"
    offset = len(MAGIC) + 2 + len(header)
    return MAGIC + len(header).to_bytes(2, "little") + header + np.ascontiguousarray(array, kind).tobytes(), offset
