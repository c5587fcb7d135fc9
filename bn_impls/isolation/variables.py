"""The environment variables of a process that runs an implementation."""

from __future__ import annotations

import getpass
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

IMPORTED_FROM = Path(__file__).resolve().parents[2]
KEPT_BYTES = str(2**30)
"""glibc returns freed memory to the system above this size, and fetches it back page by page at the next call: whether
a layer pays for that hangs on the heap's history (docs/decisions/0009). Other C libraries ignore the two variables."""
OUTER_TMPDIR = "BN_BENCH_TMPDIR"
"""Names the first asker's folder for temporary files, which others may enter, unlike those of its workers."""
COUNTS = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "NUMBA", "VECLIB_MAXIMUM")


def python_path() -> str:
    """``PYTHONPATH`` of a process that imports what this one does, this code first."""
    return os.pathsep.join(filter(None, [str(IMPORTED_FROM), os.environ.get("PYTHONPATH", "")]))


def environment(threads: int, device: str, extra: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """Thread counts for every library, passive waiting, the GPU hidden unless asked for.

    Args:
        threads: for each library's pool.
        device: ``cpu`` or ``gpu``.
        extra: further variables, as pairs; they win.

    Returns:
        All variables, this process's own included.
    """
    chosen = {f"{library}_NUM_THREADS": str(threads) for library in COUNTS}
    chosen |= {"TF_NUM_INTRAOP_THREADS": str(threads), "TF_NUM_INTEROP_THREADS": str(threads)}
    chosen |= {
        "OMP_WAIT_POLICY": "PASSIVE",
        "OPENBLAS_THREAD_TIMEOUT": "4",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "PYTHONHASHSEED": "0",
        "MALLOC_TRIM_THRESHOLD_": KEPT_BYTES,
        "MALLOC_MMAP_THRESHOLD_": KEPT_BYTES,
    }
    if device == "cpu":
        chosen["CUDA_VISIBLE_DEVICES"] = "-1"
    else:
        chosen["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"  # several workers share the card, one at a time
    path = python_path()
    return {**os.environ, **chosen, **dict(extra), "PYTHONPATH": path}


def with_temporary_folder(variables: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Variables by which a process leaves its temporary files where its asker removes them: it may be killed.

    What PyTorch has compiled stays where PyTorch keeps it, in the system's folder, for the next process.

    Args:
        variables: of the process.
        folder: for its temporary files.
    """
    outer = variables.get(OUTER_TMPDIR) or tempfile.gettempdir()
    compiled = {"TORCHINDUCTOR_CACHE_DIR": os.path.join(outer, f"torchinductor_{_user()}")}
    return {**compiled, **variables, "TMPDIR": str(folder), OUTER_TMPDIR: outer}


def _user() -> str:
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):  # a container may run under a number without a name
        return f"uid_{os.getuid()}"
