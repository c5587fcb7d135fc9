"""What every data set is: three splits, and the facts that a record keeps of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bn_impls.errors import BadData

FloatArray = npt.NDArray[np.float32]
LabelArray = npt.NDArray[np.int64]
PixelArray = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Split:
    """Examples that are used together: for training, for validation or for the test.

    Attributes:
        inputs: float32, (n, height, width, channels), in [0, 1].
        labels: int64, (n,), class numbers from 0.
    """

    inputs: FloatArray
    labels: LabelArray

    def __post_init__(self) -> None:
        """Refuse arrays that are not examples with one label each.

        Raises:
            BadData: a dtype is wrong, or inputs and labels differ in number.
        """
        if self.inputs.dtype != np.float32 or self.labels.dtype != np.int64:
            raise BadData(
                f"a split has inputs of {self.inputs.dtype} and labels of {self.labels.dtype}, but should "
                "have float32 and int64: convert them with astype"
            )
        if self.labels.ndim != 1 or self.inputs.shape[:1] != self.labels.shape:
            raise BadData(
                f"a split has inputs of shape {self.inputs.shape} and labels of shape {self.labels.shape}, "
                "but should have one label for each input: cut both arrays alike"
            )

    @property
    def size(self) -> int:
        """Number of examples."""
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class Dataset:
    """A labelled data set, split once and for all.

    Attributes:
        name: the name that `load` knows it by.
        source: one sentence: where the data came from, its licence, its sha256.
        class_count: number of classes; labels are below it.
        sha256: what was hashed -> sha256 (hexadecimal) of its uncompressed bytes.
        split_rule: how the three splits were drawn, as a sentence.
        split_seed: seed of the draw, or None where nothing was drawn.
        train: examples to fit.
        validation: examples to choose by.
        test: examples to report.
    """

    name: str
    source: str
    class_count: int
    sha256: Mapping[str, str]
    split_rule: str
    split_seed: int | None
    train: Split
    validation: Split
    test: Split

    def __post_init__(self) -> None:
        """Refuse labels that are no class numbers, and data with nothing to tell apart.

        Raises:
            BadData: a label is negative, or not below `class_count`; there is one class.
        """
        if self.class_count < 2:
            raise BadData(
                f"{self.name} has {self.class_count} class, but should have two or more, or every loss is 0: give "
                "labels that go from 0 to 1 or further"
            )
        for title, split in (("train", self.train), ("validation", self.validation), ("test", self.test)):
            check_labels(split.labels, self.class_count, f"the {title} split of {self.name}")

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one input, without the batch axis: (height, width, channels)."""
        return tuple(self.train.inputs.shape[1:])

    def description(self) -> dict[str, Any]:
        """Say which data these are, so that a record can be checked against them.

        Returns:
            Facts that `json.dumps` takes as they are.
        """
        return {
            "name": self.name,
            "source": self.source,
            "sha256": dict(self.sha256),
            "class_count": self.class_count,
            "input_shape": list(self.input_shape),
            "train_size": self.train.size,
            "validation_size": self.validation.size,
            "test_size": self.test.size,
            "split_rule": self.split_rule,
            "split_seed": self.split_seed,
        }


def check_labels(labels: npt.NDArray[Any], class_count: int, where: str) -> None:
    """Refuse labels outside ``0 .. class_count - 1``.

    Args:
        labels: integers, (n,).
        class_count: number of classes.
        where: what holds the labels, for the message.

    Raises:
        BadData: names the first label outside, and its position.
    """
    outside = np.flatnonzero((labels < 0) | (labels >= class_count))
    if outside.size:
        first = int(outside[0])
        raise BadData(
            f"{where}: label {first} is {labels[first]}, but should be from 0 to {class_count - 1}: "
            "the file is damaged or has other classes, get it again"
        )


def source_sentence(where: str, licence: str, sha256: Mapping[str, str]) -> str:
    """Write the sentence of `Dataset.source`.

    Args:
        where: where the data came from.
        licence: the licence, or what is known of it.
        sha256: what was hashed -> sha256; the sentence shows 12 digits of each.

    Returns:
        The sentence.
    """
    sums = ", ".join(f"{content} {digest[:12]}" for content, digest in sha256.items())
    return f"{where}; {licence}; sha256 {sums}."
