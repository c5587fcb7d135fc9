"""Complete data sets are found in folders, checked by content, and split by position."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmarks.datasets import NAMES, load
from benchmarks.datasets.editions import EDITIONS, FASHION_MNIST
from benchmarks.datasets.loading import load_edition
from bn_impls.errors import BadData, UnknownName

if TYPE_CHECKING:
    from benchmarks.datasets import Dataset
    from benchmarks.datasets.editions import Edition
    from tests.datasets.conftest import TinyCifar, TinyMnist


def load_from(edition: Edition, data_dir: Path) -> Dataset:
    """Load from a folder, without download, with no cache and no system folder."""
    nowhere = data_dir / "nowhere"
    return load_edition(edition, data_dir, False, nowhere, nowhere)


@pytest.mark.parametrize("compress", [False, True], ids=["plain", "gzipped"])
@pytest.mark.parametrize("below", [".", "tiny"])
def test_idx_files_are_split_by_position(tmp_path: Path, tiny_mnist: TinyMnist, compress: bool, below: str) -> None:
    """The first five training images are validation; byte 255 is 1."""
    tiny_mnist.write(tmp_path / below, compress)
    dataset = load_from(tiny_mnist.edition, tmp_path)
    assert dataset.validation.labels.tolist() == [0, 1, 2, 3, 4]
    assert dataset.train.labels.tolist() == [5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert dataset.validation.inputs.shape == (5, 4, 4, 1)
    assert dataset.validation.inputs[0, 0, 1, 0] == np.float32(1) / np.float32(255)
    np.testing.assert_array_equal(dataset.test.inputs, np.ones((10, 4, 4, 1), np.float32))


def test_npz_and_idx_give_the_same_data_set(tmp_path: Path, tiny_mnist: TinyMnist) -> None:
    """The same arrays and the same sums; only the source says which it was."""
    tiny_mnist.write(tmp_path / "idx")
    (tmp_path / "npz").mkdir()
    tiny_mnist.write_npz(tmp_path / "npz" / "tiny.npz")
    idx = load_from(tiny_mnist.edition, tmp_path / "idx")
    npz = load_from(tiny_mnist.edition, tmp_path / "npz")
    np.testing.assert_array_equal(idx.train.inputs, npz.train.inputs)
    assert idx.sha256 == npz.sha256 == tiny_mnist.edition.sha256
    assert ("from IDX files" in idx.source, "from tiny.npz" in npz.source) == (True, True)


def test_the_systems_data_sets_are_found_without_a_folder(tmp_path: Path, tiny_mnist: TinyMnist) -> None:
    """As Debian's package has them: gzipped, in a folder of the data set's name."""
    tiny_mnist.write(tmp_path / "system" / "tiny", compress=True)
    dataset = load_edition(tiny_mnist.edition, None, False, tmp_path / "cache", tmp_path / "system")
    assert dataset.test.labels.tolist() == list(range(10))


def test_a_folder_of_the_data_sets_name_comes_first(tmp_path: Path, tiny_mnist: TinyMnist) -> None:
    """So that one folder can hold MNIST and, below it, others of the same file names."""
    tiny_mnist.write(tmp_path / "tiny")
    (tmp_path / "train-images-idx3-ubyte").write_bytes(b"of another data set")
    assert load_from(tiny_mnist.edition, tmp_path).train.size == 15


def test_changed_contents_are_refused_with_both_sums(tmp_path: Path, tiny_mnist: TinyMnist) -> None:
    """One pixel of one image."""
    name = "train-images-idx3-ubyte"
    expected = tiny_mnist.edition.sha256[name]
    tiny_mnist.arrays[name][0, 0, 0] = 7
    tiny_mnist.write(tmp_path)
    with pytest.raises(BadData, match=rf"{name} from IDX files .* but for tiny should have {expected}"):
        load_from(tiny_mnist.edition, tmp_path)


def test_contents_of_another_known_data_set_are_named(
    tmp_path: Path, tiny_mnist: TinyMnist, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MNIST and Fashion-MNIST have the same file names and are easily mixed up."""
    monkeypatch.setitem(EDITIONS, "tiny", tiny_mnist.edition)
    tiny_mnist.write(tmp_path)
    with pytest.raises(BadData, match=r"\(that of tiny\), but for fashion-mnist should have"):
        load_from(FASHION_MNIST, tmp_path)


def test_images_and_labels_of_different_number_are_refused(tmp_path: Path, tiny_mnist: TinyMnist) -> None:
    """Both numbers are in the message."""
    tiny_mnist.arrays["train-labels-idx1-ubyte"] = np.zeros(19, np.uint8)
    tiny_mnist.write(tmp_path)
    with pytest.raises(BadData, match="20 training images and 19 labels"):
        load_from(tiny_mnist.edition, tmp_path)


