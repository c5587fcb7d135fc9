"""Patches of three photographs that packages ship: real images of 32 x 32 x 3 in three classes, without a download.

They stand in for the three classes of CIFAR-10 that document 003 trains on. The class of a patch is the photograph
that it is cut from, so a split by photograph cannot be had. Instead each photograph is cut into three regions, one for
each split, with a gap of a patch's width between them: no two splits share a pixel, nor have neighbouring ones.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.datasets.files import file_sha256
from benchmarks.datasets.model import Dataset, PixelArray, Split, source_sentence
from benchmarks.datasets.packaged import installed_folder
from benchmarks.datasets.splitting import SPLIT_SEED
from bn_impls.errors import BadData

NAME = "photographs"
SIDE = 32
REGIONS = (("train", 0.6, 751), ("validation", 0.2, 125), ("test", 0.2, 250))
"""Split, its share of the width that the gaps leave, and its patches of each photograph: as many for training and the
test as document 003's file has."""
SPLIT_RULE = (
    f"each photograph is cut from left to right into regions of 60, 20 and 20 % for train, validation and test, with "
    f"gaps of {SIDE} pixels between them; {' / '.join(str(count) for _, _, count in REGIONS)} patches of {SIDE} x "
    f"{SIDE} lie wholly in their region, at places in the stable order of PCG64's raw 64-bit draws"
)


@dataclass(frozen=True)
class Photograph:
    """A JPEG file in a package.

    Attributes:
        title: what it shows.
        package: import name of the package.
        distribution: name to install it by.
        file_name: path in the package, with ``/``.
        sha256: of the file.
        licence: of the photograph.
    """

    title: str
    package: str
    distribution: str
    file_name: str
    sha256: str
    licence: str


PHOTOGRAPHS = (
    Photograph(
        title="a temple in China by danielbuechele",
        package="sklearn",
        distribution="scikit-learn",
        file_name="datasets/images/china.jpg",
        sha256="8378025ad2519d649d02e32bd98990db4ab572357d9f09841c2fbfbb4fefad29",
        licence="CC BY 2.0",
    ),
    Photograph(
        title="a flower by vultilion",
        package="sklearn",
        distribution="scikit-learn",
        file_name="datasets/images/flower.jpg",
        sha256="a77f6ec41e353afdf8bdff2ea981b2955535d8d83294f8cfa49cf4e423dd5638",
        licence="CC BY 2.0",
    ),
    Photograph(
        title="a portrait of Grace Hopper by the US Navy",
        package="matplotlib",
        distribution="matplotlib",
        file_name="mpl-data/sample_data/grace_hopper.jpg",
        sha256="a8ca6d734765703b09728ab47fe59f473d93ae3967fc24c7c0288c3c7adb7130",
        licence="public domain",
    ),
)


def load_photographs(photographs: tuple[Photograph, ...] = PHOTOGRAPHS, folder: Path | None = None) -> Dataset:
    """Cut the patches.

    Args:
        photographs: a class each.
        folder: where the packages lie; None finds the installed ones.

    Returns:
        The data set, inputs (n, 32, 32, 3). Decoders of JPEG may differ in the last bit, so the sums are of the files.

    Raises:
        BadData: a package or Pillow is not installed, or a file is not the one that is known.
    """
    paths = [_checked_path(photograph, folder) for photograph in photographs]
    images = [_decoded(path) for path in paths]
    splits = {name: _patches(images, place) for place, (name, _, _) in enumerate(REGIONS)}
    told = "; ".join(f"{one.title} (package {one.distribution}, {one.licence})" for one in photographs)
    sums = {path.name: photograph.sha256 for path, photograph in zip(paths, photographs, strict=True)}
    source = source_sentence(f"Patches of photographs: {told}", "licences as stated", sums)
    return Dataset(NAME, source, len(photographs), sums, SPLIT_RULE, SPLIT_SEED, **splits)


def _checked_path(photograph: Photograph, folder: Path | None) -> Path:
    base = folder or installed_folder(photograph.package, photograph.distribution, NAME)
    path = base.joinpath(*photograph.file_name.split("/"))
    got = file_sha256(path)
    if got != photograph.sha256:
        raise BadData(
            f"{path} has sha256 {got}, but should have {photograph.sha256}: the installed {photograph.distribution} "
            "ships another photograph, install it again or another version"
        )
    return path


def _decoded(path: Path) -> PixelArray:
    """Pixels (height, width, 3)."""
    try:
        pillow = importlib.import_module("PIL.Image")
    except ImportError as error:
        raise BadData(f"{path} needs the package Pillow, which is not installed: pip install pillow") from error
    with pillow.open(path) as image:
        return np.asarray(image.convert("RGB"))


def region(width: int, place: int) -> tuple[int, int]:
    """First column and the one after the last of a split's region in a photograph of so many columns."""
    usable = width - SIDE * (len(REGIONS) - 1)
    before = sum(share for _, share, _ in REGIONS[:place])
    start, stop = (round(usable * share) for share in (before, before + REGIONS[place][1]))
    return start + SIDE * place, stop + SIDE * place


def _patches(images: list[PixelArray], place: int) -> Split:
    """The patches of one split, the photographs mixed."""
    count = REGIONS[place][2]
    found: list[PixelArray] = []
    for number, image in enumerate(images):
        start, stop = region(image.shape[1], place)
        rows, columns = image.shape[0] - SIDE + 1, stop - start - SIDE + 1
        corners = _order(rows * columns, (place, number))[:count]
        found.extend(
            image[row : row + SIDE, start + column : start + column + SIDE]
            for row, column in zip(*np.divmod(corners, columns), strict=True)
        )
    labels = np.repeat(np.arange(len(images), dtype=np.int64), count)
    mixed = _order(len(labels), (place, len(images)))
    return Split((np.stack(found).astype(np.float32) / np.float32(255))[mixed], labels[mixed])


def _order(count: int, place: tuple[int, int]) -> npt.NDArray[np.intp]:
    """An order of so many things; the raw draws of a bit generator are what NumPy promises never to change."""
    draws = np.random.PCG64([SPLIT_SEED, *place]).random_raw(count)
    return np.argsort(draws, kind="stable")
