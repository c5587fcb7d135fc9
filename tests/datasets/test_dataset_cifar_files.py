"""CIFAR-10's binary edition is read from a folder or its archive; the pickled edition is refused."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks.datasets.cifar_files import find_batches, parse_batch
from bn_impls.errors import BadData

if TYPE_CHECKING:
    from tests.datasets.conftest import TinyCifar


def test_planes_become_channels() -> None:
    """Red is the first plane, row by row."""
    red = bytes(range(256)) * 4
    images, labels = parse_batch(b"\x07" + red + b"\x64" * 1024 + b"\xc8" * 1024, "batch")
    assert labels.tolist() == [7]
    assert images.shape == (1, 32, 32, 3)
    assert images[0, 0, 31].tolist() == [31, 100, 200]
    assert images[0, 1, 0].tolist() == [32, 100, 200]


def test_a_batch_of_broken_records_is_refused() -> None:
    """One byte short."""
    with pytest.raises(BadData, match="batch has 3072 bytes, but should have a multiple of 3073"):
        parse_batch(bytes(3072), "batch")


def test_an_empty_batch_is_refused() -> None:
    """Nought is a multiple, too, but no data."""
    with pytest.raises(BadData, match="batch has 0 bytes"):
        parse_batch(b"", "batch")


@pytest.mark.parametrize("folder", [".", "cifar-10-batches-bin"])
def test_the_batches_are_found_in_the_folder_or_one_below(tmp_path: Path, tiny_cifar: TinyCifar, folder: str) -> None:
    """The archive unpacks into a folder of its own; either level may be given."""
    tiny_cifar.write(tmp_path / folder)
    assert find_batches(tmp_path) == ("the files of cifar-10-batches-bin", tiny_cifar.batches)


def test_the_archive_is_read_and_nothing_is_unpacked(tmp_path: Path, tiny_cifar: TinyCifar) -> None:
    """After reading, the folder holds the archive and nothing else."""
    tiny_cifar.write_archive(tmp_path / "cifar-10-binary.tar.gz")
    assert find_batches(tmp_path) == ("cifar-10-binary.tar.gz", tiny_cifar.batches)
    assert [path.name for path in tmp_path.iterdir()] == ["cifar-10-binary.tar.gz"]


def test_a_folder_without_cifar_is_no_error(tmp_path: Path) -> None:
    """The next place may have it."""
    assert find_batches(tmp_path) is None


def test_missing_batches_are_named(tmp_path: Path, tiny_cifar: TinyCifar) -> None:
    """Only those that are missing."""
    tiny_cifar.write(tmp_path)
    (tmp_path / "data_batch_3.bin").unlink()
    with pytest.raises(BadData, match=r"lacks data_batch_3\.bin, but should hold"):
        find_batches(tmp_path)


def test_an_archive_without_the_batches_is_refused(tmp_path: Path, tiny_cifar: TinyCifar) -> None:
    """Another archive under the right name."""
    del tiny_cifar.batches["test_batch.bin"]
    tiny_cifar.write_archive(tmp_path / "cifar-10-binary.tar.gz")
    with pytest.raises(BadData, match=r"lacks test_batch\.bin"):
        find_batches(tmp_path)


def test_a_cut_off_archive_is_refused(tmp_path: Path, tiny_cifar: TinyCifar) -> None:
    """An interrupted copy."""
    path = tmp_path / "cifar-10-binary.tar.gz"
    tiny_cifar.write_archive(path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(BadData, match=r"cifar-10-binary\.tar\.gz is a damaged gzip file"):
        find_batches(tmp_path)


def test_an_archive_of_nonsense_is_refused(tmp_path: Path) -> None:
    """Bytes that are neither gzip nor tar."""
    (tmp_path / "cifar-10-binary.tar.gz").write_bytes(b"nonsense" * 1000)
    with pytest.raises(BadData, match="damaged archive"):
        find_batches(tmp_path)


def test_the_pickled_folder_is_refused_and_not_unpickled(tmp_path: Path) -> None:
    """The reason and the edition to get are in the message."""
    (tmp_path / "cifar-10-batches-py").mkdir()
    (tmp_path / "cifar-10-batches-py" / "data_batch_1").write_bytes(pickle.dumps({}))
    with pytest.raises(BadData, match=r"pickled.*get the binary edition, cifar-10-binary\.tar\.gz"):
        find_batches(tmp_path)


def test_the_pickled_archive_is_refused(tmp_path: Path) -> None:
    """By its name alone; it is not opened."""
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(b"")
    with pytest.raises(BadData, match="pickled"):
        find_batches(tmp_path)


def test_the_binary_edition_is_taken_where_both_lie(tmp_path: Path, tiny_cifar: TinyCifar) -> None:
    """A pickled edition beside it does no harm."""
    (tmp_path / "cifar-10-batches-py").mkdir()
    tiny_cifar.write(tmp_path / "cifar-10-batches-bin")
    found = find_batches(tmp_path)
    assert found is not None
    assert found[1] == tiny_cifar.batches
