"""What the tests of the pages start processes with."""

from __future__ import annotations

import os
import sys
from pathlib import Path

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
