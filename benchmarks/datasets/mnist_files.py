"""MNIST and Fashion-MNIST as people have them: four IDX files, gzipped or not, or one NPZ as Keras has it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.datasets.idx_files import read_idx
from benchmarks.datasets.npz_files import read_npz
from bn_impls.errors import BadData

TRAIN_IMAGES = "train-images-idx3-ubyte"
TRAIN_LABELS = "train-labels-idx1-ubyte"
TEST_IMAGES = "t10k-images-idx3-ubyte"
TEST_LABELS = "t10k-labels-idx1-ubyte"
NPZ_KEYS = {"x_train": TRAIN_IMAGES, "y_train": TRAIN_LABELS, "x_test": TEST_IMAGES, "y_test": TEST_LABELS}
CONTENTS = tuple(NPZ_KEYS.values())

Arrays = dict[str, npt.NDArray[np.uint8]]


def find_arrays(folder: Path, name: str) -> tuple[str, Arrays] | None:
    """Read the four arrays from a folder.

    Args:
        folder: where to look for the four IDX files, then for ``NAME.npz``.
        name: the data set's name.

    Returns:
        What they were read from, and the arrays by IDX name; None if the folder holds neither.

    Raises:
        BadData: some IDX files are missing, or a file cannot be used.
    """
    found = {content: path for content in CONTENTS if (path := _idx_path(folder, content))}
    npz = folder / f"{name}.npz"
    if len(found) < len(CONTENTS) and npz.is_file():
        arrays = read_npz(npz, tuple(NPZ_KEYS))
        return npz.name, _checked({NPZ_KEYS[key]: array for key, array in arrays.items()}, str(npz))
    if not found:
        return None
    if missing := [content for content in CONTENTS if content not in found]:
        raise BadData(
            f"{folder} lacks {', '.join(missing)}, but should hold all of {', '.join(CONTENTS)} (each with "
            "or without .gz): add them"
        )
    return "IDX files", _checked({content: read_idx(path) for content, path in found.items()}, str(folder))


def _idx_path(folder: Path, content: str) -> Path | None:
    candidates = (folder / content, folder / f"{content}.gz")
    return next((path for path in candidates if path.is_file()), None)


def _checked(arrays: Mapping[str, npt.NDArray[Any]], where: str) -> Arrays:
    """Refuse arrays that are no images and labels; turn labels of other integer dtypes into bytes."""
    for content, array in arrays.items():
        dimensions = 3 if "images" in content else 1
        if array.ndim != dimensions or array.dtype.kind not in "ui":
            raise BadData(
                f"{where}: {content} has shape {array.shape} and dtype {array.dtype}, but should have "
                f"{dimensions} dimensions of whole numbers: get the file again"
            )
        if array.size and (array.min() < 0 or array.max() > 255):
            raise BadData(
                f"{where}: {content} goes from {array.min()} to {array.max()}, but should lie in 0 to 255: "
                "get the file again"
            )
    return {content: array.astype(np.uint8, copy=False) for content, array in arrays.items()}
