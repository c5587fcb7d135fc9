"""HDF5 with ``x`` in [0, 1] and ``y``: the format in which source document 003 has its small CIFAR."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.datasets.files import file_sha256
from benchmarks.datasets.model import Dataset, FloatArray, LabelArray, source_sentence
from benchmarks.datasets.splitting import stratified_dataset
from bn_impls.errors import BadData

SUFFIXES = (".h5", ".hdf5")
_LIMIT_BYTES = 4 << 30  # of one array; CIFAR-10, the largest known, has 1.4 GiB in float64
_CLASS_LIMIT = 1 << 16  # a label beyond is no class number; it would make a network of that many outputs


def read_hdf5(path: Path) -> tuple[FloatArray, LabelArray]:
    """Read the inputs and labels of an HDF5 file.

    Args:
        path: a file with ``x``, (n, ...), numbers in [0, 1], and ``y``, (n,), class numbers from 0 (of any
            numeric dtype; the file of document 003 is read with ``y.astype(int)``).

    Returns:
        Inputs, float32, (n, ...), and labels, int64, (n,).

    Raises:
        BadData: h5py is missing, the file cannot be read or lacks a part, or its values are not what they
            should be.
    """
    try:
        h5py = importlib.import_module("h5py")
    except ImportError as error:
        raise BadData(f"{path} needs the package h5py, which is not installed: pip install h5py") from error
    if not path.is_file():
        raise BadData(f"{path} is no file, but should be an HDF5 file with x and y: check the path")
    try:
        with h5py.File(path, "r") as file:
            arrays = {key: _read_array(h5py, file, key, path) for key in ("x", "y")}
    except BadData:
        raise
    except Exception as error:  # over damaged bytes h5py raises OSError, KeyError, RuntimeError, ValueError and others
        raise BadData(f"{path} cannot be read as HDF5 ({error}): give an HDF5 file with x and y") from error
    labels = _checked_labels(arrays["y"], path)
    inputs = _checked_inputs(arrays["x"], path)
    if inputs.ndim < 2 or len(inputs) != len(labels):
        raise BadData(
            f"{path} has x of shape {inputs.shape} and y of shape {labels.shape}, but should have x of shape "
            "(n, ...) and y of shape (n,): store one label for each input"
        )
    return inputs, labels


def load_hdf5(path: Path) -> Dataset:
    """Make a data set of an HDF5 file.

    Args:
        path: a file that `read_hdf5` takes; grey images, (n, height, width), get a channel axis.

    Returns:
        The data set, named after the file, with a tenth of each class for validation and a tenth for the
        test.

    Raises:
        BadData: as `read_hdf5`; also a class has too few examples to be split.
    """
    inputs, labels = read_hdf5(path)
    if inputs.ndim == 3:
        inputs = inputs[..., np.newaxis]
    sha256 = {path.name: file_sha256(path)}
    return stratified_dataset(
        name=path.name,
        source=source_sentence(f"HDF5 file {path.name}", "licence not stated in the file", sha256),
        sha256=sha256,
        inputs=inputs,
        labels=labels,
    )


def _read_array(h5py: Any, file: Any, key: str, path: Path) -> npt.NDArray[Any]:
    """Read an array of the file itself: no link, virtual layout or external storage to other files."""
    link = file.get(key, getlink=True)
    if link is None:
        raise BadData(f"{path} holds {', '.join(sorted(file)) or 'nothing'}, but should hold x and y: add {key}")
    node = file[key] if isinstance(link, h5py.HardLink) else None
    if not isinstance(node, h5py.Dataset) or node.is_virtual or node.external:
        raise BadData(f"{path}: {key} is no array of the file itself, but should be one: copy the array into the file")
    if node.dtype.kind not in "buif":
        raise BadData(f"{path}: {key} has dtype {node.dtype}, but should be numeric: store numbers")
    _check_extent(node, f"{path}: {key}")
    return np.asarray(node[()])


def _check_extent(node: Any, what: str) -> None:
    """Refuse what holds no values, or announces more than a file of these has; the shape is only a claim."""
    if node.shape is None:
        raise BadData(f"{what} has no shape and no values, but should be an array: store one")
    if node.nbytes > _LIMIT_BYTES:
        raise BadData(
            f"{what} announces the shape {node.shape} of {node.dtype}, {node.nbytes} bytes, but should have at most "
            f"{_LIMIT_BYTES}: store float32, or fewer examples"
        )
    if node.id.get_storage_size() == 0 < node.size:
        raise BadData(f"{what} announces the shape {node.shape}, but holds no values: write them into the file")


def _checked_inputs(values: npt.NDArray[Any], path: Path) -> FloatArray:
    if values.size == 0:
        raise BadData(f"{path}: x has shape {values.shape}, but should have examples: store at least one")
    if not np.isfinite(values).all():
        count = int(values.size - np.isfinite(values).sum())
        raise BadData(f"{path}: x has {count} values that are NaN or infinite, but should have none: clean them")
    lowest, highest = values.min(), values.max()
    if lowest < 0 or highest > 1:
        raise BadData(f"{path}: x goes from {lowest} to {highest}, but should lie in [0, 1]: divide bytes by 255")
    return values.astype(np.float32)


def _checked_labels(values: npt.NDArray[Any], path: Path) -> LabelArray:
    if values.ndim != 1:
        raise BadData(
            f"{path}: y has shape {values.shape}, but should be (n,): store class numbers, for one-hot y.argmax(1)"
        )
    wrong = np.flatnonzero(
        ~np.isfinite(values) | (values < 0) | (values >= _CLASS_LIMIT) | (values != np.floor(values))
    )
    if wrong.size:
        first = int(wrong[0])
        raise BadData(
            f"{path}: y[{first}] is {values[first]}, but should be a class number from 0 to "
            f"{_CLASS_LIMIT - 1}: correct it"
        )
    return values.astype(np.int64)
