"""Full disks, unwritable places, damaged and foreign folders: a clear error, and nothing measured is lost."""

from __future__ import annotations

import json
import resource
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.harness.contents import read_plan
from benchmarks.harness.folder import RunFolder
from benchmarks.settings import Settings
from bn_impls.errors import BadRunFolder

PLAN = {"schema": 1, "run": "r", "settings": {}, "cases": []}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, bn_bench: Any) -> Path:
    """The folder of one small run through the real command, to be copied and spoilt."""
    folder = tmp_path_factory.mktemp("storage") / "run"
    done = bn_bench(
        "run", "--quick", "--axes", "throughput", "--implementations", "numpy-reference", "--dataset", "digits",
        "--threads", "1", "--output", folder,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return folder


@pytest.fixture
def spoilt(finished: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(finished, tmp_path / "run"))


def drop_lines(path: Path, keep: Callable[[dict[str, Any]], bool]) -> None:
    """Rewrite a file of lines with those that are kept."""
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if keep(json.loads(line))))


def assert_refused(done: Any, *expected: str) -> None:
    """Code 2, every part of the message, no traceback."""
    assert done.returncode == 2
    for part in expected:
        assert part in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


# ---- full disks -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["records.jsonl", "passes.jsonl"])
def test_a_full_disk_ends_the_run_with_the_file_and_the_way_on(name: str, spoilt: Path, bn_bench: Any) -> None:
    """The device /dev/full answers every write with ENOSPC; what stands in the other files stays as it is."""
    other = spoilt / ({"records.jsonl", "passes.jsonl"} - {name}).pop()
    drop_lines(other, lambda line: not line["case_id"].startswith("throughput"))
    before = other.read_bytes()
    (spoilt / name).unlink()
    (spoilt / name).symlink_to("/dev/full")
    done = bn_bench("run", "--resume", spoilt)
    assert_refused(
        done, f"{spoilt / name} cannot be written (No space left on device)", "everything measured before is kept",
        f"bn-bench run --resume {spoilt}",
    )  # fmt: skip
    assert done.stderr.count("bn-bench: ") == 1
    assert other.read_bytes() == before


def test_a_file_that_may_not_grow_ends_the_run_and_it_is_finished_later(
    tmp_path: Path, bn_bench: Any, started: Any
) -> None:
    """A file size limit cuts a record in the middle; resumed without the limit, the cut line is mended and told."""
    limited = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (12_000, 12_000))  # noqa: E731  # a callback
    folder = tmp_path / "run"
    options = ("--quick", "--axes", "agreement", "--implementations", "numpy-reference")
    process = started("run", *options, "--output", folder, preexec=limited)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 2
    assert f"{folder / 'records.jsonl'} cannot be written (File too large)" in errors
    assert (folder / "records.jsonl").stat().st_size == 12_000
    whole = (folder / "records.jsonl").read_bytes().count(b"\n")
    done = bn_bench("run", "--resume", folder)
    assert done.returncode == 0
    assert "7 cases: 7 ok" in done.stdout
    assert f"damaged: records.jsonl line {whole + 1} was skipped: not JSON" in done.stdout


def test_a_benchmark_json_that_cannot_be_written_is_told_and_the_report_is_drawn(spoilt: Path, bn_bench: Any) -> None:
    """The last step of a run: pytest-benchmark's own file."""
    (spoilt / "benchmark.json").unlink()
    (spoilt / "benchmark.json").symlink_to("/dev/full")
    (spoilt / "index.html").unlink()
    done = bn_bench("run", "--resume", spoilt)
    assert_refused(done, "benchmark.json cannot be written (No space left on device)", f"--resume {spoilt}")
    assert (spoilt / "index.html").stat().st_size > 0


def test_a_report_that_cannot_be_written_is_told(spoilt: Path, bn_bench: Any) -> None:
    """A file stands where the folder of figures belongs."""
    shutil.rmtree(spoilt / "figures")
    (spoilt / "figures").write_text("")
    assert_refused(bn_bench("run", "--resume", spoilt), f"{spoilt} cannot be written")


def test_no_room_for_scratch_files_is_told_before_anything_is_measured(
    spoilt: Path, tmp_path: Path, bn_bench: Any, monkeypatch: pytest.MonkeyPatch, run_cases: Any, planned_cases: Any
) -> None:
    """The folder for temporary files vanishes in the middle."""
    settings = Settings(implementations=("numpy-reference",), size="quick")
    folder = RunFolder.create(tmp_path / "fresh", settings)
    from benchmarks.harness import scheduler

    class Vanished(scheduler.tempfile.TemporaryDirectory):  # type: ignore[type-arg, name-defined, misc]  # a real one, removed
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            shutil.rmtree(self.name)

    monkeypatch.setattr(scheduler.tempfile, "TemporaryDirectory", Vanished)
    with pytest.raises(BadRunFolder, match=r"no scratch folder can be made in .* \(No such file or directory\)"):
        run_cases(folder, planned_cases(settings, ":7x5-float32"))


# ---- places that cannot be used -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "why"),
    [("file/run", "Not a directory"), ("file", "File exists"), ("/proc/run", "No such file or directory")],
)
def test_an_output_that_cannot_be_made_is_refused(place: str, why: str, tmp_path: Path, bn_bench: Any) -> None:
    """Under a regular file, at one, and where the kernel makes no folders (root may do all else)."""
    (tmp_path / "file").write_text("")
    output = tmp_path / place
    done = bn_bench("run", "--quick", "--axes", "agreement", "--output", output)
    assert_refused(done, f"{output} cannot be made ({why}); give another folder with --output")


