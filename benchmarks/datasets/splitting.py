"""Cutting a data set into train, validation and test, the same way on every machine and every NumPy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.datasets.model import Dataset, FloatArray, LabelArray, Split
from bn_impls.errors import BadData

SPLIT_SEED = 20150211  # the day on which the batch normalization paper (arXiv:1502.03167) was submitted
HELD_OUT_DIVISOR = 10
STRATIFIED_RULE = (
    "shuffled by the stable order of PCG64's raw 64-bit draws; of each class the first tenth (rounded down) "
    "is validation, the next as many test, the rest train"
)

IndexArray = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Parts:
    """Which examples belong to which split.

    Attributes:
        train: positions in the whole data set, (n_train,).
        validation: the same for validation.
        test: the same for the test.
    """

    train: IndexArray
    validation: IndexArray
    test: IndexArray


def stratified_split(labels: LabelArray, name: str, seed: int = SPLIT_SEED) -> Parts:
    """Draw a split in which each class has the same share: 8 to 1 to 1.

    The raw draws of a bit generator are what NumPy promises never to change (NEP 19); its shuffles are not.

    Args:
        labels: int64, (n,).
        name: the data set's name, for messages.
        seed: start of the draw.

    Returns:
        The parts, each in shuffled order with the classes mixed.

    Raises:
        BadData: a class has fewer than 10 examples.
    """
    order = np.argsort(np.random.PCG64(seed).random_raw(len(labels)), kind="stable")
    part = np.zeros(len(labels), np.int8)  # by place in `order`: 0 train, 1 validation, 2 test
    for label in np.unique(labels):
        places = np.flatnonzero(labels[order] == label)
        held_out = len(places) // HELD_OUT_DIVISOR
        if held_out == 0:
            raise BadData(
                f"{name}: class {label} has {len(places)} examples, but should have at least "
                f"{HELD_OUT_DIVISOR} to be split: add examples or leave the class out"
            )
        part[places[:held_out]] = 1
        part[places[held_out : 2 * held_out]] = 2
    return Parts(order[part == 0], order[part == 1], order[part == 2])


def stratified_dataset(
    name: str, source: str, sha256: Mapping[str, str], inputs: FloatArray, labels: LabelArray
) -> Dataset:
    """Make a data set of examples that nobody has split yet, by `stratified_split` from `SPLIT_SEED`.

    Args:
        name: the data set's name.
        source: see `Dataset.source`.
        sha256: see `Dataset.sha256`.
        inputs: float32, (n, ...), in [0, 1].
        labels: int64, (n,), class numbers from 0; the highest one gives the number of classes.

    Returns:
        The data set.

    Raises:
        BadData: a class has fewer than 10 examples.
    """
    parts = stratified_split(labels, name)
    train, validation, test = (
        Split(inputs[positions], labels[positions]) for positions in (parts.train, parts.validation, parts.test)
    )
    class_count = int(labels.max()) + 1
    return Dataset(name, source, class_count, sha256, STRATIFIED_RULE, SPLIT_SEED, train, validation, test)
