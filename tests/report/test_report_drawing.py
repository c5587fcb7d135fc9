"""What is written: files, the same bytes for the same records, sizes, and what happens when it cannot be written."""

from __future__ import annotations

import csv
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.report import ReportPaths, draw
from benchmarks.report.document import Cell, Column, Report, Section, Table, say
from benchmarks.report.figures import agreement as dots
from benchmarks.report.figures import throughput as forest
from benchmarks.report.figures.canvas import ALARM, LIGHT, VARIABLES
from benchmarks.report.markdown import write_markdown
from benchmarks.report.reading import read_run
from benchmarks.report.results_csv import COMPARED, frame
from benchmarks.report.view import look
from benchmarks.verdicts.judging import Verdict
from bn_impls.errors import BadRunFolder
from tests.report import synthetic
from tests.report.synthetic import agreement, layer_case, record, throughput, write_run

THREE_MB = 3_000_000


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def paths(realistic_run: Path) -> ReportPaths:
    """The report of a run, drawn once for all who only read it."""
    return draw(realistic_run)


def test_the_report_is_a_page_a_markdown_file_a_table_and_figures(realistic_run: Path, paths: ReportPaths) -> None:
    """With the names that scripts rely on."""
    assert [path.name for path in (paths.page, paths.markdown, paths.table)] == [
        "index.html",
        "report.md",
        "results.csv",
    ]
    assert {path.name for path in paths.figures} == {
        "agreement-errors.svg",
        "throughput-0-ratios.svg",
        "throughput-1-ratios.svg",
        "throughput-2-ratios.svg",
        "convergence-0-curves.svg",
        "convergence-0-differences.svg",
    }
    assert all(path.parent == realistic_run / "figures" and path.stat().st_size > 1000 for path in paths.figures)


def test_the_same_records_give_the_same_bytes(realistic_run: Path, paths: ReportPaths) -> None:
    """Also over an older report."""
    assert paths.page.is_file()
    first = contents(realistic_run)
    draw(realistic_run)
    assert contents(realistic_run) == first


def test_records_are_only_read(tmp_path: Path) -> None:
    """Drawing changes nothing but its own files."""
    folder = write_run(tmp_path / "run", [agreement("a"), throughput("a", {(0, 0): 100.0})])
    before = contents(folder)
    draw(folder)
    after, ours = contents(folder), re.compile(r"index\.html|report\.md|results\.csv|figures/.*")
    assert all(ours.fullmatch(name) for name in after.keys() - before.keys())
    assert {name: after[name] for name in before} == before


