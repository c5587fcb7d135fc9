"""Run folders, whole and damaged: what can be read is kept, the rest is named."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.report import draw
from benchmarks.report.reading import read_run
from benchmarks.report.starts import read_starts
from bn_impls.cli import main
from bn_impls.errors import BadRunFolder
from tests.report.synthetic import agreement, layer_case, throughput, write_run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three records of three implementations."""
    return write_run(tmp_path / "run", [agreement(who) for who in ("a", "b", "c")])


def edit_lines(folder: Path, edit: Callable[[list[bytes]], list[bytes]]) -> None:
    """Change records.jsonl line by line."""
    path = folder / "records.jsonl"
    path.write_bytes(b"".join(edit(path.read_bytes().splitlines(keepends=True))))


def test_a_whole_folder_has_no_damage(folder: Path) -> None:
    """Everything planned is there."""
    run = read_run(folder)
    assert [record.implementation for record in run.records] == ["a", "b", "c"]
    assert (run.damage, run.missing, run.unplanned) == ([], (), ())


def test_a_truncated_last_line_is_reported_and_the_rest_kept(folder: Path) -> None:
    """As a kill in the middle of a write leaves it."""
    edit_lines(folder, lambda lines: [*lines[:2], lines[2][:100]])
    run = read_run(folder)
    assert [record.implementation for record in run.records] == ["a", "b"]
    assert [case.implementation for case in run.missing] == ["c"]
    assert len(run.damage) == 1
    assert run.damage[0].startswith("records.jsonl, line 3: skipped, it is cut off")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"{not json}\n", "it is not JSON"),
        (b"\xff\xfe\x00\n", "it is not JSON"),
        (b"[1, 2]\n", "it is a list, but should be an object"),
        (b'"text"\n', "it is a str, but should be an object"),
        (b'{"hello": 1}\n', "it has no `case_id`"),
        (b"[" * 100_000 + b"\n", "it is nested too deeply"),
    ],
)
def test_a_foreign_line_is_reported_with_its_number(folder: Path, line: bytes, why: str) -> None:
    """File, line number and why."""
    edit_lines(folder, lambda lines: [lines[0], line, *lines[1:]])
    run = read_run(folder)
    assert len(run.records) == 3
    assert len(run.damage) == 1
    assert run.damage[0].startswith(f"records.jsonl, line 2: skipped, {why}")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"axis": "beauty"}, "axis 'beauty' is none of"),
        ({"status": "fine"}, "status 'fine' is none of"),
        ({"case": None}, "it has no `case`"),
        ({"implementation": 7}, "it has no `implementation`"),
    ],
)
def test_a_record_that_is_none_is_reported(folder: Path, change: dict[str, Any], why: str) -> None:
    """Known fields with impossible values."""
    edit_lines(folder, lambda lines: [json.dumps(json.loads(lines[0]) | change).encode() + b"\n", *lines[1:]])
    run = read_run(folder)
    assert len(run.records) == 2
    assert why in run.damage[0]


def test_blank_lines_are_no_damage(folder: Path) -> None:
    """An editor may have left some."""
    edit_lines(folder, lambda lines: [b"\n", *lines, b"  \n"])
    assert read_run(folder).damage == []


@pytest.mark.parametrize(
    ("earlier", "damaged"),
    [(status, True) for status in ("ok", "disagrees", "unsupported", "not_installed", "no_device")]
    + [(status, False) for status in ("failed", "crashed", "timed_out", "out_of_memory")],
)
def test_of_two_records_of_a_case_the_later_counts(folder: Path, earlier: str, damaged: bool) -> None:
    """As a resumed run leaves them, which tries again what did not last; any other second one is damage."""
    again = json.dumps(agreement("a", 0.5)).encode() + b"\n"
    edit_lines(
        folder,
        lambda lines: [lines[0].replace(b'"status": "ok"', f'"status": "{earlier}"'.encode()), *lines[1:], again],
    )
    run = read_run(folder)
    assert len(run.records) == 3
    assert (run.records[0].status, run.records[0].number("worst_error_over_bound")) == ("ok", 0.5)
    told = f"records.jsonl, line 4: a second record of {run.records[0].case_id}; the later one counts"
    assert run.damage == ([told] if damaged else [])


@pytest.mark.parametrize("schema", [2, "1", None, True])
def test_an_unknown_schema_of_a_record_is_refused(folder: Path, schema: object) -> None:
    """Guessing at another format would publish wrong figures."""
    edit_lines(folder, lambda lines: [json.dumps(json.loads(lines[0]) | {"schema": schema}).encode() + b"\n"])
    with pytest.raises(BadRunFolder, match=r"records\.jsonl line 1 has schema .*, but should be 1"):
        read_run(folder)


def test_an_unknown_schema_of_the_plan_is_refused(folder: Path) -> None:
    """The plan has the same version."""
    plan = json.loads((folder / "plan.json").read_text())
    (folder / "plan.json").write_text(json.dumps(plan | {"schema": 9}))
    with pytest.raises(BadRunFolder, match=r"plan\.json has schema 9, but should be 1"):
        read_run(folder)


