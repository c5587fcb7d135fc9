"""The real command line, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.cases import plan
from benchmarks.settings import Settings
from bn_impls.registry import describe

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


@dataclass(frozen=True)
class Quick:
    """A quick run's agreement cases of one eager layer in NumPy."""

    planned: int
    offered: int

    @property
    def refused(self) -> int:
        """16 bits, and the second-order gradient."""
        return self.planned - self.offered


@pytest.fixture(scope="session")
def quick() -> Quick:
    """Counted from the plan; every case is offered but the two that the class names."""
    planned = len(plan(Settings(size="quick", axes=("agreement",)), [describe("numpy-reference")]))
    return Quick(planned, planned - 2)


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
