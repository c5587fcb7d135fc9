"""Machine code of the kernel, compiled once and kept in the user's cache folder.

Numba's own cache on disk writes an index and many files, function by function, while it compiles; a process that is
killed, or another that reads meanwhile, can leave or find an index beside files that are not its own. Here the code for
a dtype is one file. It is compiled for signatures that are known beforehand, written under another name, and renamed
when it is whole; it is never written again, carries its checksum, and its name is a hash of all that it depends on.
Nothing is compiled later: a call with other types is refused.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import llvmlite
import numba
from numba import types
from numba.core.caching import _Cache
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

from bn_impls import numba_kernel as kernel
from bn_impls import numba_lanes

IN_MEMORY = {"float64": types.float64, "float32": types.float32, "float16": types.int16, "bfloat16": types.uint16}


def folder() -> Path:
    """Where code is kept: ``NUMBA_CACHE_DIR``, or the user's cache folder."""
    caches = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(os.environ.get("NUMBA_CACHE_DIR") or os.path.join(caches, "bn-bench", "numba"))


def code_file(dtype: str) -> Path:
    """The file for one dtype: another source, Numba, LLVM, Python or processor has another."""
    made_by = (numba.__version__, llvmlite.__version__, sys.version, platform.machine(), numba.config.OPT)
    processor = kernel.work.targetctx.codegen().magic_tuple()
    key = sha256(MADE_FROM + repr((made_by, processor, dtype)).encode()).hexdigest()
    return folder() / f"kernel-{dtype}-{key[:32]}.code"


def arguments(dtype: str) -> tuple[Any, ...]:
    """The types with which :func:`bn_impls.numba_kernel.work` is called for a dtype."""
    memory, computed = IN_MEMORY[dtype], types.float64 if dtype == "float64" else types.float32
    given = types.Array(memory, 1, "C", readonly=True)
    made, vector, table = memory[::1], computed[::1], computed[:, ::1]
    tail = (types.float64, types.float64, types.int64[::1])
    return (types.int64, given, given, made, made, table, table, vector, types.float64[:, :, ::1], table,
            types.int64[::1], *tail)  # fmt: skip


MADE_FROM = b"".join(
    Path(file).read_bytes() for file in (__file__, kernel.__file__, numba_lanes.__file__)
)  # as imported
DIGEST = sha256().digest_size  # bytes of the checksum before the code


class OneFile(_Cache):
    """Numba's interface to a cache, over one file that holds one compiled function."""

    def __init__(self, file: Path) -> None:
        """Read and write there."""
        self.file = file

    def load_overload(self, sig: Any, target_context: Any) -> CompileResult | None:
        """The function, or None where there is no file, or none that is whole."""
        try:
            stored = self.file.read_bytes()
        except OSError:
            return None
        digest, code = stored[:DIGEST], stored[DIGEST:]
        if sha256(code).digest() != digest:
            return None
        target_context.refresh()
        return CompileResult._rebuild(target_context, *pickle.loads(code))

    def save_overload(self, sig: Any, data: CompileResult) -> None:
        """Keep the function."""
        self.publish(dumps(data._reduce()))

    def publish(self, code: bytes) -> None:
        """Write the file by one rename; where nothing can be written, every process compiles again."""
        with contextlib.suppress(OSError), tempfile.TemporaryDirectory(dir=self.file.parent) as working:
            new = Path(working, "new")
            new.write_bytes(sha256(code).digest() + code)
            os.replace(new, self.file)

    @property
    def cache_path(self) -> str:
        """The file's folder."""
        return str(self.file.parent)

    def enable(self) -> None:
        """It is always on."""

    def disable(self) -> None:
        """It is always on."""

    def flush(self) -> None:
        """Nothing waits to be written."""


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
def compile_for(dtype: str) -> Callable[..., None]:
    """The kernel's call for a dtype, compiled, or loaded where that was done before.

    Args:
        dtype: a key of :data:`IN_MEMORY`.

    Returns:
        :func:`bn_impls.numba_kernel.work`, which from now on takes :func:`arguments` of this dtype.
    """
    file, work = code_file(dtype), kernel.work
    with one_at_a_time(file):
        work._cache = OneFile(file)
        work.disable_compile(False)
        try:
            work.compile(arguments(dtype))
        finally:
            work.disable_compile()
    return work
