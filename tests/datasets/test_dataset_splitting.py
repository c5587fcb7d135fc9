"""The drawn split is stratified, complete, mixed, and the same everywhere."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.datasets.splitting import SPLIT_SEED, stratified_split
from bn_impls.errors import BadData

LABELS = np.repeat(np.arange(3), [10, 25, 40])

# Positions that the seed draws, written down once.
VALIDATION = [1, 58, 23, 52, 13, 57, 64]
TEST = [2, 27, 28, 36, 73, 67, 74]
TRAIN_BEGIN = [9, 7, 3, 18, 33, 53, 41, 17]


def test_each_class_gives_a_tenth_to_validation_and_a_tenth_to_the_test() -> None:
    """Rounded down: of 10, 25 and 40 these are 1, 2 and 4."""
    parts = stratified_split(LABELS, "example")
    assert np.bincount(LABELS[parts.train]).tolist() == [8, 21, 32]
    assert np.bincount(LABELS[parts.validation]).tolist() == [1, 2, 4]
    assert np.bincount(LABELS[parts.test]).tolist() == [1, 2, 4]


def test_every_example_is_in_exactly_one_part() -> None:
    """The positions of the parts together are all positions."""
    parts = stratified_split(LABELS, "example")
    together = np.concatenate([parts.train, parts.validation, parts.test])
    assert sorted(together.tolist()) == list(range(75))


def test_the_draw_is_the_same_on_every_machine() -> None:
    """Positions written down once; they depend on PCG64's raw draws alone."""
    parts = stratified_split(LABELS, "example", seed=SPLIT_SEED)
    assert parts.validation.tolist() == VALIDATION
    assert parts.test.tolist() == TEST
    assert parts.train[:8].tolist() == TRAIN_BEGIN


def test_another_seed_draws_another_split() -> None:
    """The seed is used."""
    assert stratified_split(LABELS, "example", seed=1).test.tolist() != TEST


def test_classes_are_mixed_within_a_part() -> None:
    """Labels that came sorted do not stay sorted, so batches taken in order hold several classes."""
    parts = stratified_split(LABELS, "example")
    assert set(LABELS[parts.train[:16]].tolist()) == {0, 1, 2}


def test_a_class_of_fewer_than_ten_is_refused() -> None:
    """Its tenth would be nothing."""
    with pytest.raises(BadData, match="example: class 1 has 3 examples, but should have at least 10"):
        stratified_split(np.repeat([0, 1], [10, 3]), "example")