def test_no_framework_is_imported(realistic_run: Path) -> None:
    """In a fresh process: any records file renders without one; and nothing heavy before something is drawn."""
    script = (
        "import sys; from pathlib import Path; from benchmarks.report import draw\n"
        "assert not {'pandas', 'matplotlib', 'scipy', 'jinja2'} & set(sys.modules)\n"
        f"draw(Path({str(realistic_run)!r}))\n"
        "assert not {'tensorflow', 'keras', 'torch', 'jax'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def test_every_table_of_the_page_stands_in_the_markdown_too(paths: ReportPaths) -> None:
    """The same titles, and aligned columns."""
    page, markdown = paths.page.read_text(), paths.markdown.read_text()
    titles = re.findall(r'<p class="title" id="[^"]+">([^<]+)</p>', page)
    assert len(titles) >= 10
    assert [title for title in titles if f"**{title}**" not in markdown] == []
    for block in markdown.split("\n\n"):
        lines = [line for line in block.splitlines() if line.startswith("|")]
        assert len({len(line) for line in lines}) <= 1
    for path in paths.figures:
        assert f"](figures/{path.name})" in markdown


def test_the_page_makes_no_request(paths: ReportPaths) -> None:
    """Nothing in it names another place; the policy forbids all but its own style and its one script."""
    page = paths.page.read_text()
    assert not re.findall(r"(?:src|action|srcset)\s*=", page)
    assert set(re.findall(r'href="([^"#]*)', page)) <= {"", "data:,"}
    assert "@import" not in page
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy is not None
    assert policy[1].startswith("default-src &#39;none&#39;")
    assert "script-src &#39;sha256-" in policy[1]


def test_ids_in_the_page_are_unique(paths: ReportPaths) -> None:
    """Figures do not collide, and every reference leads somewhere."""
    page = paths.page.read_text()
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    references = re.findall(r'(?:href="#|url\(#|aria-labelledby="|for=")([^")]+)', page)
    assert set(references) <= set(ids)


def test_figures_follow_the_page_and_stand_alone(paths: ReportPaths) -> None:
    """Inside the page colours are variables; in a file they are colours on a white ground."""
    page, figure = paths.page.read_text(), paths.figures[0].read_text()
    for sentinel in VARIABLES:
        assert sentinel not in page
        assert sentinel not in figure
    assert "var(--s0)" in page
    assert "var(" not in figure
    assert 'width="100%" height="100%" style="fill: #ffffff"' in figure
    assert set(LIGHT) == set(VARIABLES)


def test_figures_have_a_name_and_words(paths: ReportPaths) -> None:
    """For who cannot see them."""
    page = paths.page.read_text()
    figures = re.findall(r"<figure.*?</figure>", page, flags=re.S)
    assert len(figures) == 6
    for figure in figures:
        assert 'role="img"' in figure
        assert re.search(r'<title id="[^"]+">[^<]{10,}</title>', figure)
        assert "<summary>In words</summary>" in figure


def test_the_table_has_a_row_a_record_and_withholds_what_the_page_withholds(tmp_path: Path) -> None:
    """A column's name is its place in the record; numbers come back as they were."""
    right, wrong = agreement("a", 0.123456789012345678), agreement("b", 9, "disagrees", reason="bad")
    rows = [throughput(who, {(0, 0): 100.0}) for who in ("a", "b")]
    folder = write_run(tmp_path / "run", [right, wrong, *rows])
    header, *found = csv.reader(io.StringIO(draw(folder).table.read_text()))
    table = [dict(zip(header, row, strict=True)) for row in found]
    assert [row["axis"] for row in table] == ["agreement"] * 2 + ["throughput"] * 2
    assert float(table[0]["metrics.worst_error_over_bound"]) == 0.123456789012345678
    assert table[0]["case.shape"] == "32x32"
    assert (table[2]["metrics.step_ns_min"], table[2]["speed_withheld"]) == ("100.0", "")
    assert (table[3]["metrics.step_ns_min"], table[3]["speed_withheld"]) == ("", "no speed: disagrees: bad")
    assert table[3]["metrics.build_s"] == "0.12"


def test_the_table_has_verdict_ratio_and_interval_against_the_baseline(tmp_path: Path) -> None:
    """twice takes 200 ns for the baseline's 100 in each of three rounds, and unlike has no agreement."""
    rows = [agreement("keras"), agreement("twice")]
    rows += [throughput(who, {(r, 0): time for r in range(3)}) for who, time in
             (("keras", 100.0), ("twice", 200.0), ("unlike", 50.0))]  # fmt: skip
    table = frame(look(read_run(write_run(tmp_path / "run", rows)))).set_index("case_id")
    found = table.loc[table["axis"] == "throughput", ["implementation", *COMPARED[1:]]].to_numpy().tolist()
    assert found[0] == ["keras", None, 1.0, None, None]
    assert found[1] == ["twice", "slower", *[pytest.approx(2.0)] * 3]
    assert found[2][0] == "unlike"
    assert table.loc[table["implementation"] == "unlike", "verdict"].isna().all()
    assert table.loc[table["verdict"] == "slower", "baseline"].tolist() == [rows[2]["case_id"]]


def test_the_frame_keeps_integers_whole(tmp_path: Path) -> None:
    """A column with gaps does not turn a count into a fraction."""
    view = look(read_run(write_run(tmp_path / "run", [agreement("a"), synthetic.checkpoint("a")])))
    assert frame(view)["metrics.num_updates_saved"].tolist()[1] == 100
    assert isinstance(frame(view)["metrics.num_updates_saved"].tolist()[1], int)


@pytest.mark.parametrize(
    "records",
    [
        [],
        [record("agreement", "a", {}, "failed")],
        [agreement("a")],
        [throughput("a", {(0, 0): 1.0})],
        [synthetic.checkpoint("a", dict.fromkeys(synthetic.checkpoint("a")["metrics"]))],
        [record("convergence", "a", {}, metrics={})],
        [record("throughput", "a", {}, "ok")],
    ],
    ids=["nothing", "failure", "agreement", "throughput", "checkpoint", "convergence", "empty"],
)
def test_a_run_of_almost_nothing_is_drawn(tmp_path: Path, records: list[synthetic.Json]) -> None:
    """No section needs another, or any record at all."""
    page = draw(write_run(tmp_path / "run", records, also_planned=[agreement("b")])).page.read_text()
    assert f"accounted {len(records)}" in page


def test_ten_thousand_records_stay_under_three_megabytes(tmp_path: Path) -> None:
    """Tables say how many rows they leave out, figures how many groups, and the table has every record."""
    paths = draw(synthetic.crowd(tmp_path / "run"))
    page = paths.page.read_text()
    assert len(page.encode()) < THREE_MB
    assert "Planned 10,000 = accounted 10,000" in page
    assert "300 of 800 rows are here" in page
    assert "Drawn are 1 of 20 groups" in page
    assert "Drawn are the 8 whose worst errors are the smallest and the largest, of 10." in page
    assert paths.table.read_text().count("\n") == 10_001
    assert paths.markdown.stat().st_size < 300_000


@pytest.mark.parametrize("names", [1, pytest.param(5_000, marks=pytest.mark.slow)])
def test_a_crowd_in_one_group_is_drawn(tmp_path: Path, names: int) -> None:
    """Ten thousand records of one input: of one implementation, or each pair of records of its own."""
    records = []
    for number in range(5_000):
        who = f"implementation-{number % names}"
        records.append(agreement(who, case={"seed": number}))
        records.append(throughput(who, {(0, 0): 100.0 + number, (1, 0): 100.0 + number}, case={"seed": number}))
    page = draw(write_run(tmp_path / "run", records)).page
    assert page.stat().st_size < THREE_MB


def test_a_folder_that_cannot_be_written_is_an_error_with_a_way_out(
    realistic_run: Path, paths: ReportPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old report stays whole, and no draft is left."""
    assert paths.page.is_file()
    before = contents(realistic_run)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(BadRunFolder, match=r"cannot be written: No space left on device.*bn-bench report"):
        draw(realistic_run)
    assert contents(realistic_run) == before


def test_figures_of_an_older_report_are_removed(tmp_path: Path) -> None:
    """A folder drawn again from fewer records keeps no picture of the others."""
    folder = write_run(tmp_path / "run", [agreement("a")])
    (folder / "figures").mkdir()
    (folder / "figures" / "throughput-0-ratios.svg").write_text("old")
    draw(folder)
    assert [path.name for path in (folder / "figures").iterdir()] == ["agreement-errors.svg"]


def test_thinning_dots_keeps_the_worst_and_the_best() -> None:
    """NaN counts as the worst."""
    values = [float(value) for value in range(1000)] + [float("nan")]
    kept = [dot.over_bound for dot in dots.thin([dots.Dot(value) for value in values], 10)]
    assert len(kept) == 10
    assert kept[0] == 0
    assert kept[-1] != kept[-1]


def test_a_disagreement_is_ringed_and_limits_are_a_band(tmp_path: Path) -> None:
    """Cases have different limits; only what is beyond its own is ringed."""
    right, wrong = agreement("a", 3.0), agreement("b", 9.0, "disagrees", reason="bad")
    right["metrics"]["limit_over_bound"] = 20.0
    paths = draw(write_run(tmp_path / "run", [right, wrong]))
    rings = re.findall(rf"<use [^>]*stroke: {LIGHT[ALARM]}", paths.figures[0].read_text())
    assert len(rings) == 2  # moving variance 9 and moving mean 4.5, both over 4
    assert "The limit is 4.0 to 20 times the bound" in paths.page.read_text()


def test_the_forest_holds_whole_groups(tmp_path: Path) -> None:
    """Two of three groups fit; one alone that is too long is cut."""
    row = forest.Row("a", "a", Verdict("undecided", 1.0, None, None, 1, 0.03), False)
    groups = [(name, [row] * 4) for name in "abc"]
    assert [heading for heading, _ in forest.fitting(groups, 10)] == ["a", "b"]
    assert [len(rows) for _, rows in forest.fitting([("a", [row] * 99)], 10)] == [10]


def test_a_markdown_table_is_cut_and_says_so() -> None:
    """GitHub does not show pages without end."""
    rows = tuple((Cell(str(number), number),) for number in range(300))
    table = Table("t", "Numbers", (Column("Number", True),), rows, (), 900)
    text = write_markdown(Report("t", "h", say("s"), (), (Section("s", "S", (table,)),)))
    assert "80 of 900 rows; all records are in `results.csv`." in text
    assert text.count("\n|") == 82


def test_extreme_ratios_are_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Intervals of two rounds may be endless, ratios may be a million."""
    shape = layer_case()
    rows = []
    for who, minima in (
        ("keras", {(0, 0): 1.0, (1, 0): 1e6}),
        ("b", {(0, 0): 1e9, (1, 0): 1.0}),
        ("c", {(0, 0): 1e15, (1, 0): 1e15}),
    ):
        rows += [agreement(who, case=shape), throughput(who, minima, case=shape)]
    assert draw(write_run(tmp_path / "run", rows)).figures[-1].stat().st_size > 1000
