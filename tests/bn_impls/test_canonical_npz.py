"""Our own checkpoint file: each damaged byte is noticed, a broken write leaves the old file, nothing is unpickled."""

from __future__ import annotations

import io
import os
import pickle
import stat
import subprocess
import sys
import textwrap
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bn_impls.canonical import CHECKSUM, FILE, checksum, npz_format, read, write
from bn_impls.errors import BadCheckpoint, BadState

ARRAYS: dict[str, Any] = {
    "gamma": np.array([1.5, -2.0, np.nan], np.float32),
    "layer/kernel": np.arange(6.0).reshape(2, 3),
    "num_updates": np.array(7),
}


def same(found: Any, expected: Any) -> bool:
    """Names, dtypes, shapes and bits."""

    def bits(arrays: Any) -> Any:
        return {name: (array.dtype, array.shape, array.tobytes()) for name, array in arrays.items()}

    return bool(bits(found) == bits(expected))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """Names with slashes, scalars, NaN; dtypes and shapes as they were."""
    write(tmp_path / "file.npz", ARRAYS)
    assert same(read(tmp_path / "file.npz"), ARRAYS)


UNUSUAL: list[Any] = [np.zeros((0, 3)), np.asfortranarray(np.arange(6.0).reshape(2, 3)), np.arange(6)[::2]]


@pytest.mark.parametrize("array", UNUSUAL, ids=["empty", "fortran", "strided"])
def test_unusual_arrays_are_read_back(array: Any, tmp_path: Path) -> None:
    """Empty ones, Fortran's order, strided views."""
    write(tmp_path / "file.npz", {"array": array})
    np.testing.assert_array_equal(read(tmp_path / "file.npz")["array"], array, strict=True)


def test_numpy_alone_can_read_the_file(tmp_path: Path) -> None:
    """It is a plain NPZ with one more member, the checksum."""
    write(tmp_path / "file.npz", ARRAYS)
    with np.load(tmp_path / "file.npz", allow_pickle=False) as archive:
        assert set(archive.files) == {*ARRAYS, CHECKSUM}
        assert str(archive[CHECKSUM]) == checksum(ARRAYS)


@pytest.mark.parametrize("mask", [0x01, 0x80, 0xFF])
def test_every_flipped_byte_is_refused_or_harmless(mask: int, tmp_path: Path) -> None:
    """A sweep over all positions: a few bytes of a zip file say nothing; of the others none passes."""
    path = tmp_path / "file.npz"
    write(path, {"a": np.array([1.0, 2.0]), "n": np.array(3)})
    whole, expected, refused = path.read_bytes(), read(path), 0
    for position in range(len(whole)):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ mask]) + whole[position + 1 :])
        try:
            assert same(read(path), expected), f"byte {position}"
        except BadCheckpoint:
            refused += 1
    assert refused > len(whole) // 2


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    """At each length short of the whole."""
    path = tmp_path / "file.npz"
    write(path, {"a": np.array([1.0, 2.0])})
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(BadCheckpoint):
            read(path)


def _with_checksum(arrays: Any, claimed: str | None) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays, **({} if claimed is None else {CHECKSUM: np.array(claimed)}))
    return stream.getvalue()


@pytest.mark.parametrize("claimed", [None, checksum({"a": np.array([1.0, 3.0])}), ""], ids=["none", "other", "empty"])
def test_a_whole_file_with_another_checksum_is_refused(claimed: Any, tmp_path: Path) -> None:
    """As when someone edited it with NumPy; the message shows both sums."""
    (tmp_path / "file.npz").write_bytes(_with_checksum({"a": np.array([1.0, 2.0])}, claimed))
    with pytest.raises(BadCheckpoint, match=rf"has checksum {checksum({'a': np.array([1.0, 2.0])})}, but should have"):
        read(tmp_path / "file.npz")


