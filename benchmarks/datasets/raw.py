"""A published data set as its files hold it, whichever files those are: bytes, labels and sums."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.datasets.cifar_files import (
    TEST_BATCH,
    TRAIN_BATCHES,
    batches_sha256,
    find_batches,
    parse_batch,
)
from benchmarks.datasets.idx_files import idx_sha256
from benchmarks.datasets.mnist_files import TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS, find_arrays
from benchmarks.datasets.model import PixelArray


@dataclass(frozen=True, eq=False)
class Raw:
    """A data set as its files hold it.

    Attributes:
        where: what it was read from, such as ``"mnist.npz"``.
        train_images: uint8, (n, height, width, channels).
        train_labels: uint8, (n,).
        test_images: as the training images.
        test_labels: as the training labels.
        sha256: of each content, hexadecimal.
    """

    where: str
    train_images: PixelArray
    train_labels: PixelArray
    test_images: PixelArray
    test_labels: PixelArray
    sha256: Mapping[str, str]


def find_mnist(folder: Path, name: str) -> Raw | None:
    """Read a data set of MNIST's format; see `mnist_files.find_arrays`."""
    found = find_arrays(folder, name)
    if found is None:
        return None
    where, arrays = found
    sha256 = {content: idx_sha256(array) for content, array in arrays.items()}
    train, test = arrays[TRAIN_IMAGES][..., np.newaxis], arrays[TEST_IMAGES][..., np.newaxis]
    return Raw(where, train, arrays[TRAIN_LABELS], test, arrays[TEST_LABELS], sha256)


def find_cifar10(folder: Path, name: str) -> Raw | None:
    """Read CIFAR-10's binary edition; see `cifar_files.find_batches`. There is one, so `name` is not used."""
    found = find_batches(folder)
    if found is None:
        return None
    where, batches = found
    train = [parse_batch(batches[batch], batch) for batch in TRAIN_BATCHES]
    images = np.concatenate([images for images, _ in train])
    labels = np.concatenate([labels for _, labels in train])
    return Raw(where, images, labels, *parse_batch(batches[TEST_BATCH], TEST_BATCH), batches_sha256(batches))
