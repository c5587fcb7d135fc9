"""What machine a run was made on: its kind, never its name or its paths."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import subprocess
from pathlib import Path
from typing import Any

import psutil

SWITCHES = (
    "TF_ENABLE_", "TF_XLA_", "TF_NUM_", "TF_CUDNN_", "TF_DETERMINISTIC", "TF_USE_", "XLA_", "OMP_", "KMP_", "MKL_",
    "OPENBLAS_", "KERAS_", "NVIDIA_TF32", "CUDA_VISIBLE",
)  # fmt: skip
PACKAGES = ("tensorflow", "keras", "numpy", "pandas", "pytest-benchmark", "matplotlib", "scipy", "mlxtend")


def usable_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def describe(threads: int) -> dict[str, Any]:
    """The machine and the versions of a run.

    Args:
        threads: that a worker may use.

    Returns:
        Plain values for ``environment.json``.
    """
    gpu, gpu_reason = _gpu()
    return {
        "cpu_model": _cpu_model(),
        "cores": usable_cores(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "operating_system": f"{platform.system()} {platform.release().split('-')[0]}",
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "versions": _versions(),
        "threads": {"worker": threads, "OMP_WAIT_POLICY": "PASSIVE"},
        "switches": _switches(),
        "gpu": gpu,
        "gpu_reason": gpu_reason,
        "commit": _commit(),
    }


def _switches() -> dict[str, str]:
    """Environment variables that change what is measured; where a value names a path, only that it is set."""
    found = {name: value for name, value in sorted(os.environ.items()) if name.startswith(SWITCHES)}
    return {name: "set, and names a path" if "/" in value else value for name, value in found.items()}


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "not recorded"
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "not recorded")


def _gpu() -> tuple[str | None, str]:
    if shutil.which("nvidia-smi") is None:
        return None, "no GPU: nvidia-smi is not there"
    found = _output(["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"])
    return (found, "") if found else (None, "nvidia-smi is there but lists no GPU")


def _commit() -> str:
    root = Path(__file__).resolve().parents[2]
    commit = _output(["git", "-C", str(root), "rev-parse", "--short", "HEAD"])
    changed = _output(["git", "-C", str(root), "status", "--porcelain", "--untracked-files=no"])
    return f"{commit} with changes" if commit and changed else commit or "not recorded"


def _output(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
