"""HDF5 files of a user's own: x in [0, 1] and y, checked before anything trains on them."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.datasets import load, read_hdf5
from benchmarks.datasets.placing import placed
from bn_impls.errors import BadData

h5py: Any = pytest.importorskip("h5py", reason="h5py is not installed")

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write datasets, and return the file's path."""

    def write_file(**arrays: Any) -> Path:
        path = tmp_path / "own.h5"
        with h5py.File(path, "w") as file:
            for key, array in arrays.items():
                file[key] = array
        return path

    return write_file


def test_inputs_and_labels_come_back_in_our_dtypes(write: Write) -> None:
    """Float64 inputs and, as in the file of document 003, floating labels."""
    inputs, labels = read_hdf5(write(x=np.array([[0.0, 0.25], [0.5, 1.0]]), y=np.array([1.0, 0.0])))
    assert inputs.dtype == np.float32
    assert inputs.tolist() == [[0.0, 0.25], [0.5, 1.0]]
    assert labels.dtype == np.int64
    assert labels.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": [[0.0, np.nan]], "y": [0]}, "x has 1 values that are NaN or infinite"),
        ({"x": [[0.0, np.inf]], "y": [0]}, "x has 1 values that are NaN or infinite"),
        ({"x": [[0.0, 1.5]], "y": [0]}, r"x goes from 0\.0 to 1\.5, but should lie in \[0, 1\]"),
        ({"x": [[-0.5, 1.0]], "y": [0]}, r"x goes from -0\.5 to 1\.0"),
        ({"x": np.array([[0, 255]], np.uint8), "y": [0]}, "x goes from 0 to 255.*divide bytes by 255"),
        ({"x": [[0.0], [1.0]], "y": [0]}, r"x of shape \(2, 1\) and y of shape \(1,\)"),
        ({"x": [0.0, 1.0], "y": [0, 1]}, r"x of shape \(2,\)"),
        ({"x": 0.5, "y": [0]}, r"x of shape \(\) and y of shape \(1,\), but should have x of shape \(n, \.\.\.\)"),
        ({"x": [[1.0]], "y": 0}, r"y has shape \(\), but should be \(n,\)"),
        ({"x": h5py.Empty("f8"), "y": [0]}, "x has no shape and no values, but should be an array"),
        ({"x": [[1.0]], "y": h5py.Empty("i8")}, "y has no shape and no values, but should be an array"),
        ({"x": np.zeros((0, 2)), "y": [0]}, r"x has shape \(0, 2\)"),
        ({"x": [[1.0]], "y": [[0, 1]]}, r"y has shape \(1, 2\).*one-hot y\.argmax\(1\)"),
        ({"x": [[1.0]], "y": [-1]}, r"y\[0\] is -1, but should be a class number"),
        ({"x": [[1.0], [1.0]], "y": [0, 0.5]}, r"y\[1\] is 0\.5"),
        ({"x": [[1.0]], "y": [np.nan]}, r"y\[0\] is nan"),
        ({"x": [[1.0]], "y": [1e300]}, r"y\[0\] is 1e\+300"),
        ({"x": [["text"]], "y": [0]}, "x has dtype object, but should be numeric"),
        ({"x": [[1.0]]}, "holds x, but should hold x and y: add y"),
    ],
)
def test_values_that_are_not_data_are_refused(write: Write, arrays: dict[str, Any], message: str) -> None:
    """Each message says what was got."""
    path = write(**arrays)
    with pytest.raises(BadData, match=message):
        read_hdf5(path)


@pytest.mark.parametrize(
    ("shape", "chunks", "message"),
    [
        (
            (10**6, 10**6),
            (1000, 1000),
            r"announces the shape \(1000000, 1000000\) of float64, 8000000000000 bytes, but",
        ),
        ((20, 4), (20, 4), r"announces the shape \(20, 4\), but holds no values: write them into the file"),
        ((20, 4), None, r"announces the shape \(20, 4\), but holds no values"),
    ],
)
def test_values_that_were_never_written_are_not_made_up(
    tmp_path: Path, shape: tuple[int, ...], chunks: tuple[int, ...] | None, message: str
) -> None:
    """HDF5 fills them with zeros, however many a file of a kilobyte announces."""
    with h5py.File(tmp_path / "own.h5", "w") as file:
        file.create_dataset("x", shape, np.float64, chunks=chunks)
        file["y"] = [0]
    with pytest.raises(BadData, match=message):
        read_hdf5(tmp_path / "own.h5")


def test_a_group_in_place_of_an_array_is_refused(tmp_path: Path) -> None:
    """HDF5 has folders, too."""
    with h5py.File(tmp_path / "own.h5", "w") as file:
        file.create_group("x")
    with pytest.raises(BadData, match="x is no array of the file itself"):
        read_hdf5(tmp_path / "own.h5")