@pytest.mark.parametrize(
    "other",
    [
        {"b": np.array([1.0, 2.0])},
        {"a": np.array([1.0, 2.0]).view(np.int64)},
        {"a": np.array([[1.0, 2.0]])},
        {"a": np.array([2.0, 1.0])},
        {"a": np.array([1.0, 2.0]), "b": np.array([])},
    ],
    ids=["name", "dtype", "shape", "values", "one-more"],
)
def test_the_checksum_depends_on_everything(other: Any) -> None:
    """Names, dtypes, shapes and bytes."""
    assert checksum(other) != checksum({"a": np.array([1.0, 2.0])})


def test_the_checksum_does_not_depend_on_the_order_of_names_or_the_memorys_layout() -> None:
    """The same arrays have one sum."""
    grid = np.arange(6.0).reshape(2, 3)
    first = {"a": grid, "b": np.array(1)}
    assert checksum({"b": np.array(1), "a": np.asfortranarray(grid)}) == checksum(first)


class Trap:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        """Remember what to leave behind."""
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        """Have the unpickler call `Path.touch`."""
        return Path.touch, (self.path,)


def _object_member(trap: Trap) -> bytes:
    array, stream, member = np.empty(1, object), io.BytesIO(), io.BytesIO()
    array[0] = trap
    np.lib.format.write_array(member, array, allow_pickle=True)
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.npy", member.getvalue())
    return stream.getvalue()


@pytest.mark.parametrize("content", [_object_member, pickle.dumps], ids=["object-array", "pickle"])
def test_nothing_is_unpickled(content: Any, tmp_path: Path) -> None:
    """The trap in the file does not spring."""
    (tmp_path / "file.npz").write_bytes(content(Trap(tmp_path / "sprung")))
    with pytest.raises(BadCheckpoint, match="cannot be read as NPZ without pickles"):
        read(tmp_path / "file.npz")
    assert not (tmp_path / "sprung").exists()


def _archive(name: str, content: bytes, compression: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        archive.writestr(name, content)
    return stream.getvalue()


def _member(array: Any) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, allow_pickle=False)
    return stream.getvalue()


def _claiming(shape: tuple[int, ...]) -> bytes:
    """An array's header that promises more bytes than follow."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"shape": shape, "fortran_order": False, "descr": "<f8"})
    return stream.getvalue() + bytes(16)


def _twice_claimed() -> bytes:
    """Two members in the directory that both point to the same stored bytes."""
    content = _archive("a.npy", _member(np.zeros(4)))
    start = content.index(b"PK\x01\x02")
    end = content.index(b"PK\x05\x06")
    entry, tail = content[start:end], bytearray(content[end:])
    tail[8:12] = bytes([2, 0, 2, 0])  # two entries
    tail[12:16] = (2 * len(entry)).to_bytes(4, "little")
    return content[:start] + entry + entry.replace(b"a.npy", b"b.npy") + bytes(tail)


HOSTILE: dict[str, tuple[bytes, str]] = {
    "bomb": (_archive("a.npy", bytes(50_000_000), zipfile.ZIP_DEFLATED), "is compressed; this format never is"),
    "claims-a-terabyte": (_archive("a.npy", _claiming((2**37,))), "claims 1099511627776 bytes, but 16 follow"),
    "overlapping": (_twice_claimed() + b"", "its members claim 320 bytes|[Oo]verlap"),
    "traversal": (_archive("../../outside.npy", _member(np.zeros(1))), "is no array with a name of its own"),
    "absolute": (_archive("/tmp/outside.npy", _member(np.zeros(1))), "is no array with a name of its own"),
    "no-array": (_archive("script.sh", b"rm -r"), "is no array with a name of its own"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_is_refused_before_anything_of_it_is_used(name: str, tmp_path: Path) -> None:
    """Bombs, claims, members that share bytes, names that leave the folder: no memory asked for, nothing written."""
    content, why = HOSTILE[name]
    path = tmp_path / "inner" / "file.npz"
    path.parent.mkdir()
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(BadCheckpoint, match=why):
            read(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000 + 2 * len(content)
    assert sorted(found.name for found in tmp_path.rglob("*")) == ["file.npz", "inner"]


def test_a_single_array_in_place_of_an_npz_is_refused(tmp_path: Path) -> None:
    """NumPy's other format, under our name."""
    with open(tmp_path / "file.npz", "wb") as stream:
        np.save(stream, np.array([1.0]))
    with pytest.raises(BadCheckpoint, match="cannot be read as NPZ"):
        read(tmp_path / "file.npz")


