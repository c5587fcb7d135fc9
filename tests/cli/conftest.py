"""The real command line, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def bn_bench() -> Run:
    """Run ``bn-bench`` with arguments to its end; ``folder=`` and ``environment=`` say where and with what."""

    def run(
        *arguments: str | Path, folder: Path = CHECKOUT, environment: Mapping[str, str] | None = None,
        module: str = "bn_impls.cli",
    ) -> subprocess.CompletedProcess[str]:  # fmt: skip
        return subprocess.run(
            [sys.executable, "-m", module, *map(str, arguments)], cwd=folder, env={**os.environ, **(environment or {})},
            capture_output=True, text=True, timeout=400, check=False,
        )  # fmt: skip

    return run


@pytest.fixture(scope="session")
def refused() -> Callable[..., None]:
    """Assert that a command ended with code 2 and one message that has all these parts, and no traceback."""

    def check(done: subprocess.CompletedProcess[str], *parts: str) -> None:
        assert done.returncode == 2, done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr
        words = " ".join(done.stderr.split())  # argparse breaks lines as it likes
        for part in parts:
            assert part in words

    return check
