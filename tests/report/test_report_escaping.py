"""What a user may name as they like is text everywhere: in the page, the figures, the Markdown and the table."""

from __future__ import annotations

import csv
import html.parser
import io
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from benchmarks.report import ReportPaths, draw
from benchmarks.report.markdown import escape
from benchmarks.report.results_csv import harmless
from benchmarks.report.wording import visible
from tests.report import synthetic
from tests.report.synthetic import Json

SCRIPT = "<script>alert(1)</script>"
NASTY = (
    SCRIPT,
    "$x_1$ and $\\frac{1}{0}$",
    "a|b`c`*d*_e_[f](javascript:alert(1))",
    "=cmd()",
    "</svg></title></style><img src=x onerror=alert(1)>",
    '"><b onload=alert(1)>',
    "{{ 7 * 7 }} {% raw %}",
    "two\nlines\r\nand\x00control\x1b[31m\u202eright-to-left\ud800",
    "図形 ×🙂 é",  # noqa: RUF001
    "x" * 400,
    "&lt;amp&amp;",
    'url(#a) id="b" #b10001 ${x}',
)


def nasty_records(folder: Path, name: str) -> list[Json]:
    """One record of each axis and one that was not measured, with the name in every place that a user can fill."""
    case = synthetic.layer_case(style=name, device=name, dtype=name)
    arrays = {"step_loss": [1.0, 0.5], "reference_step_loss": [1.0, 0.4], "validation_loss_moving": [0.7]}
    free = {"labels": {name: {"claimed": name, "observed": name, "evidence": name}}, "versions": {name: name}}
    minima = {(0, 0): 100.0, (1, 0): 101.0}
    records = [
        synthetic.agreement(name, case=case),
        synthetic.agreement("other", case=case),
        synthetic.agreement(name, 99, "disagrees", case={"seed": 1}, reason=name),
        synthetic.throughput(name, minima, case=case),
        synthetic.throughput("other", minima, case=case),
        synthetic.convergence(name, folder, arrays, 1, dataset=name, network=name, optimizer=name),
        synthetic.checkpoint(name, {"optimizer_step_restored": 0}, format=name) | {"reason": name},
        synthetic.record("checkpoint", name, {"format": name}, "failed", reason=name),
    ]
    return [record | free | {"case_id": f"{number}{name}"} for number, record in enumerate(records)]


@pytest.fixture(scope="module", params=NASTY, ids=lambda name: repr(name)[:24])
def drawn(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ReportPaths]:
    """A name, and the report of a run full of it, drawn once."""
    name = str(request.param)
    folder = tmp_path_factory.mktemp("nasty") / "run"
    records = nasty_records(folder, name)
    environment = {"cpu_model": name, "versions": {name: name}, "threads": {name: name}, name: name}
    synthetic.write_run(folder, records, {name: name, "dataset": name}, environment=environment)
    return name, draw(folder)


class Elements(html.parser.HTMLParser):
    """Tags, event handlers and text of a page."""

    def __init__(self, page: str) -> None:
        """Parse the page."""
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.text: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the tag and its attributes."""
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        """Note the text."""
        self.text.append(data)


def test_a_name_is_text_in_the_page(drawn: tuple[str, ReportPaths]) -> None:
    """One script, no image, no handler; the name itself can be read."""
    name, paths = drawn
    found = Elements(paths.page.read_text(encoding="utf-8"))
    assert found.tags.count("script") == 1
    assert not {"img", "iframe", "object", "embed"} & set(found.tags)
    assert not [name for name in found.attributes if name.startswith("on")]
    assert visible(name)[:50] in "".join(found.text)


def test_a_name_is_text_in_the_figures(drawn: tuple[str, ReportPaths]) -> None:
    """Each is well-formed XML without a foreign element; dollar signs are no mathematics."""
    name, paths = drawn
    known = {"svg", "title", "defs", "style", "g", "path", "use", "text", "clipPath", "rect", "tspan"}
    assert paths.figures
    texts = []
    for path in paths.figures:
        root = ElementTree.fromstring(path.read_text(encoding="utf-8"))
        assert {element.tag.rpartition("}")[2] for element in root.iter()} <= known
        texts += ["".join(element.itertext()) for element in root.iter() if element.tag.endswith("}text")]
    assert any(visible(name)[:20] in text for text in texts)


def test_a_name_is_text_in_the_markdown(drawn: tuple[str, ReportPaths]) -> None:
    """No raw HTML in the file; rendered, tables have as many cells as columns, and the name can be read."""
    name, paths = drawn
    source = paths.markdown.read_text(encoding="utf-8")
    assert "<" not in source
    rendered = Elements(MarkdownIt("commonmark", {"html": True}).enable("table").render(source))
    assert not {"script", "img src=x", "b", "iframe"} & set(rendered.tags)
    assert "a" not in rendered.tags
    assert visible(name)[:50].strip() in "".join(rendered.text)
    for block in source.split("\n\n"):
        lines = [line for line in block.splitlines() if line.startswith("|")]
        assert len({line.replace("\\|", "").count("|") for line in lines}) <= 1


def test_a_name_is_text_in_the_table(drawn: tuple[str, ReportPaths]) -> None:
    """No cell starts like a formula, and every row has all columns."""
    name, paths = drawn
    header, *rows = csv.reader(io.StringIO(paths.table.read_text(encoding="utf-8")))
    assert len(rows) == 8
    assert {len(row) for row in rows} == {len(header)}
    place = header.index("implementation")
    assert rows[0][place].removeprefix("'") == visible(name)
    for column in zip(header, *rows, strict=True):
        assert not [cell for cell in column if cell.startswith(("=", "+", "@", "\t"))]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_text_that_a_spreadsheet_would_run_gets_an_apostrophe(text: str) -> None:
    """Whatever stands before the formula."""
    assert str(harmless(text)).startswith("'")


@pytest.mark.parametrize("value", [-1, -1.5, 0, None, True, "a=b", "plain"])
def test_numbers_and_plain_text_stay_as_they_are(value: object) -> None:
    """A negative number is no formula."""
    assert harmless(value) is value


def test_words_with_underscores_stay_readable_in_a_terminal() -> None:
    """GitHub takes an underscore inside a word as text."""
    assert escape("moving_variance at 1e-3") == "moving_variance at 1e-3"
    assert escape("_emphasis_") == "\\_emphasis\\_"


def test_hidden_characters_are_written_out() -> None:
    """What could turn the reading direction or a terminal's colour is seen instead."""
    assert visible("a\x1b[31m\u202eb\ud800") == "a\\x1b[31m\\u202eb\\ud800"
    assert visible("two\nlines") == "two lines"
    assert visible("é 図 🙂") == "é 図 🙂"
