"""What the tests of the pages start processes with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.harness.workers import CHECKOUT

TIMEOUT_S = 120.0
PIP_OPTIONS = ("--quiet", "--no-deps", "--no-build-isolation", "--disable-pip-version-check")
"""Keep pip off the network; what builds the package (hatchling) must be there already."""


def environment(packages: Path | None = None) -> dict[str, str]:
    """That of the tests, with their interpreter's commands first, and packages that are installed in a folder.

    Args:
        packages: a folder that ``pip install --target`` filled.

    Returns:
        Environment variables.
    """
    path = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    searched = [str(packages) if packages is not None else "", os.environ.get("PYTHONPATH", "")]
    joined = {"PATH": path, "PYTHONPATH": searched}
    return os.environ | {name: os.pathsep.join(filter(None, parts)) for name, parts in joined.items()}


def run_module(module: str, *arguments: str) -> Any:
    """Run a module of the suite in the checkout; returns the JSON of its last line."""
    command = [sys.executable, "-m", module, *arguments]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    done = subprocess.run(command, cwd=CHECKOUT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])
