"""Views of data sets by value, and patches of photographs that cannot leak."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks.datasets import Dataset, Split, load, photographs
from benchmarks.datasets.views import VEHICLES, binary, halves, small, split_name, vehicles
from bn_impls.errors import BadData, UnknownName


def ten(name: str = "cifar10", size: int = 20) -> Dataset:
    """Ten classes in turn; the pixel of an example is its place over the size."""
    labels = np.arange(size, dtype=np.int64) % 10
    split = Split((np.arange(size, dtype=np.float32) / size).reshape(-1, 1, 1, 1), labels)
    return Dataset(name, "made up", 10, {}, "by hand", None, split, split, split)


def test_binary_puts_the_threshold_at_one_half() -> None:
    """Inclusive."""
    assert binary(ten()).train.inputs.ravel().tolist() == [0.0] * 10 + [1.0] * 10


def test_halves_groups_the_labels() -> None:
    """0 to 4 against 5 to 9, in each split."""
    found = halves(ten())
    assert (found.class_count, found.name) == (2, "cifar10+halves")
    assert found.test.labels.tolist() == ([0] * 5 + [1] * 5) * 2


def test_vehicles_are_airplanes_automobiles_and_ships() -> None:
    """Labels 0, 1 and 8 become 0, 1 and 2, with their own pixels."""
    found = vehicles(ten())
    assert (found.class_count, found.train.labels.tolist()) == (3, [0, 1, 2, 0, 1, 2])
    np.testing.assert_allclose(found.train.inputs.ravel() * 20, [*VEHICLES, *(v + 10 for v in VEHICLES)], rtol=1e-6)


def test_small_has_document_004s_sizes_and_no_example_twice() -> None:
    """1,444 and 160; each example keeps its label."""
    found = small(ten(size=2000))
    assert (found.train.size, found.validation.size, found.test.size) == (1444, 160, 2000)
    places = np.round(found.train.inputs.ravel() * 2000).astype(int)
    assert len(set(places.tolist())) == 1444
    assert (places % 10 == found.train.labels).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda: small(ten()), "has 20 train examples, but should have 1444 or more for .small: use a larger"),
        (lambda: vehicles(ten("mnist")), r"mnist has no vehicles, but should be cifar10 for \+vehicles"),
        (lambda: halves(replace(ten(), class_count=11)), "has 11 classes, but should have an even number"),
    ],
)
def test_a_view_that_does_not_fit_says_why(change: Any, message: str) -> None:
    """And the way out."""
    with pytest.raises(BadData, match=message):
        change()


def test_names_are_taken_apart() -> None:
    """A + in a file's name stays; an unknown view is named."""
    assert split_name("mnist+small+halves") == ("mnist", ["small", "halves"])
    assert split_name("a+b.h5+binary") == ("a+b.h5", ["binary"])
    with pytest.raises(UnknownName, match="unknown view of a data set 'smal': did you mean small"):
        load("mnist-5000+smal")


@pytest.mark.parametrize("width", [512, 640])
def test_no_pixel_is_in_two_splits_nor_beside_another_splits(width: int) -> None:
    """A patch's width lies between the regions, and they fill the photograph."""
    regions = [photographs.region(width, place) for place in range(3)]
    assert (regions[0][0], regions[2][1]) == (0, width)
    for (_, stop), (start, _) in itertools.pairwise(regions):
        assert start - stop == photographs.SIDE
    assert all(stop - start >= photographs.SIDE for start, stop in regions)


def test_the_photographs_have_three_classes_of_the_documents_size() -> None:
    """2,253 and 750 patches; every patch stands in its photograph, inside its region."""
    for package in ("sklearn", "matplotlib", "PIL"):
        pytest.importorskip(package)
    found = load("photographs")
    assert [s.inputs.shape for s in (found.train, found.validation, found.test)] == [
        (2253, 32, 32, 3), (375, 32, 32, 3), (750, 32, 32, 3),
    ]  # fmt: skip
    assert [np.bincount(s.labels).tolist() for s in (found.train, found.test)] == [[751] * 3, [250] * 3]
    first = photographs.PHOTOGRAPHS[0]
    image = photographs._decoded(photographs._checked_path(first, None)).astype(np.float32) / np.float32(255)
    start, stop = photographs.region(image.shape[1], 2)
    patch = found.test.inputs[found.test.labels == 0][0]
    corners = np.argwhere((image[: image.shape[0] - 31, start : stop - 31] == patch[0, 0]).all(axis=-1))
    assert any(np.array_equal(image[r : r + 32, start + c : start + c + 32], patch) for r, c in corners)


def test_another_photograph_is_refused(tmp_path: Any) -> None:
    """By its sum."""
    own = replace(photographs.PHOTOGRAPHS[0], file_name="own.jpg")
    (tmp_path / "own.jpg").write_bytes(b"no photograph")
    with pytest.raises(BadData, match="ships another photograph, install it again"):
        photographs.load_photographs((own,), tmp_path)