def test_a_link_into_another_file_is_not_followed(tmp_path: Path, write: Write) -> None:
    """A file that was handed over reads no other file of the user's."""
    target = write(x=[[1.0]])
    with h5py.File(tmp_path / "link.h5", "w") as file:
        file["x"] = h5py.ExternalLink(str(target), "x")
        file["y"] = [0]
    with pytest.raises(BadData, match="x is no array of the file itself"):
        read_hdf5(tmp_path / "link.h5")


def test_external_storage_is_not_followed(tmp_path: Path) -> None:
    """Nor by the other way that HDF5 has to lead there."""
    (tmp_path / "raw").write_bytes(bytes(8))
    with h5py.File(tmp_path / "own.h5", "w") as file:
        file.create_dataset("x", (1, 1), np.float64, external=[(str(tmp_path / "raw"), 0, 8)])
        file["y"] = [0]
    with pytest.raises(BadData, match="x is no array of the file itself"):
        read_hdf5(tmp_path / "own.h5")


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    """Any bytes under the right name."""
    (tmp_path / "own.h5").write_bytes(b"not HDF5")
    with pytest.raises(BadData, match="cannot be read as HDF5"):
        read_hdf5(tmp_path / "own.h5")


@pytest.mark.parametrize("mark", [b"HEAP", b"TREE", b"SNOD", b"y\0"])
def test_damaged_structure_is_refused(write: Write, mark: bytes) -> None:
    """Of the file's own tables; the library raises other errors than over a file that is none of its own."""
    path = write(x=[[1.0]], y=[0])
    path.write_bytes(path.read_bytes().replace(mark, b"\xff" * len(mark)))
    with pytest.raises(BadData, match=r"own\.h5 cannot be read as HDF5"):
        read_hdf5(path)


def test_a_missing_file_is_an_error_with_its_path(tmp_path: Path) -> None:
    """Rather than the library's own three lines."""
    with pytest.raises(BadData, match=r"own\.h5 is no file"):
        read_hdf5(tmp_path / "own.h5")


def test_a_missing_h5py_says_how_to_get_it(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """None in sys.modules makes an import fail."""
    path = write(x=[[1.0]], y=[0])
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(BadData, match="pip install h5py"):
        read_hdf5(path)


def test_importing_the_package_does_not_import_h5py() -> None:
    """Only reading an HDF5 file does."""
    module = importlib.import_module("benchmarks.datasets.hdf5_files")
    assert not hasattr(module, "h5py")


def test_load_takes_a_file_and_splits_it_by_class(write: Write) -> None:
    """Ten grey images of each of three classes: 24, 3 and 3, with a channel axis."""
    path = write(x=np.linspace(0, 1, 30 * 4).reshape(30, 2, 2), y=np.repeat([0, 1, 2], 10))
    dataset = load("own.h5", data_dir=path.parent)
    assert dataset.name == "own.h5"
    assert dataset.class_count == 3
    assert dataset.input_shape == (2, 2, 1)
    assert np.bincount(dataset.train.labels).tolist() == [8, 8, 8]
    assert np.bincount(dataset.validation.labels).tolist() == [1, 1, 1]
    assert np.bincount(dataset.test.labels).tolist() == [1, 1, 1]


def test_a_class_too_small_to_split_is_refused(write: Write) -> None:
    """Nine of the second class have no tenth."""
    path = write(x=np.zeros((19, 1)), y=[0] * 10 + [1] * 9)
    with pytest.raises(BadData, match="class 1 has 9 examples, but should have at least 10"):
        load(str(path))


@pytest.mark.parametrize(
    ("dataset", "data_dir", "expected"),
    [
        (None, None, {}),
        ("mnist", None, {"dataset": "mnist"}),
        ("mnist+small", "d", {"dataset": "mnist+small", "data_dir": "HERE/d"}),
        (None, "d", {"data_dir": "HERE/d"}),
        ("own.h5", None, {"dataset": "own.h5", "data_dir": "HERE"}),
        ("own.h5+halves", "d", {"dataset": "own.h5+halves", "data_dir": "HERE/d"}),
        ("a+b/../c+d/own+1.h5+small", None, {"dataset": "own+1.h5+small", "data_dir": "HERE/c+d"}),
        ("/data/own.hdf5", "d", {"dataset": "own.hdf5", "data_dir": "/data"}),
    ],
)
def test_a_plan_keeps_a_file_by_its_bare_name_and_its_folder(
    dataset: str | None, data_dir: str | None, expected: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has no file keeps its name; the path is in no case id, and means the same from any folder."""
    monkeypatch.chdir(tmp_path)
    here = str(tmp_path.resolve())
    assert placed(dataset, data_dir) == {name: text.replace("HERE", here) for name, text in expected.items()}


def test_a_file_that_is_a_link_keeps_its_own_name(tmp_path: Path) -> None:
    """A store may hold it under a hash."""
    (tmp_path / "own.h5").symlink_to(tmp_path / "stored-8f3a")
    assert placed(str(tmp_path / "own.h5"), None)["dataset"] == "own.h5"
