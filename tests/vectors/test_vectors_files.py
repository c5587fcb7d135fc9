"""The files of the golden vectors: the same bytes everywhere, readable without us, and nothing but whole sets."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bn_impls import cli
from bn_impls.errors import BadData
from bn_impls.vectors.cases import CASES, given
from bn_impls.vectors.evaluation import evaluate
from bn_impls.vectors.export import CannotExport, export
from bn_impls.vectors.files import contents
from bn_impls.vectors.verify import read, verify

MOST_BYTES = 2_000_000
SET = "5a7d351a8da043ca69ee976561410ef8380bcb233a21bb9889f2b7a79905df47"
"""SHA-256 of SHA256SUMS, and so of the whole set: a change of any byte is a change of what others test against. It may
change only with the version of the format or with the cases, which the changelog then says."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A set."""
    export(tmp_path / "set", force=False)
    return tmp_path / "set"


def test_the_bytes_are_the_ones_that_were_published() -> None:
    """On every run and machine."""
    made = contents()
    assert sha256(made["SHA256SUMS"]).hexdigest() == SET
    assert sum(map(len, made.values())) <= MOST_BYTES


def test_another_process_writes_the_same_bytes(tmp_path: Path, folder: Path) -> None:
    """With another hash seed, time zone and locale."""
    environment = os.environ | {"PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "LC_ALL": "C", "OMP_NUM_THREADS": "3"}
    again = tmp_path / "again"
    command = [sys.executable, "-m", "bn_impls.cli", "vectors", str(again)]
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=120)
    names = sorted(path.relative_to(folder) for path in folder.rglob("*"))
    assert names == sorted(path.relative_to(again) for path in again.rglob("*"))
    assert all(
        (folder / name).read_bytes() == (again / name).read_bytes() for name in names if (folder / name).is_file()
    )


def test_numpy_reads_what_the_manifest_describes(folder: Path) -> None:
    """And so does who knows nothing of .npy: the numbers begin at the offset, little-endian, last axis fastest."""
    for case in json.loads((folder / "manifest.json").read_text())["cases"]:
        for entry in case["arrays"].values():
            data = (folder / entry["path"]).read_bytes()
            array = np.load(folder / entry["path"], allow_pickle=False)
            assert (array.dtype.name, list(array.shape), len(data)) == (entry["dtype"], entry["shape"], entry["bytes"])
            width = array.dtype.itemsize
            raw = data[entry["data_offset"] :]
            assert len(raw) == width * array.size and entry["data_offset"] % 64 == 0
            last = np.frombuffer(raw[-width:], f"<f{width}")[0]
            assert last == array.reshape(-1)[-1]
            assert sha256(data).hexdigest() == entry["sha256"]


def test_the_files_hold_the_inputs_and_the_exact_results(folder: Path) -> None:
    """Under their names, each case with its parameters."""
    for case, (facts, arrays) in zip(CASES, read(folder), strict=True):
        inputs, results = given(case), evaluate(case, given(case))
        assert (facts["name"], tuple(facts["shape"]), facts["ddof"], facts["warm_up"]) == (
            case.name, case.shape, case.ddof, case.warm_up,
        )  # fmt: skip
        assert facts["shape"][facts["channel_axis"]] == len(inputs.gamma)
        np.testing.assert_array_equal(arrays["x"], inputs.x)
        for name, value in results.expected.items():
            np.testing.assert_array_equal(arrays[name], value)
            np.testing.assert_array_equal(arrays[f"{name}_limit"], results.limits[name])


def test_sha256sum_agrees(folder: Path) -> None:
    """The list has the form that the usual tool reads."""
    for line in (folder / "SHA256SUMS").read_text().splitlines():
        digest, path = line.split("  ")
        assert sha256((folder / path).read_bytes()).hexdigest() == digest


def damaged(folder: Path, kind: str) -> None:
    """Spoil one file of a set."""
    array = folder / "plain" / "x.npy"
    match kind:
        case "a flipped bit":
            data = bytearray(array.read_bytes())
            data[-1] ^= 1
            array.write_bytes(data)
        case "a short file":
            array.write_bytes(array.read_bytes()[:-4])
        case "a missing file":
            array.unlink()
        case "a file too many":
            (folder / "plain" / "notes.txt").write_text("mine")
        case "a changed page":
            (folder / "README.md").write_text("other equations")
        case "a changed manifest":
            text = (folder / "manifest.json").read_text()
            (folder / "manifest.json").write_text(text.replace('"decay": 0.875', '"decay": 0.9', 1))
        case "no list":
            (folder / "SHA256SUMS").unlink()