def test_a_missing_file_says_what_may_have_happened(tmp_path: Path) -> None:
    """With the path."""
    with pytest.raises(BadCheckpoint, match=r"file\.npz does not exist; was the checkpoint saved in another format"):
        read(tmp_path / "file.npz")


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    """Whatever the operating system calls it."""
    (tmp_path / "file.npz").mkdir()
    with pytest.raises(BadCheckpoint, match="cannot be read"):
        read(tmp_path / "file.npz")


# ---- writing --------------------------------------------------------------------------------------------------------


def test_objects_are_not_written_and_the_old_file_stays(tmp_path: Path) -> None:
    """Pickles are refused on the way out, too."""
    path = tmp_path / "file.npz"
    write(path, ARRAYS)
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        write(path, {"a": np.zeros(2), "objects": np.array([None])})
    assert same(read(path), ARRAYS)
    assert os.listdir(tmp_path) == ["file.npz"]


FULL_DISK = """
    import os, resource, sys
    from pathlib import Path
    import numpy as np
    from bn_impls.canonical import read, write

    path = Path(sys.argv[1])
    write(path, {"a": np.arange(10.0)})
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
    try:
        write(path, {"a": np.zeros(100_000)})
    except OSError as error:
        print(error.errno)
    print(read(path)["a"].tolist() == list(range(10)), os.listdir(path.parent))
"""


def test_a_full_disk_in_the_middle_leaves_the_old_file(tmp_path: Path) -> None:
    """A real process whose files may not grow: an OSError, the old file whole, nothing left beside it."""
    script = textwrap.dedent(FULL_DISK)
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "file.npz")], capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n") == ["27", "True ['file.npz']", ""]  # 27 is EFBIG


def test_a_reader_in_the_middle_of_the_old_file_keeps_it(tmp_path: Path) -> None:
    """The new file takes the old one's place; it is not written into it."""
    path = tmp_path / "file.npz"
    write(path, ARRAYS)
    old = path.read_bytes()
    with open(path, "rb", buffering=0) as reader:
        first = reader.read(10)
        write(path, {"a": np.zeros(2)})
        assert first + reader.read() == old
    assert same(read(path), {"a": np.zeros(2)})


def test_a_folder_that_does_not_exist_is_an_error_of_the_operating_system(tmp_path: Path) -> None:
    """Nothing is made behind the user's back."""
    with pytest.raises(FileNotFoundError):
        write(tmp_path / "nowhere" / "file.npz", ARRAYS)
    assert os.listdir(tmp_path) == []


def test_the_file_has_the_usual_permissions(tmp_path: Path) -> None:
    """Those of any new file of this user, so that others read what the umask lets them read."""
    write(tmp_path / "file.npz", ARRAYS)
    (tmp_path / "usual").touch()
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("file.npz", "usual")]
    assert modes[0] == modes[1]


# ---- as a format ----------------------------------------------------------------------------------------------------


def test_a_format_saves_what_is_exported_and_restores_it(tmp_path: Path) -> None:
    """In a file of a fixed name, numbers as arrays."""
    taken: list[Any] = []
    chosen = npz_format(lambda: {"a": [1.0, 2.0], "n": 3}, taken.append)
    chosen.save(tmp_path)
    assert os.listdir(tmp_path) == [FILE]
    chosen.restore(tmp_path)
    assert {name: array.tolist() for name, array in taken[0].items()} == {"a": [1.0, 2.0], "n": 3}


def test_a_state_that_does_not_fit_is_a_bad_checkpoint(tmp_path: Path) -> None:
    """With the path before the import's own words."""

    def refuse(arrays: Any) -> None:
        raise BadState("beta has shape (3,), but should be (4,)")

    chosen = npz_format(lambda: {"beta": np.zeros(3)}, refuse)
    chosen.save(tmp_path)
    with pytest.raises(BadCheckpoint, match=rf"{FILE}: beta has shape \(3,\), but should be \(4,\)"):
        chosen.restore(tmp_path)