@pytest.mark.parametrize("missing", ["plan.json", "records.jsonl"])
def test_an_empty_or_foreign_folder_is_refused(folder: Path, missing: str) -> None:
    """The message names what is missing and the way out."""
    (folder / missing).unlink()
    with pytest.raises(BadRunFolder, match=rf"is no run folder: it has no {missing}.*bn-bench run"):
        draw(folder)


NESTED = b"[" * 100_000  # deeper than Python's parser goes


@pytest.mark.parametrize("content", [b"", b"nonsense", b"[]", b'{"schema": 1}', b'{"schema": 1, "cases": 3}', NESTED])
def test_a_plan_that_is_none_is_refused(folder: Path, content: bytes) -> None:
    """Without a plan nothing can be accounted for."""
    (folder / "plan.json").write_bytes(content)
    with pytest.raises(BadRunFolder, match=r"plan\.json"):
        read_run(folder)


def test_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    """Like an empty one."""
    with pytest.raises(BadRunFolder, match="is no run folder"):
        draw(tmp_path / "nowhere")


@pytest.mark.parametrize("content", [None, b"{", b"[]", b"\xff", NESTED])
def test_a_missing_or_damaged_environment_is_not_fatal(folder: Path, content: bytes | None) -> None:
    """The page says `not recorded` instead."""
    (folder / "environment.json").unlink()
    if content is not None:
        (folder / "environment.json").write_bytes(content)
    assert read_run(folder).damage[0].startswith("environment.json: not read")
    assert "not recorded" in draw(folder).page.read_text()


@pytest.mark.parametrize("name", ["environment", "machine", "ledger", "semantics", "calibration"])
def test_a_file_beside_the_records_that_is_nested_too_deeply_is_named(folder: Path, name: str) -> None:
    """Each is read by the same parser; the report is drawn without it."""
    (folder / f"{name}.json").write_bytes(NESTED)
    assert [told.split(" (")[0] for told in read_run(folder).damage] == [f"{name}.json: not read"]


def test_a_pass_that_is_nested_too_deeply_tells_of_no_start(folder: Path) -> None:
    """The lines after it do."""
    run = read_run(folder)
    told = {"case_id": run.records[0].case_id, "round": 0, "start_cpu_s": 1.5}
    (folder / "passes.jsonl").write_bytes(b'{"start_cpu_s": ' + NESTED + b"\n" + json.dumps(told).encode())
    assert read_starts(run) == {"a": {0: 1.5}}


def test_records_come_in_the_order_of_the_plan(folder: Path) -> None:
    """The run finishes cases in random order."""
    edit_lines(folder, lambda lines: lines[::-1])
    assert [record.implementation for record in read_run(folder).records] == ["a", "b", "c"]


def test_records_that_are_not_planned_are_kept_and_named(folder: Path) -> None:
    """Nothing that was measured is hidden."""
    extra = json.dumps(agreement("d")).encode() + b"\n"
    edit_lines(folder, lambda lines: [*lines, extra])
    assert [record.implementation for record in read_run(folder).unplanned] == ["d"]
    assert "1 record of cases that the plan does not name" in draw(folder).page.read_text()


@pytest.mark.parametrize("value", [None, "text", [], {}, True, 10**400, -1, float("nan"), float("inf"), [[None]]])
@pytest.mark.parametrize("part", ["case", "metrics", "samples", "labels", "versions"])
def test_no_value_in_a_record_is_fatal(tmp_path: Path, part: str, value: object) -> None:
    """Whatever stands in the place of a value, the report is drawn."""
    records = [
        agreement("keras"),
        throughput("keras", {(0, 0): 100.0, (1, 0): 110.0}),
        agreement("other", case=layer_case((8, 8))),
        throughput("other", {(0, 0): 90.0, (1, 0): 100.0}, case=layer_case((8, 8))),
    ]
    for record in records[2:]:
        record[part] = dict.fromkeys(record[part] or ["anything"], value)
    assert draw(write_run(tmp_path / "run", records)).page.stat().st_size > 10_000


def test_the_command_tells_damage_on_standard_error(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The report is drawn and named all the same."""
    with open(folder / "records.jsonl", "a", encoding="utf-8") as stream:
        stream.write("no record\n")
    assert main(["report", str(folder)]) == 0
    told = capsys.readouterr()
    assert told.out.split() == [str(folder / name) for name in ("index.html", "report.md", "results.csv")]
    assert told.err.startswith("bn-bench: damaged: records.jsonl, line ")
    assert "skipped, it is not JSON" in told.err


def test_the_head_tells_all_rounds_and_the_environment_that_no_switch_was_set(tmp_path: Path) -> None:
    """One case had more rounds than the other."""
    speeds = [throughput(who, {(number, 0): 5.0 for number in range(most)}) for who, most in (("a", 5), ("b", 8))]
    whole = write_run(tmp_path / "run", [agreement("a"), agreement("b"), *speeds], environment={"switches": {}})
    text = draw(whole).markdown.read_text(encoding="utf-8")
    assert "- **Rounds**: 5 to 8\n" in text
    assert re.search(r"Switches\W+none set", text)