def test_a_folder_with_something_in_it_is_not_written_over(tmp_path: Path, bn_bench: Any) -> None:
    """The message names both ways out, and the file stays."""
    (tmp_path / "notes.txt").write_text("mine")
    done = bn_bench("run", "--quick", "--axes", "agreement", "--output", tmp_path)
    assert_refused(done, f"{tmp_path} is not empty; finish it with --resume {tmp_path}, or give another --output")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("command", [("run", "--resume"), ("report",)])
@pytest.mark.parametrize(
    ("files", "why"),
    [({}, "is no run folder: it has no plan.json"), ({"plan.json": "[]", "records.jsonl": ""}, "plan.json")],
)
def test_a_folder_that_no_run_wrote_is_refused(
    command: tuple[str, ...], files: dict[str, str], why: str, tmp_path: Path, bn_bench: Any
) -> None:
    """An empty folder and a foreign one, by resume and by report; nothing is written into it."""
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert_refused(bn_bench(*command, tmp_path), str(tmp_path), why)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(files)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "cannot be read"),
        ("{", "cannot be read"),
        ("[]", "cannot be read"),
        ("\udc80", "cannot be read"),
        ("{}", "it has no 'schema'"),
        (
            json.dumps(PLAN | {"schema": 2}),
            "has schema 2, but should have 1; use the version of bn-bench that wrote it",
        ),
        (json.dumps(PLAN | {"schema": "1"}), "has schema '1', but should have 1"),
    ],
)
def test_a_plan_that_cannot_be_read_is_refused_by_name(text: str, why: str, tmp_path: Path) -> None:
    """Cut, foreign, of another version."""
    (tmp_path / "plan.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(BadRunFolder) as caught:
        RunFolder.resume(tmp_path)
    assert str(tmp_path / "plan.json") in str(caught.value)
    assert why in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"settings": []},
        {"settings": {"axes": 3}},
        {"cases": [{}]},
        {"cases": [3]},
        {"cases": {"a": 1}},
        {"cases": None},
    ],
)
def test_a_plan_of_the_wrong_form_is_an_error_and_no_traceback(change: dict[str, Any], tmp_path: Path) -> None:
    """Whatever stands in a hand-made plan, the reader names the file."""
    (tmp_path / "plan.json").write_text(json.dumps(PLAN | change))
    with pytest.raises(BadRunFolder, match=r"plan\.json is not what a run writes"):
        read_plan(tmp_path)


# ---- damage ---------------------------------------------------------------------------------------------------------


def test_damaged_records_are_measured_again_and_named_by_file_and_line(spoilt: Path, bn_bench: Any) -> None:
    """Garbage in the middle and a cut last line: the others stay as they are, byte for byte; the report tells too."""
    records = spoilt / "records.jsonl"
    lines = records.read_bytes().splitlines(keepends=True)
    assert len(lines) == 7
    lost = [json.loads(lines[number])["case_id"] for number in (1, 6)]
    records.write_bytes(b"".join([lines[0], b"\xff\xfegarbage\n", *lines[2:6], lines[6][:100]]))
    before = records.read_bytes()
    done = bn_bench("run", "--resume", spoilt)
    assert done.returncode == 0
    assert "7 cases: 7 ok" in done.stdout
    assert "damaged: records.jsonl line 2 was skipped: not JSON" in done.stdout
    assert "damaged: records.jsonl line 7 was skipped: not JSON" in done.stdout
    after = records.read_bytes()
    assert after.startswith(before + b"\n")
    assert [json.loads(line)["case_id"] for line in after[len(before) + 1 :].splitlines()] == lost
    report = (spoilt / "report.md").read_text()
    assert "records.jsonl, line 2" in report
    assert "records.jsonl, line 7" in report


def test_damaged_passes_are_taken_again_and_named_by_file_and_line(spoilt: Path, bn_bench: Any) -> None:
    """A case that lost a pass gets one more round; the passes that are whole stay."""
    passes, records = spoilt / "passes.jsonl", spoilt / "records.jsonl"
    lines = passes.read_bytes().splitlines(keepends=True)
    hit = next(n for n, line in enumerate(lines) if b'"kind": "pass"' in line and b":inference-32x32" in line)
    lines[hit] = b'{"schema": 1}\n'
    passes.write_bytes(b"".join(lines)[:-20])
    before = passes.read_bytes()
    drop_lines(records, lambda line: line["axis"] != "throughput")
    done = bn_bench("run", "--resume", spoilt)
    assert done.returncode == 0
    assert "7 cases: 7 ok" in done.stdout
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


def test_the_environment_of_a_run_that_was_killed_early_is_written_when_it_is_resumed(
    tmp_path: Path, bn_bench: Any
) -> None:
    """Killed between plan and environment, the folder can be resumed and lacks nothing in the end."""
    settings = Settings(implementations=("numpy-reference",), size="quick", axes=("agreement",))
    folder = RunFolder.create(tmp_path / "run", settings)
    from benchmarks.cases import plan
    from bn_impls.registry import describe

    folder.write_plan(plan(settings, [describe("numpy-reference")]))
    folder.close()
    done = bn_bench("run", "--resume", folder.path)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads((folder.path / "environment.json").read_text())["versions"]["numpy"]
