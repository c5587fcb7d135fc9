"""Run folders for the tests of the report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.report.reading import read_run
from benchmarks.report.view import View, look
from tests.report import synthetic


@pytest.fixture(scope="session")
def realistic_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that looks like a real one, not drawn yet; tests do not change it."""
    return synthetic.realistic(tmp_path_factory.mktemp("realistic") / "run")


@pytest.fixture
def view_of(tmp_path: Path) -> Callable[..., View]:
    """Builds a view of a run that holds the given records."""

    def build(*records: synthetic.Json, **options: object) -> View:
        return look(read_run(synthetic.write_run(tmp_path / "run", records, **options)))  # type: ignore[arg-type]

    return build
