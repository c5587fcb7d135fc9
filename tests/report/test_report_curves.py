"""Curves are checked before they are believed; what cannot be believed is a note in their place."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.report.curves import read_curves
from benchmarks.report.document import Figure, Paragraph, Section, plain
from benchmarks.report.figures.convergence import envelope, relative_difference
from benchmarks.report.reading import read_run
from benchmarks.report.run import Record
from benchmarks.report.sections import convergence as section
from benchmarks.report.view import look
from tests.report.synthetic import Json, convergence, write_run

ARRAYS = {"step_loss": [1.0, 0.5], "reference_step_loss": [1.0, 0.4], "validation_loss_moving": [0.7]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A place for a run."""
    return tmp_path / "run"


def read(folder: Path, record: Json) -> Record:
    """The record as the report sees it."""
    return read_run(write_run(folder, [record])).records[0]


def built(folder: Path) -> Section:
    """The convergence section of the run."""
    return section.build(look(read_run(folder)))


def test_curves_are_read_as_float64(folder: Path) -> None:
    """By the names that the format gives them."""
    found = read_curves(folder, read(folder, convergence("a", folder, ARRAYS)))
    assert found.trouble == ""
    assert {name: values.tolist() for name, values in found.arrays.items()} == ARRAYS


def damage_flip(path: Path) -> None:
    """One byte is another."""
    content = bytearray(path.read_bytes())
    content[50] ^= 1
    path.write_bytes(bytes(content))


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (Path.unlink, "cannot be read (FileNotFoundError)"),
        (damage_flip, "is not the file that was recorded: its sha256 begins"),
        (lambda path: path.write_bytes(b""), "is not the file that was recorded"),
    ],
)
def test_a_missing_or_changed_file_is_a_note_in_place_of_the_curve(
    folder: Path, damage: Callable[[Path], Any], why: str
) -> None:
    """The case is named, nothing is drawn of it, and the table keeps its figures."""
    record = convergence("a", folder, ARRAYS)
    write_run(folder, [record])
    damage(folder / record["samples"]["file"])
    blocks = built(folder).blocks
    notes = [plain(block.text) for block in blocks if isinstance(block, Paragraph) and block.tone == "note"]
    assert len(notes) == 1
    assert notes[0].startswith(f"No curve of {record['case_id']}: ")
    assert why in notes[0]
    assert not any(isinstance(block, Figure) for block in blocks)


def rewrite(folder: Path, record: Json, content: bytes) -> Record:
    """Let the record refer to a file of this content, with its right hash."""
    (folder / "curves").mkdir(parents=True, exist_ok=True)
    (folder / "curves" / "other.npz").write_bytes(content)
    record["samples"] |= {"file": "curves/other.npz", "sha256": hashlib.sha256(content).hexdigest()}
    return read(folder, record)


def test_nothing_is_unpickled(folder: Path) -> None:
    """An array of objects would run code of its author."""
    buffer = io.BytesIO()
    np.savez(buffer, step_loss=np.array([{"a": 1}], dtype=object))
    found = read_curves(folder, rewrite(folder, convergence("a", folder, ARRAYS), buffer.getvalue()))
    assert found.arrays == {}
    assert "cannot be read (ValueError)" in found.trouble


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no archive", b"text"])
def test_a_file_that_is_no_archive_is_a_note(folder: Path, content: bytes) -> None:
    """Its hash is right, its content is not."""
    found = read_curves(folder, rewrite(folder, convergence("a", folder, ARRAYS), content))
    assert "cannot be read" in found.trouble


@pytest.mark.parametrize("name", ["../outside.npz", "/etc/hostname", "curves/../../outside.npz"])
def test_nothing_outside_the_run_folder_is_read(folder: Path, name: str) -> None:
    """A record is data from a stranger."""
    record = convergence("a", folder, ARRAYS)
    record["samples"]["file"] = name
    assert read_curves(folder, read(folder, record)).trouble == f"{name} lies outside the run folder"


def test_arrays_that_are_no_curves_are_left_out(folder: Path) -> None:
    """Two dimensions, or text."""
    buffer = io.BytesIO()
    np.savez(buffer, step_loss=np.array([[1.0]]), words=np.array(["a"]), train_loss_moving=np.array([2], np.int32))
    found = read_curves(folder, rewrite(folder, convergence("a", folder, ARRAYS), buffer.getvalue()))
    assert {name: values.tolist() for name, values in found.arrays.items()} == {"train_loss_moving": [2.0]}


def test_a_diverged_loss_is_drawn(folder: Path) -> None:
    """NaN, infinity, zero and a short reference are curves too."""
    arrays = {
        "step_loss": [1.0, np.inf, np.nan, 1e300, 0.0],
        "reference_step_loss": [1.0, 1.0, 0.0, 1e-300],
        "train_loss_moving": [np.nan, np.inf],
        "validation_loss_moving": [0.0, -1.0],
        "train_accuracy_moving": [],
    }
    write_run(folder, [convergence("a", folder, arrays)])
    assert sum(isinstance(block, Figure) for block in built(folder).blocks) == 2


def test_the_difference_is_relative_to_the_reference() -> None:
    """By value; where the reference is 0 it is infinite."""
    found = relative_difference(np.array([1.1, 2.0, 1.0]), np.array([1.0, 4.0, 0.0, 9.0]))
    assert found[:2].tolist() == pytest.approx([0.1, 0.5])
    assert found[2] == np.inf


def test_thinning_a_curve_keeps_its_peaks() -> None:
    """A thousand steps on ten points, the peak among them."""
    values = np.zeros(1000)
    values[437] = 5.0
    steps, kept = envelope(values, 10)
    assert len(kept) == 10
    assert (steps[kept.argmax()], kept.max()) == (437, 5.0)
