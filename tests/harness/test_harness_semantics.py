"""A run keeps what the probes saw: once for each implementation, and not in a quick run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.harness import semantics
from benchmarks.harness.folder import RunFolder
from benchmarks.harness.ledger import Ledger
from benchmarks.harness.session import Session
from benchmarks.report.semantics import read_semantics
from benchmarks.settings import AXES
from bn_impls.registry import describe
from bn_impls.semantics.questions import QUESTIONS


class Told:
    """A display that remembers."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.said: list[str] = []
        self.total = 0

    def start(self, total: int) -> None:
        """So much to do."""
        self.total = total

    def now(self, what: str) -> None:
        """Remember."""
        self.said.append(what)

    def advance(self, units: int = 1) -> None:
        """Count nothing."""

    def stop(self) -> None:
        """Nothing."""


@pytest.fixture
def folder(tmp_path: Path, good: str, small_settings: Any) -> Any:
    """An open run folder."""
    made = RunFolder.create(tmp_path / "run", small_settings([good]))
    yield made
    made.close()


def test_every_answer_is_kept_with_the_texts_of_the_questions(folder: RunFolder, good: str) -> None:
    """The report reads it back without knowing the probes."""
    told, damage = Told(), []  # type: tuple[Told, list[str]]
    semantics.observe_all(folder, [describe(good)], told, Ledger())
    found = read_semantics(folder.path / "semantics.json", damage)
    assert damage == []
    assert [(q.key, q.title, q.meaning) for q in found.questions] == [(q.key, q.title, q.meaning) for q in QUESTIONS]
    assert [cell.who for cell in found.questions[0].cells] == [good]
    assert (told.total, len(told.said)) == (1, len(QUESTIONS))


def test_who_was_asked_is_not_asked_again(folder: RunFolder, good: str) -> None:
    """A resumed run keeps the answers it has; a damaged file is asked for anew."""
    path = folder.path / "semantics.json"
    path.write_text(json.dumps({"schema": 1, "questions": [], "answers": {good: {"kept": True}}}))
    semantics.observe_all(folder, [describe(good)], told := Told(), Ledger())
    assert told.said == []
    assert json.loads(path.read_text())["answers"] == {good: {"kept": True}}
    path.write_text("{")
    semantics.observe_all(folder, [describe(good)], told := Told(), Ledger())
    assert told.said != []


@pytest.mark.parametrize(("size", "axes", "asked"), [
    ("quick", AXES, None), ("default", AXES, False), ("full", AXES, True), ("default", AXES[:2], None),
])  # fmt: skip
def test_the_probes_are_part_of_runs_of_all_axes_but_quick_ones(
    tmp_path: Path, good: str, small_settings: Any, monkeypatch: pytest.MonkeyPatch, size: str, axes: tuple[str, ...],
    asked: bool | None,
) -> None:  # fmt: skip
    """They import every framework once more; a full run asks in every call style."""
    seen: list[Any] = []
    monkeypatch.setattr("benchmarks.harness.session.observe_all", lambda *_, every_style: seen.append(every_style))
    monkeypatch.setattr("benchmarks.harness.session.Scheduler.run", lambda self, cases: self.close())
    session = Session(small_settings([good], size=size), tmp_path / "run", None)
    session.run([next(case for case in session.cases.values() if case.axis == axis) for axis in axes], Told())
    assert session.folder is not None
    session.folder.close()
    assert seen == ([] if asked is None else [asked])
