"""Damaged lines and interrupted beginnings: the rest is kept, the line is named, the case is run again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.cases import plan
from benchmarks.harness.folder import RunFolder
from benchmarks.harness.semantics import known
from benchmarks.settings import Settings
from bn_impls.registry import describe


def test_damaged_records_are_measured_again_and_named_by_file_and_line(spoilt: Path, bn_bench: Any) -> None:
    """Garbage in the middle and a cut last line: the others stay as they are, byte for byte; the report tells too."""
    records = spoilt / "records.jsonl"
    lines = records.read_bytes().splitlines(keepends=True)
    assert len(lines) == 9
    lost = [json.loads(lines[number])["case_id"] for number in (1, 8)]
    records.write_bytes(b"".join([lines[0], b"\xff\xfegarbage\n", *lines[2:8], lines[8][:100]]))
    before = records.read_bytes()
    done = bn_bench("run", "--resume", spoilt)
    assert done.returncode == 0
    assert "9 cases: 9 ok" in done.stdout
    assert "damaged: records.jsonl line 2 was skipped: not JSON" in done.stdout
    assert "damaged: records.jsonl line 9 was skipped: not JSON" in done.stdout
    after = records.read_bytes()
    assert after.startswith(before + b"\n")
    assert [json.loads(line)["case_id"] for line in after[len(before) + 1 :].splitlines()] == lost
    report = (spoilt / "report.md").read_text()
    assert "records.jsonl, line 2" in report
    assert "records.jsonl, line 9" in report


def test_damaged_passes_are_taken_again_and_named_by_file_and_line(spoilt: Path, bn_bench: Any) -> None:
    """A case that lost a pass gets one more round; the passes that are whole stay."""
    passes, records = spoilt / "passes.jsonl", spoilt / "records.jsonl"
    lines = passes.read_bytes().splitlines(keepends=True)
    hit = next(n for n, line in enumerate(lines) if b'"kind": "pass"' in line and b":inference-32x32" in line)
    lines[hit] = b'{"schema": 1}\n'
    passes.write_bytes(b"".join(lines)[:-20])
    before = passes.read_bytes()
    kept = [line for line in records.read_text().splitlines(keepends=True) if json.loads(line)["axis"] != "throughput"]
    records.write_text("".join(kept))
    done = bn_bench("run", "--resume", spoilt)
    assert done.returncode == 0
    assert "9 cases: 9 ok" in done.stdout
    assert f"damaged: passes.jsonl line {hit + 1} was skipped: without a usable case_id, round, pass" in done.stdout
    assert f"damaged: passes.jsonl line {len(lines)} was skipped: not JSON" in done.stdout
    assert passes.read_bytes().startswith(before + b"\n")
    again = {json.loads(line)["case_id"] for line in passes.read_bytes()[len(before) :].splitlines() if line}
    assert "throughput:numpy-reference:inference-32x32-float32-eager-cpu" in again
    assert len(again) == 2  # that one, and the one whose last pass was cut


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"{", "not JSON"),
        (b"[1, 2]", "not an object"),
        (b"\xff\xff", "not JSON"),
        (b'{"case_id": "a"}', "schema None, but should be 1"),
        (b'{"schema": 7, "case_id": "a"}', "schema 7, but should be 1"),
        (b'{"schema": 1, "case_id": "a"}', "without a usable axis, implementation, case, status"),
        (b'{"schema": 1, "case_id": "a", "axis": "b", "implementation": "c", "case": {}, "status": "fine", '
         b'"metrics": {}, "samples": {}, "labels": {}, "versions": {}}', "status 'fine' is none of ok, disagrees"),
        (b"[" * 100_000, "not JSON"),
    ],
)  # fmt: skip
def test_a_line_that_is_no_record_is_damage_with_a_reason(line: bytes, why: str, tmp_path: Path) -> None:
    """Each kind is told apart, and a line is told once, however often the file is read."""
    folder = RunFolder.create(tmp_path / "run", Settings())
    (folder.path / "records.jsonl").write_bytes(b"\n" + line + b"\n")
    assert (folder.records(), folder.records()) == ({}, {})
    (damage,) = folder.damage
    assert damage.startswith("records.jsonl line 2 was skipped: ")
    assert why in damage
    folder.close()


@pytest.mark.parametrize("damaged", ["{", "[]", "[" * 100_000])
def test_a_damaged_environment_is_as_good_as_none(damaged: str, tmp_path: Path) -> None:
    """A resumed run writes it anew, and so it does with what the probes observed."""
    folder = RunFolder.create(tmp_path / "run", Settings())
    for name in ("environment.json", "semantics.json"):
        (folder.path / name).write_text(damaged)
    folder.add_sitting({"commit": "abc", "versions": {"numpy": "2"}})
    stored = json.loads((folder.path / "environment.json").read_text())
    assert (stored["commit"], len(stored["sittings"])) == ("abc", 1)
    assert known(folder) == {}
    folder.close()


def test_the_environment_of_a_run_that_was_killed_early_is_written_when_it_is_resumed(
    tmp_path: Path, bn_bench: Any
) -> None:
    """Killed between plan and environment, the folder can be resumed and lacks nothing in the end."""
    settings = Settings(implementations=("numpy-reference",), size="quick", axes=("agreement",))
    folder = RunFolder.create(tmp_path / "run", settings)
    folder.write_plan(plan(settings, [describe("numpy-reference")]))
    folder.close()
    done = bn_bench("run", "--resume", folder.path)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads((folder.path / "environment.json").read_text())["versions"]["numpy"]
