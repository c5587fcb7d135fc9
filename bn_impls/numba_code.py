"""Machine code of the kernel, compiled once and kept in the user's cache folder.

Numba's own cache on disk writes an index and many files, function by function, while it compiles; a process that is
killed, or another that reads meanwhile, can leave or find an index beside files that are not its own. Here the code for
a dtype, a way to see a tensor and a kind of call is one file. It is compiled for a signature that is known beforehand,
written under another name, and renamed when it is whole; it is never written again, carries its checksum, and its name
is a hash of all that it depends on. Nothing is compiled later: a call with other types is refused.
"""

from __future__ import annotations

import contextlib
import os
import platform
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import llvmlite
import numba
from numba import types

from bn_impls import numba_channels, numba_columns, numba_internals, numba_kernel, numba_lanes, numba_rows, numba_terms

IN_MEMORY = {"float64": types.float64, "float32": types.float32, "float16": types.int16, "bfloat16": types.uint16}
MADE_OF = (numba_channels, numba_columns, numba_internals, numba_kernel, numba_lanes, numba_rows, numba_terms)
KERNELS = {"columns": numba_kernel.by_columns, "rows": numba_kernel.by_rows}
DIGEST = sha256().digest_size  # bytes of the checksum before the code

Call = Literal["inference", "training_step", "training_step_with_gradients"]
Matrix = Literal["columns", "rows"]


def folder() -> Path:
    """Where code is kept: ``NUMBA_CACHE_DIR``, or the user's cache folder."""
    caches = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(os.environ.get("NUMBA_CACHE_DIR") or os.path.join(caches, "bn-bench", "numba"))


SOURCES = b"".join(Path(str(file)).read_bytes() for file in (__file__, *(part.__file__ for part in MADE_OF)))


def code_file(dtype: str, matrix: Matrix, call: Call) -> Path:
    """The file for one kind of call: another source, Numba, LLVM, Python or processor has another."""
    made_by = (numba.__version__, llvmlite.__version__, sys.version, platform.machine(), numba.config.OPT)
    names, processor = (dtype, matrix, call), numba_internals.processor(KERNELS[matrix].train)
    key = sha256(SOURCES + repr((made_by, processor, names)).encode()).hexdigest()
    return folder() / f"{'-'.join(names)}-{key[:32]}.code"


def arguments(dtype: str, call: Call) -> tuple[Any, ...]:
    """The types with which the kernel is called; see :class:`bn_impls.numba_kernel.Kernel`."""
    memory, double = IN_MEMORY[dtype], types.float64
    given, made = types.Array(memory, 1, "C", readonly=True), memory[::1]
    computed = double if dtype == "float64" else types.float32
    vector, table, numbers = computed[::1], computed[:, ::1], types.int64[::1]
    dy, dx = (given, made) if call == "training_step_with_gradients" else (types.none, types.none)
    gradients = types.none if call == "inference" else table
    memory_of_layer = (vector, double[:, :, ::1], table, numbers, double, double)
    return given, dy, made, dx, table, gradients, *memory_of_layer, numbers


class OneFile:
    """One compiled function, in one file."""

    def __init__(self, file: Path) -> None:
        """Read and write there."""
        self.file = file

    def read(self) -> bytes | None:
        """The code, or None where there is no file, or none that is whole."""
        try:
            stored = self.file.read_bytes()
        except OSError:
            return None
        digest, code = stored[:DIGEST], stored[DIGEST:]
        return code if sha256(code).digest() == digest else None

    def publish(self, code: bytes) -> None:
        """Write the file by one rename; where nothing can be written, every process compiles again."""
        with contextlib.suppress(OSError), tempfile.TemporaryDirectory(dir=self.file.parent) as working:
            new = Path(working, "new")
            new.write_bytes(sha256(code).digest() + code)
            os.replace(new, self.file)


@contextlib.contextmanager
def one_at_a_time(file: Path) -> Iterator[None]:
    """Let others wait for the code instead of compiling the same; it would be right without, only slower."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(ImportError, OSError):  # Windows has no such locks, nor have some file systems
            import fcntl

            file.parent.mkdir(parents=True, exist_ok=True)
            lock = stack.enter_context(open(file.with_suffix(".lock"), "wb"))
            fcntl.flock(lock, fcntl.LOCK_EX)  # until the file is closed, or the process ends
        yield


@cache
def compile_for(dtype: str, matrix: Matrix, call: Call) -> Callable[..., None]:
    """The kernel for a kind of call, compiled, or loaded where that was done before.

    Args:
        dtype: a key of :data:`IN_MEMORY`.
        matrix: how a tensor is seen.
        call: what is called.

    Returns:
        One of its two functions, which from now on takes :func:`arguments` of this kind.

    Warns:
        RuntimeWarning: where this Numba cannot keep code, so that each process compiles; with the reason.
    """
    file, kernel = code_file(dtype, matrix, call), KERNELS[matrix]
    work = kernel.infer if call == "inference" else kernel.train
    with one_at_a_time(file):
        if reason := numba_internals.compile_kept(work, arguments(dtype, call), OneFile(file)):
            warnings.warn(f"the kernel is compiled in each process: {reason}", RuntimeWarning, stacklevel=2)
    return work
