"""Damage: what is done to the files, by value; and one implementation's trials, in real processes."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.axes.checkpoint import bench, trials
from benchmarks.axes.checkpoint.damage import file_trials, flip_places
from benchmarks.axes.checkpoint.trial_worker import _readable_by_right
from benchmarks.checkpoints.damages import KINDS

OF_FILES = ("bit_flip", "truncated", "empty", "removed", "foreign", "hostile", "directory", "unreadable")


def test_flips_reach_every_file_and_never_less_than_asked() -> None:
    """Half alike over the files, half by bytes; no bit twice; what a file of one byte cannot take, others do."""
    sizes = {Path("small"): 100, Path("large"): 10_000, Path("one"): 1, Path("empty"): 0}
    places = flip_places(sizes, 200)
    counts = {file: len([1 for of, _ in places if of == file]) for file in sizes}
    assert counts == {Path("small"): 42, Path("large"): 151, Path("one"): 8, Path("empty"): 0}
    assert len(set(places)) == len(places)
    assert {bit % 8 for _, bit in places} == set(range(8))
    assert all(0 <= bit < 8 * sizes[file] for file, bit in places)
    assert len(flip_places({Path("a"): 5000}, 200)) == 200
    assert len(flip_places({Path("a"): 3, Path("b"): 1}, 200)) == 32  # there are no more


def test_each_trial_does_what_its_name_says(tmp_path: Path) -> None:
    """On a folder of one file of eight bytes: one bit, so many bytes, nothing, something else."""
    whole = bytes(range(8))

    def after(kind: str) -> list[Any]:
        found = []
        for trial in (one for one in file_trials(folder, flips=4) if one.kind == kind):
            file.unlink() if file.is_file() else None
            file.write_bytes(whole)
            trial.inflict(folder)
            found.append(file.read_bytes() if file.is_file() else "directory" if file.is_dir() else "gone")
            if file.is_dir():
                file.rmdir()
        return found

    folder = tmp_path / "checkpoint"
    folder.mkdir()
    file = folder / "state"
    file.write_bytes(whole)
    flipped = [np.unpackbits(np.frombuffer(content, np.uint8) ^ np.frombuffer(whole, np.uint8)).sum()
               for content in after("bit_flip")]  # fmt: skip
    file.write_bytes(whole)
    assert flipped == [1, 1, 1, 1]
    assert [len(content) for content in after("truncated")] == [2, 4, 6, 7]
    assert after("empty") == [b""]
    file.write_bytes(whole)
    assert after("removed") == ["gone"]
    file.write_bytes(whole)
    assert after("directory") == ["directory"]
    file.write_bytes(whole)
    assert len(after("foreign")) == len(after("hostile")) == 3
    assert {trial.kind for trial in file_trials(folder)} == set(OF_FILES)


def test_looking_at_a_checkpoint_that_is_being_written_survives_what_vanishes(tmp_path: Path) -> None:
    """Orbax renames whole folders while it saves."""
    kept = tmp_path / "kept"
    kept.write_text("x")

    def write() -> None:
        for number in range(400):
            folder = tmp_path / f"step-{number % 20}"
            folder.mkdir()
            (folder / "d").write_text("x")
            shutil.rmtree(folder)

    with ThreadPoolExecutor(1) as beside:
        writing = beside.submit(write)
        while not writing.done():
            assert kept in bench.look(tmp_path)
        writing.result()


def test_only_the_file_without_permissions_is_unreadable(tmp_path: Path) -> None:
    """Also for the superuser, and in a folder that nobody else may enter."""
    tmp_path.chmod(0o700)
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    (folder / "open").write_bytes(b"whole")
    (folder / "barred").write_bytes(b"secret")
    (folder / "barred").chmod(0)
    with _readable_by_right(folder) as place:
        assert (place / "open").read_bytes() == b"whole"
        with pytest.raises(PermissionError):
            (place / "barred").read_bytes()


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Trials of the canonical format, with a few flips."""
    case = {"specification": "numpy-reference", "format": "npz", "layer_style": "eager", "bit_flips": 24}
    return trials.run(case, tmp_path_factory.mktemp("trials"))


def test_the_canonical_format_restores_nothing_wrong(outcome: Any) -> None:
    """Every kind of damage was tried, none crashed, every refusal is a BadCheckpoint."""
    metrics = outcome.metrics
    assert (outcome.status, outcome.reason) == ("ok", None)
    assert (metrics["wrong"], metrics["crashed"], metrics["refused_by_other_errors"]) == (0, 0, 0)
    assert metrics["refused"] + metrics["identical"] == metrics["trials"]
    assert set(outcome.samples["by_kind"]) == set(KINDS)
    assert outcome.samples["not_tried"] == {}


def test_an_earlier_canonical_checkpoint_survives_whatever_disturbs_saving(outcome: Any) -> None:
    """A full disk, a kill, a second writer: the old values come back, or the new ones."""
    for kind, times in (("disk_full", 3), ("killed", 3), ("two_writers", 1)):
        assert outcome.samples["by_kind"][kind] == {"identical": times}


CARELESS = "checkpoint_careless:CARELESS"


def test_a_careless_format_is_seen_to_restore_something_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Raw bytes without a checksum: flips pass unnoticed, and a kill of the process costs one trial each."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    case = {"specification": CARELESS, "format": "raw", "layer_style": "eager", "bit_flips": 16}
    found = trials.run(case, tmp_path)
    assert found.status == "ok"  # a finding about a format that promises nothing
    assert found.reason.startswith("restored without complaint and wrong: state.raw, bit ")
    # it writes float64, of which half of the flipped bits are below the digits of the float32 that is restored
    assert found.samples["by_kind"]["bit_flip"] == {"identical": 8, "wrong": 8}
    assert found.samples["by_kind"]["empty"] == {"crashed": 1}  # it aborts on an empty file
    assert found.samples["by_kind"]["removed"] == {"refused": 1}
    assert found.metrics["refused_by_other_errors"] >= 1  # FileNotFoundError is no BadCheckpoint
