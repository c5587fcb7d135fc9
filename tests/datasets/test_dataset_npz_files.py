"""The NPZ reader takes plain arrays and never unpickles."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from benchmarks.datasets.npz_files import read_npz
from bn_impls.errors import BadData


class Trap:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        """Remember what to leave behind."""
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        """Have the unpickler call `Path.touch`."""
        return Path.touch, (self.path,)


def test_the_arrays_that_were_asked_for_are_read(tmp_path: Path) -> None:
    """Others are left alone."""
    np.savez(tmp_path / "file.npz", x=np.array([1, 2]), y=np.array([3]), other=np.array([4]))
    arrays = read_npz(tmp_path / "file.npz", ("y", "x"))
    assert {key: array.tolist() for key, array in arrays.items()} == {"y": [3], "x": [1, 2]}


def test_a_pickled_array_is_refused_and_not_unpickled(tmp_path: Path) -> None:
    """The trap in the file does not spring."""
    trap = np.empty(1, object)
    trap[0] = Trap(tmp_path / "sprung")
    np.savez(tmp_path / "file.npz", x=trap)
    with pytest.raises(BadData, match="pickled"):
        read_npz(tmp_path / "file.npz", ("x",))
    assert not (tmp_path / "sprung").exists()


def test_a_pickle_in_place_of_an_npz_is_refused_and_not_unpickled(tmp_path: Path) -> None:
    """Nor does one that has only the name of an NPZ."""
    (tmp_path / "file.npz").write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    with pytest.raises(BadData, match="no NPZ file"):
        read_npz(tmp_path / "file.npz", ("x",))
    assert not (tmp_path / "sprung").exists()


def test_a_missing_array_is_named(tmp_path: Path) -> None:
    """Got, expected and the missing one."""
    np.savez(tmp_path / "file.npz", x=np.array([1]))
    with pytest.raises(BadData, match="holds the arrays x, but should hold x, y: add y"):
        read_npz(tmp_path / "file.npz", ("x", "y"))


def test_a_cut_off_file_is_refused(tmp_path: Path) -> None:
    """An interrupted copy."""
    np.savez(tmp_path / "file.npz", x=np.arange(100))
    content = (tmp_path / "file.npz").read_bytes()
    (tmp_path / "file.npz").write_bytes(content[:-50])
    with pytest.raises(BadData, match="no NPZ file or a damaged one"):
        read_npz(tmp_path / "file.npz", ("x",))


def test_a_member_that_is_no_array_is_refused(tmp_path: Path) -> None:
    """A zip file may hold anything under the right name."""
    with zipfile.ZipFile(tmp_path / "file.npz", "w") as archive:
        archive.writestr("x.npy", b"\x93NUMPY\x01\x00nonsense")
    with pytest.raises(BadData, match=r"file\.npz"):
        read_npz(tmp_path / "file.npz", ("x",))


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((10**13,), "claims 10000000000000 bytes, but 8 follow"),
        ((10**30,), f"claims {10**30} bytes, but 8 follow"),
        ((7,), "claims 7 bytes, but 8 follow"),
    ],
)
def test_a_header_that_does_not_fit_its_values_is_refused(tmp_path: Path, shape: tuple[int], message: str) -> None:
    """Before memory is asked for that the file cannot fill."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(tmp_path / "file.npz", "w") as archive:
        archive.writestr("x.npy", stream.getvalue() + bytes(8))
    with pytest.raises(BadData, match=rf"file\.npz holds an array that is .*{message}"):
        read_npz(tmp_path / "file.npz", ("x",))


def test_a_directory_that_announces_more_than_any_data_set_is_refused(tmp_path: Path) -> None:
    """A compressed array can be a thousand times as long as the file."""
    np.savez_compressed(tmp_path / "file.npz", x=np.zeros(8, np.uint8))
    content = (tmp_path / "file.npz").read_bytes()
    size = content.rindex(b"PK\x01\x02") + 24  # of the uncompressed member, in the zip file's central directory
    (tmp_path / "file.npz").write_bytes(content[:size] + struct.pack("<I", 3 << 30) + content[size + 4 :])
    with pytest.raises(BadData, match=f"announces {3 << 30} bytes for x, but should have at most {1 << 30}"):
        read_npz(tmp_path / "file.npz", ("x",))


def test_a_missing_file_is_an_error_with_its_path(tmp_path: Path) -> None:
    """The operating system's answer is passed on."""
    with pytest.raises(BadData, match=r"nowhere\.npz cannot be read"):
        read_npz(tmp_path / "nowhere.npz", ("x",))
