"""A run of hand-overs between implementations that need no framework, and planted ones that lose something."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from benchmarks.harness.progress import display_for
from benchmarks.harness.session import Session
from benchmarks.settings import Settings

PLANTED = "tests.crossing.planted"


@pytest.fixture(scope="module")
def crossed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[tuple[str, str], dict[str, Any]]]:
    """The run folder, and its records by source and target."""
    names = ("numpy-reference", f"{PLANTED}:UNBIASED", f"{PLANTED}:FORGETFUL", f"{PLANTED}:UNDECLARED",
             f"{PLANTED}:BROKEN")  # fmt: skip
    settings = Settings(axes=("checkpoint",), implementations=names, dataset="digits", threads=1)
    folder = tmp_path_factory.mktemp("crossed") / "run"
    session = Session(settings, folder, None)
    chosen = [case for case in session.cases.values() if "source" in case.parameters]
    with open(tmp_path_factory.mktemp("log") / "progress", "w") as log:
        records = session.run(chosen, display_for(Console(file=log)))
    session.folder.close()
    found = {
        (_short(record["case"]["source"]), _short(record["implementation"])): record
        for record in records.values() if record["case_id"] in {case.case_id for case in chosen}
    }  # fmt: skip
    return folder, found


def _short(name: str) -> str:
    return name.rpartition(":")[2].lower()