def test_a_label_out_of_range_is_refused(tmp_path: Path, tiny_mnist: TinyMnist) -> None:
    """Its position and the range are in the message."""
    tiny_mnist.arrays["t10k-labels-idx1-ubyte"][3] = 10
    tiny_mnist.write(tmp_path)
    with pytest.raises(BadData, match=r"test labels of tiny .*: label 3 is 10, but should be from 0 to 9"):
        load_from(tiny_mnist.edition, tmp_path)


def test_labels_in_place_of_images_are_refused(tmp_path: Path, tiny_mnist: TinyMnist) -> None:
    """By their number of dimensions."""
    tiny_mnist.arrays["train-images-idx3-ubyte"] = np.zeros(20, np.uint8)
    tiny_mnist.write(tmp_path)
    with pytest.raises(BadData, match=r"train-images-idx3-ubyte has shape \(20,\)"):
        load_from(tiny_mnist.edition, tmp_path)


def test_missing_idx_files_are_named(tmp_path: Path, tiny_mnist: TinyMnist) -> None:
    """Three of four files are a mistake, not another place to look."""
    tiny_mnist.write(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(BadData, match="lacks t10k-labels-idx1-ubyte, but should hold"):
        load_from(tiny_mnist.edition, tmp_path)


@pytest.mark.parametrize("name", sorted(EDITIONS))
def test_an_empty_folder_is_an_error_with_the_names_looked_for(tmp_path: Path, name: str) -> None:
    """And with the data set that needs no files."""
    with pytest.raises(BadData) as caught:
        load(name, data_dir=tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert EDITIONS[name].looked_for in str(caught.value)
    assert "use mnist-5000" in str(caught.value)


def test_a_data_directory_that_is_no_folder_is_an_error(tmp_path: Path) -> None:
    """A path that was mistyped, or that leads to a file."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(BadData, match="file is no folder"):
        load("mnist", data_dir=tmp_path / "file")


def test_cifar_is_split_by_position(tmp_path: Path, tiny_cifar: TinyCifar) -> None:
    """Ten training records in the order of the batches, the first three for validation."""
    tiny_cifar.write(tmp_path)
    dataset = load_from(tiny_cifar.edition, tmp_path)
    assert dataset.validation.labels.tolist() == [0, 1, 1]
    assert dataset.train.labels.tolist() == [2, 2, 3, 3, 4, 4, 5]
    assert dataset.test.labels.tolist() == [5, 6]
    assert dataset.input_shape == (32, 32, 3)
    expected = np.array([5, 100, 200], np.float32) / np.float32(255)
    np.testing.assert_array_equal(dataset.test.inputs[0, 31, 0], expected)


def test_a_changed_cifar_batch_is_refused(tmp_path: Path, tiny_cifar: TinyCifar) -> None:
    """Each batch has its own sum."""
    tiny_cifar.batches["data_batch_2.bin"] = bytes(2 * 3073)
    tiny_cifar.write(tmp_path)
    with pytest.raises(BadData, match=r"data_batch_2\.bin from .* for cifar10 should have"):
        load_from(tiny_cifar.edition, tmp_path)


def test_an_unknown_name_shows_close_ones() -> None:
    """A slip of the fingers, and the whole list."""
    with pytest.raises(UnknownName, match=r"unknown data set 'fashion_mnist': did you mean fashion-mnist"):
        load("fashion_mnist")


def test_every_name_is_described_in_the_package() -> None:
    """The table of the package's documentation has a line for each."""
    import benchmarks.datasets as package

    assert [name for name in NAMES if f"``{name}``" not in (package.__doc__ or "")] == []


@pytest.mark.parametrize("name", sorted(EDITIONS))
def test_every_sum_of_an_edition_is_a_sha256_of_its_own(name: str) -> None:
    """A sum pasted twice or cut short would refuse good data."""
    edition = EDITIONS[name]
    sums = [*edition.sha256.values(), *(remote.sha256 for remote in edition.remotes)]
    assert len(set(sums)) == len(sums)
    assert all(len(digest) == 64 and set(digest) <= set("0123456789abcdef") for digest in sums)


def test_an_edition_is_not_changed_by_loading(tmp_path: Path, tiny_mnist: TinyMnist) -> None:
    """Two loads of one folder give equal descriptions."""
    tiny_mnist.write(tmp_path)
    edition = dataclasses.replace(tiny_mnist.edition)
    assert load_from(edition, tmp_path).description() == load_from(edition, tmp_path).description()
