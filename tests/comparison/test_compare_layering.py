"""Comparing knows records and verdicts, and nothing that measures."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.comparison.runs import CHECKOUT

ALLOWED = (
    "benchmarks.comparison", "benchmarks.report", "benchmarks.verdicts", "bn_impls.errors", "bn_impls.isolation.lines",
    "numpy", "statistics", "benchmarks.machine_kind",
)  # fmt: skip
STANDARD = {"__future__", "argparse", "collections", "collections.abc", "dataclasses", "math", "pathlib", "typing"}
FILES = sorted((CHECKOUT / "benchmarks" / "comparison").glob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_comparing_imports_records_and_verdicts_only(path: Path) -> None:
    """Also inside functions: neither harness nor axes nor a framework."""
    nodes = list(ast.walk(ast.parse(path.read_bytes())))
    found = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    found |= {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    assert [name for name in found - STANDARD if not any(f"{name}.".startswith(f"{known}.") for known in ALLOWED)] == []


def test_there_is_something_to_look_at() -> None:
    """The other test would pass on nothing."""
    assert {"command", "comparing", "speeds"} <= {path.stem for path in FILES}
