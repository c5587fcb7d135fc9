"""The page of the docs is written from a run folder, and says so where none is published."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.claims.model import KINDS
from benchmarks.pages import claims as page

ENTRY = {
    "id": "C01", "documents": ["000", "003"], "statement": "It is a_b < c.", "experiment": "Two networks.",
    "rule": "Confirmed if lower.", "kind": "depends", "on": "the rate", "sentence": "It is lower.",
    "meaning": "Tune it.",
    "figures": {"loss_change_nats": -0.125, "steps_ratio": None}, "picture": None,
    "printed": [
        {"what": "accuracy, %", "printed": None, "ours": 91.25, "why": "a picture"},
        {"what": "seconds", "printed": 0.223, "ours": None, "why": "not timed"},
    ],
}  # fmt: skip


def test_the_page_says_what_the_file_says(tmp_path: Path) -> None:
    """Table, verdict, figures, the document's own; markup is escaped."""
    (tmp_path / "claims.json").write_text(json.dumps({"schema": 1, "size": "full", "claims": [ENTRY]}))
    where = {"cores": 2, "cpu_model": "Abacus", "versions": {"numpy": "2.4.6"}}
    (tmp_path / "environment.json").write_text(json.dumps(where))
    text = page.verdicts(tmp_path)
    assert "| [C01](#c01) | 000, 003 | It is a_b &lt; c. | **depends**: the rate |" in text
    assert "`full` on 2 cores of an Abacus, with numpy 2.4.6." in text
    assert "Of 1 claims: 0 confirmed, 0 refuted, 1 depends, 0 undecided." in text
    assert "| steps ratio | no number |" in text and "| seconds | 0.2230 | none | not timed |" in text
    assert "| loss change nats | -0.1250 |" in text
    assert "| accuracy, % | as a picture | 91.25 | a picture |" in text


def test_every_picture_of_a_claim_is_a_file_beside_the_page(tmp_path: Path) -> None:
    """Its first and those below it, in the page and as files."""
    svg = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M 0 0"/></svg>'
    drawn = [
        {"file": f"claims/C01{n}.svg", "title": "Curves", "caption": "Over epochs.", "alternative": f"It falls{n}."}
        for n in ("", "-2")
    ]
    (tmp_path / "claims").mkdir()
    for one in drawn:
        (tmp_path / one["file"]).write_text(svg)
    entry = {**ENTRY, "picture": drawn[0], "further_pictures": drawn[1:]}
    content = {"schema": 1, "size": "full", "claims": [entry]}
    (tmp_path / "claims.json").write_text(json.dumps(content))
    text = page.markdown(content)
    assert "![It falls.](claims/C01.svg)" in text and "![It falls-2.](claims/C01-2.svg)" in text
    assert [path.name for path in page.pictures(tmp_path)] == ["C01.svg", "C01-2.svg"]


def test_without_a_run_the_page_says_how_to_make_one(tmp_path: Path) -> None:
    """Instead of verdicts, and without pictures."""
    assert page.verdicts(tmp_path / "none") == page.NOTHING and page.pictures(tmp_path / "none") == {}


def test_the_page_explains_every_kind_of_verdict() -> None:
    """In the page as it stands."""
    text = page.PAGE.read_text(encoding="utf-8")
    assert all(f"| {kind} |" in text for kind in KINDS)
