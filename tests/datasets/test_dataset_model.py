"""A split is examples with one label each; a data set's labels are its class numbers."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.datasets import Dataset, Split
from bn_impls.errors import BadData


def split_of(*labels: int) -> Split:
    """A split of one pixel an example."""
    return Split(np.zeros((len(labels), 1, 1, 1), np.float32), np.array(labels, np.int64))


def dataset_of(test: Split) -> Dataset:
    """A data set of two classes with a given test split."""
    return Dataset("example", "Made up.", 2, {}, "by hand", None, split_of(0, 1), split_of(1), test)


def test_a_split_knows_its_size() -> None:
    """The number of examples."""
    assert split_of(0, 1, 0).size == 3


def test_a_split_of_other_dtypes_is_refused() -> None:
    """Float64 inputs would be another experiment."""
    with pytest.raises(BadData, match="inputs of float64 and labels of int64"):
        Split(np.zeros((1, 1)), np.zeros(1, np.int64))  # type: ignore[arg-type]


def test_a_split_of_unequal_lengths_is_refused() -> None:
    """Two inputs, one label."""
    with pytest.raises(BadData, match=r"inputs of shape \(2, 1\) and labels of shape \(1,\)"):
        Split(np.zeros((2, 1), np.float32), np.zeros(1, np.int64))


@pytest.mark.parametrize("label", [-1, 2])
def test_a_label_that_is_no_class_is_refused(label: int) -> None:
    """The split and the position are in the message."""
    with pytest.raises(BadData, match=f"the test split of example: label 1 is {label}, but should be from 0 to 1"):
        dataset_of(split_of(0, label))


def test_one_class_is_refused() -> None:
    """Every loss would be 0."""
    ones = split_of(0, 0)
    with pytest.raises(BadData, match="example has 1 class, but should have two or more, or every loss is 0: give"):
        Dataset("example", "Made up.", 1, {}, "by hand", None, ones, ones, ones)


def test_the_description_states_the_sizes() -> None:
    """And the shape of one input, without the batch axis."""
    description = dataset_of(split_of(0, 1, 1)).description()
    sizes = [description[f"{split}_size"] for split in ("train", "validation", "test")]
    assert sizes == [2, 1, 3]
    assert description["input_shape"] == [1, 1, 1]