DAMAGE = {
    "a flipped bit": r"plain/x\.npy has SHA-256",
    "a short file": r"plain/x\.npy has SHA-256",
    "a missing file": r"plain/x\.npy cannot be read",
    "a file too many": r"plain/notes\.txt is not in SHA256SUMS",
    "a changed page": r"README\.md has SHA-256",
    "a changed manifest": r"manifest\.json has SHA-256",
    "no list": r"SHA256SUMS cannot be read",
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_noticed(folder: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """By the reader, and by the command with exit code 2."""
    assert verify(folder)[0] == len(CASES)
    damaged(folder, kind)
    with pytest.raises(BadData, match=DAMAGE[kind]):
        verify(folder)
    assert cli.main(["vectors", str(folder), "--verify"]) == 2
    assert capsys.readouterr().err.startswith("bn-bench: ")


@pytest.mark.parametrize("manifest", ["{", "[]", '{"format": "other", "version": 1}'])
def test_a_manifest_that_is_none_is_refused(folder: Path, manifest: str) -> None:
    """Before any array is read."""
    (folder / "manifest.json").write_text(manifest)
    with pytest.raises(BadData, match=r"manifest\.json"):
        list(read(folder))


# ---- writing --------------------------------------------------------------------------------------------------------


def left_beside(folder: Path) -> list[str]:
    """What an export left in the parent folder, but for the set itself."""
    return sorted(path.name for path in folder.parent.iterdir() if path != folder)


def test_an_empty_folder_is_filled_and_a_missing_parent_is_made(tmp_path: Path) -> None:
    """And the set is readable by others, as other new folders are."""
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "empty", tmp_path / "a" / "b" / "set"):
        assert export(folder, force=False) <= MOST_BYTES
        assert verify(folder)[0] == len(CASES)
        assert left_beside(folder) in ([], ["a"])
    (tmp_path / "other").mkdir()
    assert (tmp_path / "empty").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    """Also with --force."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    for force in (False, True):
        with pytest.raises(CannotExport, match=r"holds thesis\.txt, but should be missing or empty"):
            export(tmp_path / "mine", force=force)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"


def test_an_earlier_set_is_replaced_when_asked(folder: Path) -> None:
    """A damaged one too, but not together with somebody's own file."""
    with pytest.raises(CannotExport, match=r"holds an earlier set, .*--force replaces it"):
        export(folder, force=False)
    damaged(folder, "a flipped bit")
    export(folder, force=True)
    assert verify(folder)[0] == len(CASES)
    assert left_beside(folder) == []
    damaged(folder, "a file too many")
    with pytest.raises(CannotExport, match=r"holds plain/notes\.txt, which is not of the set"):
        export(folder, force=True)
    assert (folder / "plain" / "notes.txt").exists()


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    """Above it as well."""
    (tmp_path / "file").write_text("mine")
    with pytest.raises(CannotExport, match="is a file, but should be a folder"):
        export(tmp_path / "file", force=True)
    with pytest.raises(CannotExport, match="cannot be written"):
        export(tmp_path / "file" / "below", force=False)


@pytest.mark.parametrize("before", ["nothing", "an earlier set"])
def test_a_full_disk_leaves_what_was_there(
    tmp_path: Path, before: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Half way through: no half set, no temporary folder, one sentence."""
    folder = tmp_path / "set"
    if before != "nothing":
        export(folder, force=False)
    write, written = Path.write_bytes, []

    def full(self: Path, data: Any) -> int:
        written.append(self)
        if len(written) > 100:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(self, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    assert cli.main(["vectors", str(folder), "--force"]) == 2
    assert "cannot be written: No space left on device; nothing was left there" in capsys.readouterr().err
    monkeypatch.undo()
    assert left_beside(folder) == []
    assert folder.exists() == (before != "nothing")
    if folder.exists():
        assert verify(folder)[0] == len(CASES)


def test_the_command_says_what_it_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And checks what it wrote."""
    folder = tmp_path / "set"
    assert cli.main(["vectors", str(folder)]) == 0
    assert f"{folder}: {len(CASES)} cases in" in capsys.readouterr().out
    assert cli.main(["vectors", str(folder), "--verify"]) == 0
    assert "are as they were written" in capsys.readouterr().out
