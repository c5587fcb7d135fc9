"""The IDX reader returns what is in the file, or says what is wrong with it."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest

from benchmarks.datasets.idx_files import idx_sha256, read_idx
from bn_impls.errors import BadData

TWO_BY_THREE = b"\x00\x00\x08\x02\x00\x00\x00\x02\x00\x00\x00\x03" + bytes([1, 2, 3, 4, 5, 6])


def test_bytes_are_read_in_row_order(tmp_path: Path) -> None:
    """The last dimension varies fastest."""
    (tmp_path / "file").write_bytes(TWO_BY_THREE)
    np.testing.assert_array_equal(read_idx(tmp_path / "file"), np.array([[1, 2, 3], [4, 5, 6]], np.uint8))


def test_a_gzipped_file_is_read_whatever_its_name(tmp_path: Path) -> None:
    """What counts is how the file begins, not how its name ends."""
    (tmp_path / "file").write_bytes(gzip.compress(TWO_BY_THREE))
    assert read_idx(tmp_path / "file").tolist() == [[1, 2, 3], [4, 5, 6]]


def test_an_unpacked_file_is_read_though_its_name_ends_in_gz(tmp_path: Path) -> None:
    """Browsers unpack downloads and keep the name."""
    (tmp_path / "file.gz").write_bytes(TWO_BY_THREE)
    assert read_idx(tmp_path / "file.gz").tolist() == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize(
    ("code", "values", "dtype", "expected"),
    [
        (0x09, b"\xff", np.int8, -1),
        (0x0B, b"\x01\x02", np.int16, 258),
        (0x0C, b"\x00\x00\x01\x00", np.int32, 256),
        (0x0D, b"\x3f\x80\x00\x00", np.float32, 1.0),
        (0x0E, b"\x3f\xf0\x00\x00\x00\x00\x00\x00", np.float64, 1.0),
    ],
)
def test_every_dtype_of_the_format_is_read_as_big_endian(
    tmp_path: Path, code: int, values: bytes, dtype: type, expected: float
) -> None:
    """One value of each dtype code, spelled out in bytes."""
    (tmp_path / "file").write_bytes(bytes([0, 0, code, 1, 0, 0, 0, 1]) + values)
    array = read_idx(tmp_path / "file")
    assert array.dtype == dtype
    assert array.tolist() == [expected]


@pytest.mark.parametrize("begin", [b"", b"\x00\x00", b"\x00\x01\x08\x01", b"\x00\x00\x07\x01", b"PK\x03\x04"])
def test_another_kind_of_file_is_refused_with_its_first_bytes(tmp_path: Path, begin: bytes) -> None:
    """The message shows the bytes that were found."""
    (tmp_path / "file").write_bytes(begin)
    with pytest.raises(BadData, match=begin.hex(" ") or "none"):
        read_idx(tmp_path / "file")


def test_a_file_that_ends_within_its_header_is_refused(tmp_path: Path) -> None:
    """Two dimensions are announced, one and a half are there."""
    (tmp_path / "file").write_bytes(TWO_BY_THREE[:10])
    with pytest.raises(BadData, match="ends after 10 bytes, but should state 2 dimensions in its first 12"):
        read_idx(tmp_path / "file")


def test_a_file_that_lacks_values_is_refused(tmp_path: Path) -> None:
    """Got and expected are in the message."""
    (tmp_path / "file").write_bytes(TWO_BY_THREE[:-1])
    with pytest.raises(BadData, match=r"only 5 bytes of values, but should have 6 for its shape \(2, 3\)"):
        read_idx(tmp_path / "file")


def test_a_file_with_values_to_spare_is_refused(tmp_path: Path) -> None:
    """A wrong header is as likely as a missing end."""
    (tmp_path / "file").write_bytes(TWO_BY_THREE + b"\x00")
    with pytest.raises(BadData, match="more than 6 bytes"):
        read_idx(tmp_path / "file")


def test_a_header_that_states_more_than_memory_holds_is_refused(tmp_path: Path) -> None:
    """No memory is asked for on a damaged header's word."""
    (tmp_path / "file").write_bytes(b"\x00\x00\x08\x02" + b"\xff" * 8)
    with pytest.raises(BadData, match="its header is damaged"):
        read_idx(tmp_path / "file")


def test_a_cut_off_gzip_file_is_refused(tmp_path: Path) -> None:
    """An interrupted copy of an archive."""
    (tmp_path / "file.gz").write_bytes(gzip.compress(TWO_BY_THREE)[:-9])
    with pytest.raises(BadData, match="damaged gzip file"):
        read_idx(tmp_path / "file.gz")


def test_a_missing_file_is_an_error_with_its_path(tmp_path: Path) -> None:
    """The operating system's answer is passed on."""
    with pytest.raises(BadData, match=r"nowhere cannot be read \(No such file or directory\)"):
        read_idx(tmp_path / "nowhere")


def test_the_sum_of_an_array_is_that_of_its_uncompressed_file() -> None:
    """So that anybody can check it with sha256sum."""
    array = np.array([[1, 2, 3], [4, 5, 6]], np.uint8)
    assert idx_sha256(array) == hashlib.sha256(TWO_BY_THREE).hexdigest()


def test_the_sum_does_not_depend_on_the_memory_layout() -> None:
    """A transposed view has the sum of its copy."""
    array = np.array([[1, 4], [2, 5], [3, 6]], np.uint8).T
    assert idx_sha256(array) == hashlib.sha256(TWO_BY_THREE).hexdigest()
