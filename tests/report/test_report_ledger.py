"""Where the time of a run went, as the report tells it: by value, and nothing where there is nothing to tell."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from benchmarks.report.document import Paragraph, Span, Table
from benchmarks.report.reading import read_run
from benchmarks.report.sections.ledger import where_time_went
from benchmarks.report.view import View, look
from tests.report import synthetic

SECONDS = {"wall_s": 600.0, "measured_s": 240.0, "imports_s": 120.0, "building_s": 180.0, "overhead_s": 60.0}


def view_with(folder: Path, ledger: Mapping[str, object]) -> View:
    """A run of one case with a ledger."""
    synthetic.write_run(folder, [synthetic.agreement("keras")])
    (folder / "ledger.json").write_text(json.dumps({"schema": 1, **ledger}))
    return look(read_run(folder))


@pytest.mark.parametrize(("overhead_s", "told", "tone"), [(60.0, "12.5 %", "good"), (96.0, "20.0 %", "warn")])
def test_the_overhead_is_a_share_of_the_time_without_imports(
    tmp_path: Path, overhead_s: float, told: str, tone: str
) -> None:
    """Of 8 minutes; above 15 % it stands out."""
    _, sentence, table = where_time_went(view_with(tmp_path, {**SECONDS, "overhead_s": overhead_s}))
    assert isinstance(sentence, Paragraph) and isinstance(table, Table)
    assert Span(told, tone) in sentence.text
    assert [row[2].text for row in table.rows][:3] == ["40.0 %", "20.0 %", "30.0 %"]


@pytest.mark.parametrize(
    "ledger", [{}, {**SECONDS, "wall_s": 100.0}, {**SECONDS, "overhead_s": "much"}, {**SECONDS, "measured_s": -1.0}]
)
def test_figures_that_cannot_be_are_not_told(tmp_path: Path, ledger: Mapping[str, object]) -> None:
    """None at all, less wall time than imports, a word, a negative time."""
    assert where_time_went(view_with(tmp_path, ledger)) == []
