"""The section on semantics: what was observed, who differs, what to watch out for, and a file that is damaged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from benchmarks.report import draw
from benchmarks.report.document import Bullets, Matrix, Paragraph, Section, plain
from benchmarks.report.reading import read_run
from benchmarks.report.sections import semantics
from benchmarks.report.sections.warnings import warnings
from benchmarks.report.view import View, look
from tests.report import synthetic

NASTY = '</table><script>alert(1)</script>"|*_`'
Json = dict[str, Any]


def cell(observed: str, evidence: str = "2 came out as 1", declared: str | None = None, **more: Any) -> Json:
    """One cell of the file."""
    return {"observed": observed, "declared": declared, "evidence": evidence, **more}


def question(key: str = "divisor", watch: Json | None = None, gravity: int = 0) -> Json:
    """One question of the file."""
    return {"key": key, "title": f"The {key}", "meaning": "By what?", "watch": watch or {}, "gravity": gravity}


def view_of(folder: Path, questions: list[Json], answers: Json) -> View:
    """A view of a run with one record and these semantics."""
    run = synthetic.write_run(folder / "run", [synthetic.agreement("a")])
    content = {"schema": 1, "questions": questions, "answers": answers}
    (run / "semantics.json").write_text(json.dumps(content), encoding="utf-8")
    return look(read_run(run))


def matrix_of(section: Section) -> Matrix:
    """Its matrix."""
    return next(block for block in section.blocks if isinstance(block, Matrix))


def lead_of(section: Section) -> str:
    """Its first paragraph."""
    return plain(next(block for block in section.blocks if isinstance(block, Paragraph)).text)


def test_answers_are_grouped_and_who_differs_from_most_is_marked(tmp_path: Path) -> None:
    """Two divide by n, one by n - 1, one has no such thing."""
    answers = {
        "a": {"divisor": cell("n - 1")},
        "b": {"divisor": cell("n")},
        "c": {"divisor": cell("n")},
        "d": {"divisor": cell("not offered", "no variance")},
    }
    section = semantics.build(view_of(tmp_path, [question()], answers))
    (row,) = matrix_of(section).rows
    assert [(found.text, found.names, found.tone) for found in row.answers] == [
        ("n", ("b", "c"), ""),
        ("n - 1", ("a",), "warn"),
        ("not offered", ("d",), "quiet"),
    ]
    assert row.answers[2].evidence == ("no variance",)
    assert "1 question" in lead_of(section)
    assert "In 1 of them the answers differ. Nothing that is declared contradicts" in lead_of(section)


def test_nobody_is_marked_where_no_answer_is_the_commonest(tmp_path: Path) -> None:
    """One against one is no majority."""
    answers = {"a": {"divisor": cell("n - 1")}, "b": {"divisor": cell("n")}}
    (row,) = matrix_of(semantics.build(view_of(tmp_path, [question()], answers))).rows
    assert [found.tone for found in row.answers] == ["", ""]


def test_a_contradicted_declaration_is_told(tmp_path: Path) -> None:
    """In the first sentence, in the row and in its evidence."""
    answers = {"a": {"divisor": cell("n - 1", declared="n")}, "b": {"divisor": cell("n", declared="n")}}
    section = semantics.build(view_of(tmp_path, [question()], answers))
    found = next(found for found in matrix_of(section).rows[0].answers if found.text == "n - 1")
    assert (found.tone, found.evidence) == ("bad", ("declared: n. 2 came out as 1",))
    assert lead_of(section).endswith("What a declare is not what was observed.")


def test_warnings_come_from_what_was_observed_the_gravest_first(tmp_path: Path) -> None:
    """A rule fires for the words that a value begins with, and not for longer ones; all who answer are not listed."""
    questions = [
        question("divisor", {"n - 1": "it divides by less", "n": "it divides by n"}),
        question("nan", {"poisoned": "NaN stays"}, gravity=2),
    ]
    answers = {
        name: {"divisor": cell(divisor), "nan": cell("poisoned for good")}
        for name, divisor in (("a", "n - 1"), ("b", "n"), ("c", "nothing"))
    }
    view = view_of(tmp_path, questions, answers)
    bullets = next(block for block in semantics.build(view).blocks if isinstance(block, Bullets))
    expected = ["All 3 that answer: NaN stays.", "a: it divides by less.", "b: it divides by n."]
    assert [plain(item) for item in bullets.items] == expected
    assert [plain(sentence) for sentence in warnings(view)][:3] == expected


def test_a_style_that_differs_is_an_answer_of_its_own(tmp_path: Path) -> None:
    """It is named beside the implementation."""
    styles = {"graph": cell("refused"), "eager": cell("works")}
    answers = {"a": {"flag": cell("refused", by_style=styles)}}
    (row,) = matrix_of(semantics.build(view_of(tmp_path, [question("flag")], answers))).rows
    assert {found.text: found.names for found in row.answers} == {"refused": ("a",), "works": ("a (eager)",)}


def test_a_run_that_asked_nothing_says_so(tmp_path: Path) -> None:
    """Quick runs leave the probes out."""
    view = look(read_run(synthetic.write_run(tmp_path / "run", [synthetic.agreement("a")])))
    assert lead_of(semantics.build(view)).startswith("This run asked nothing")


@pytest.mark.parametrize(
    "content",
    [b"{", b"[]", b'{"schema": 2}', b'{"schema": 1, "questions": [{}], "answers": {}}',
     b'{"schema": 1, "questions": [{"key": "k", "title": "t", "meaning": "m", "watch": [], "gravity": 0}],'
     b' "answers": []}',
     b'{"schema": 1, "questions": [{"key": "k", "title": "t", "meaning": "m", "watch": {}, "gravity": 0}],'
     b' "answers": {"a": {"k": {"observed": "n"}}}}'],
)  # fmt: skip
def test_a_damaged_file_is_damage_and_not_the_end(tmp_path: Path, content: bytes) -> None:
    """The rest of the report is drawn."""
    run = synthetic.write_run(tmp_path / "run", [synthetic.agreement("a")])
    (run / "semantics.json").write_bytes(content)
    found = read_run(run)
    assert found.semantics.questions == ()
    assert [line for line in found.damage if line.startswith("semantics.json: not read")]
    assert draw(run).page.stat().st_size > 0


def test_what_others_wrote_is_text_on_the_page_and_in_markdown(tmp_path: Path) -> None:
    """Names, answers, evidence and sentences are escaped; the numbers stand in a details element."""
    answers = {NASTY: {"divisor": cell(NASTY, NASTY)}, "b": {"divisor": cell("n", "12.5 was seen")}}
    view = view_of(tmp_path, [question(watch={NASTY: NASTY})], answers)
    paths = draw(view.run.folder)
    page = paths.page.read_text(encoding="utf-8")
    assert "<script>alert" not in page
    start = page.index('id="semantics-matrix"')
    assert "12.5 was seen" in page[page.index("<details>", start) :]
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(paths.markdown.read_text(encoding="utf-8"))
    assert "<script>" not in html
    assert "</table><script>" not in html
