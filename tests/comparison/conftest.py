"""Pairs of run folders made by hand."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks.comparison.comparing import Comparison, compare_runs
from tests.command_line import called
from tests.comparison.runs import write_conditions
from tests.report import synthetic


@pytest.fixture
def folders(tmp_path: Path) -> Callable[..., tuple[Path, Path]]:
    """Write two runs under like conditions.

    Give the records of A, those of B, and ``a=``, ``b=`` options of :func:`synthetic.write_run`.
    """

    def write(
        records_a: Sequence[synthetic.Json], records_b: Sequence[synthetic.Json],
        a: Mapping[str, Any] | None = None, b: Mapping[str, Any] | None = None,
    ) -> tuple[Path, Path]:  # fmt: skip
        pair = (
            synthetic.write_run(tmp_path / "a", records_a, **(a or {})),
            synthetic.write_run(tmp_path / "b", records_b, **(b or {})),
        )
        for folder in pair:
            write_conditions(folder)
        return pair

    return write


@pytest.fixture
def compared(folders: Callable[..., tuple[Path, Path]]) -> Callable[..., Comparison]:
    """Write two runs and compare them; ``margin=`` and ``relative=`` go to the comparison."""

    def compare(records_a: Any, records_b: Any, a: Any = None, b: Any = None, **options: Any) -> Comparison:
        return compare_runs(*folders(records_a, records_b, a, b), **options)

    return compare


@pytest.fixture(scope="session")
def bn_bench() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command line to its end, in this process."""
    return called
