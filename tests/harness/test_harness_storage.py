"""Full disks, unwritable places, damaged and foreign folders: a clear error, and nothing measured is lost."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.harness.contents import read_plan
from benchmarks.harness.folder import RunFolder
from benchmarks.settings import Settings
from bn_impls.errors import BadRunFolder

PLAN = {"schema": 1, "run": "r", "settings": {}, "cases": []}


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
    limited = "resource.setrlimit(resource.RLIMIT_FSIZE, (12_000, 12_000))"
    folder = tmp_path / "run"
    options = ("--quick", "--axes", "agreement", "--implementations", "numpy-reference")
    process = started("run", *options, "--output", folder, before=limited)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 2
    assert f"{folder / 'records.jsonl'} cannot be written (File too large)" in errors
    assert (folder / "records.jsonl").stat().st_size == 12_000
    whole = (folder / "records.jsonl").read_bytes().count(b"\n")
    done = bn_bench("run", "--resume", folder)
    assert done.returncode == 0
    assert "10 cases: 8 ok, 2 unsupported" in done.stdout
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


def test_a_checkpoint_that_cannot_be_copied_is_told_with_its_reason(tmp_path: Path) -> None:
    """A tree's error has a list of what went wrong, and no text of its own; here it is a link to nowhere."""
    folder = RunFolder.create(tmp_path / "run", Settings())
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "weights").symlink_to(tmp_path / "nowhere")
    with pytest.raises(BadRunFolder, match=r"checkpoints/keras cannot be written \(\[Errno 2\] No such file or dir"):
        folder.keep_checkpoint("keras", tmp_path / "saved")
    folder.close()


def test_a_path_that_is_no_utf8_is_kept_in_the_plan(tmp_path: Path) -> None:
    """A folder of Latin-1's time: what a resumed run reads is the same path, byte for byte."""
    settings = Settings(data_dir=os.fsdecode(b"/data/\xff\xe9"))
    folder = RunFolder.create(tmp_path / "run", settings)
    folder.write_plan([])
    folder.close()
    resumed = RunFolder.resume(tmp_path / "run")
    resumed.close()
    assert os.fsencode(resumed.settings.data_dir or "") == b"/data/\xff\xe9"


class VanishedDirectory(tempfile.TemporaryDirectory):  # type: ignore[type-arg]  # of text, as the real one here
    """A real one, removed as soon as it is there."""

    def __init__(self, **options: Any) -> None:
        """Make it and remove it."""
        super().__init__(**options)
        shutil.rmtree(self.name)


def test_no_room_for_scratch_files_is_told_before_anything_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_cases: Any, planned_cases: Any
) -> None:
    """The folder for temporary files has vanished."""
    settings = Settings(implementations=("numpy-reference",), size="quick")
    folder = RunFolder.create(tmp_path / "fresh", settings)
    monkeypatch.setattr(tempfile, "TemporaryDirectory", VanishedDirectory)
    with pytest.raises(BadRunFolder, match=r"no scratch folder can be made in .* \(No such file or directory\)"):
        run_cases(folder, planned_cases(settings, ":7x5-float32"))


def test_no_folder_for_temporary_files_is_told_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheduler_of: Any
) -> None:
    """Not even the run's own scratch folder can be made."""
    folder = RunFolder.create(tmp_path / "fresh", Settings(implementations=("numpy-reference",), size="quick"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(BadRunFolder, match=r"no scratch folder can be made in .*nowhere \(No such file or directory\)"):
        scheduler_of(folder)
    folder.close()


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


def test_options_that_contradict_a_resumed_run_are_refused_and_its_folder_stays(finished: Path, bn_bench: Any) -> None:
    """Both are named with what the run has."""
    before = {path.name: path.stat().st_mtime_ns for path in finished.iterdir() if path.is_file()}
    done = bn_bench("run", "--resume", finished, "--threads", "2", "--axes", "agreement")
    assert_refused(done, "got --resume with --axes (the run has throughput), --threads (the run has 1)")
    changed = {name for name, when in before.items() if (finished / name).stat().st_mtime_ns != when}
    assert changed <= {".lock"}


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
