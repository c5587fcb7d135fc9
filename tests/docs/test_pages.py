"""Pages state what the committed records say."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benchmarks.pages import readme
from benchmarks.pages.__main__ import PAGES, made
from benchmarks.pages.markers import filled
from benchmarks.report import draw

RUNS = sorted(report.parent for report in readme.PUBLISHED.parent.glob("*/report.md"))


def test_every_file_is_what_registry_records_and_costs_say() -> None:
    """Made anew, each is what stands there."""
    for file, text in made().items():
        assert file.read_text(encoding="utf-8") == text, f"{file.name}: run `python -m benchmarks.pages`"


def test_a_result_that_was_edited_by_hand_is_found_out() -> None:
    """One changed digit between the markers is replaced."""
    text = readme.PAGE.read_text(encoding="utf-8")
    begin = text.index("<!-- begin: results -->")
    digit = next(position for position in range(begin, len(text)) if text[position].isdigit())
    forged = f"{text[:digit]}{(int(text[digit]) + 1) % 10}{text[digit + 1 :]}"
    assert filled(forged, readme.BLOCKS) == text != forged


def test_only_what_stands_between_the_markers_is_made_anew() -> None:
    """Markers that are missing or there twice are an error of ours."""
    page = "# Top\n<!-- begin: x -->\nold\n<!-- end: x -->\nend\n"
    text = filled(page, {"x": lambda: "new"})
    assert text == "# Top\n<!-- begin: x -->\n\nnew\n\n<!-- end: x -->\nend\n"
    assert filled(text, {"x": lambda: "new"}) == text
    for broken in (page.replace("begin: x", "begin: y"), page * 2):
        with pytest.raises(ValueError, match="should have the block"):
            filled(broken, {"x": lambda: "new"})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_page_has_all_its_blocks(page: Path) -> None:
    """Once each."""
    text = page.read_text(encoding="utf-8")
    assert all(text.count(f"<!-- begin: {name} -->\n") == 1 for name in PAGES[page])


@pytest.mark.parametrize(
    "folder",
    [pytest.param(run, id=run.name, marks=[] if run == readme.PUBLISHED else [pytest.mark.slow]) for run in RUNS],
)
def test_a_published_report_is_what_its_records_give(folder: Path, tmp_path: Path) -> None:
    """Drawn anew, each is what stands there."""
    copy = shutil.copytree(folder, tmp_path / folder.name)
    assert draw(copy).markdown.read_text() == (folder / "report.md").read_text(), f"run `bn-bench report {folder.name}`"
