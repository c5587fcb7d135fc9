"""`load`: a data set by name, from a package, a folder, the cache, or (if allowed) a download."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.datasets.download import default_cache_dir, fetch
from benchmarks.datasets.editions import EDITIONS, Edition
from benchmarks.datasets.hdf5_files import SUFFIXES, load_hdf5
from benchmarks.datasets.model import Dataset, PixelArray, Split, check_labels, source_sentence
from benchmarks.datasets.packaged import DIGITS, MNIST_5000, load_table
from benchmarks.datasets.photographs import NAME as PHOTOGRAPHS
from benchmarks.datasets.photographs import load_photographs
from benchmarks.datasets.raw import Raw
from benchmarks.datasets.views import VIEWS, split_name
from bn_impls.errors import BadData, UnknownName

_TABLES = {table.name: table for table in (MNIST_5000, DIGITS)}
_PACKAGED = (*_TABLES, PHOTOGRAPHS)

DEFAULT_NAME = MNIST_5000.name
NAMES = (*_PACKAGED, *EDITIONS)
WAY_OUT = (
    f"The data sets {', '.join(_TABLES)} and {PHOTOGRAPHS} come with packages of the suite; {', '.join(EDITIONS)} "
    "are fetched with --download, or read from a folder with --data-dir DIR; a name that ends in .h5 is an HDF5 file "
    "with x and y."
)
SYSTEM_DIR = Path("/usr/share/datasets")  # Debian's dataset-fashion-mnist installs into fashion-mnist/ here


def refuse_useless_folder(name: str, folder: str) -> None:
    """Whoever gives a folder wants what is in it.

    Raises:
        BadData: the data set of that name comes with a package, and is read from no folder.
        UnknownName: what follows the data set's own name is no view.
    """
    if split_name(name)[0] in _PACKAGED:
        raise BadData(
            f"got --data-dir {folder}, but the data set {name} comes with a package and is read from no folder: leave "
            f"it out, or name the data set that lies there with --dataset {'|'.join(EDITIONS)}|FILE.h5"
        )


def load(
    name: str = DEFAULT_NAME,
    data_dir: Path | None = None,
    allow_download: bool = False,
    cache_dir: Path | None = None,
) -> Dataset:
    """Load a data set; the same name gives the same arrays on every machine.

    Args:
        name: one of `NAMES`, or an HDF5 file (``*.h5``, ``*.hdf5``; relative to `data_dir` if that is given);
            either may be followed by views (``mnist+binary``).
        data_dir: folder that holds the files of a complete data set, directly or in a folder of its name; if
            given, the only place to look. None looks into the system's data sets and the cache. The packaged
            ones (``mnist-5000``, ``digits``, ``photographs``) have no use for it.
        allow_download: whether a data set that is found nowhere may be downloaded.
        cache_dir: where downloads are kept; None is `default_cache_dir`.

    Returns:
        The data set.

    Raises:
        UnknownName: there is no data set or view of that name.
        BadData: a file is missing, damaged, or not what it should be.
    """
    base, views = split_name(name)
    dataset = _load_base(base, data_dir, allow_download, cache_dir)
    for view in views:
        dataset = VIEWS[view](dataset)
    return dataset


def _load_base(name: str, data_dir: Path | None, allow_download: bool, cache_dir: Path | None) -> Dataset:
    if name.endswith(SUFFIXES):
        return load_hdf5((data_dir or Path()) / name)
    if name in _TABLES:
        return load_table(_TABLES[name])
    if name == PHOTOGRAPHS:
        return load_photographs()
    if name not in EDITIONS:
        raise UnknownName.among("data set", name, NAMES, WAY_OUT)
    return load_edition(EDITIONS[name], data_dir, allow_download, cache_dir or default_cache_dir())


def load_edition(
    edition: Edition,
    data_dir: Path | None,
    allow_download: bool,
    cache_dir: Path,
    system_dir: Path = SYSTEM_DIR,
) -> Dataset:
    """Find a published data set, check its contents and split it.

    Args:
        edition: which one.
        data_dir: as for `load`.
        allow_download: as for `load`.
        cache_dir: where downloads are kept.
        system_dir: where the operating system's packages put data sets.

    Returns:
        The data set.

    Raises:
        BadData: as for `load`.
    """
    cached = cache_dir / edition.name
    places = _own_places(edition, data_dir, system_dir)
    if data_dir is None and not allow_download:
        places.append(cached)  # else it is left to `fetch`, which replaces a file that is damaged
    raw = _first_found(edition, places)
    if raw is None and allow_download:
        for remote in edition.remotes:
            fetch(remote, edition.base_url, cached)
        raw = edition.find(cached, edition.name)
    if raw is None:
        raise BadData(
            f"data set {edition.name} is not in {' or '.join(map(str, places))}, where {edition.looked_for} "
            "was looked for: give the folder that holds it with --data-dir DIR, or allow the download with --download, "
            f"or use {DEFAULT_NAME}, which needs neither"
        )
    return _assemble(edition, raw)


def _own_places(edition: Edition, data_dir: Path | None, system_dir: Path) -> list[Path]:
    if data_dir is None:
        return [system_dir / edition.name]
    if not data_dir.is_dir():
        raise BadData(
            f"the data directory {data_dir} is no folder: give the folder that holds {edition.looked_for}, or leave "
            "--data-dir out and allow the download with --download"
        )
    return [data_dir / edition.name, data_dir]


def _first_found(edition: Edition, places: list[Path]) -> Raw | None:
    found = (edition.find(place, edition.name) for place in places)
    return next((raw for raw in found if raw is not None), None)


def _assemble(edition: Edition, raw: Raw) -> Dataset:
    """Check structure first, since it says most about what is wrong, then the sums; then scale and split."""
    _check_structure(edition, raw)
    _check_contents(edition, raw)
    size = edition.validation_size
    return Dataset(
        name=edition.name,
        source=source_sentence(f"{edition.title}, from {raw.where}", edition.licence, raw.sha256),
        class_count=edition.class_count,
        sha256=raw.sha256,
        split_rule=f"the first {size} training images are validation, the others train; the published test",
        split_seed=None,
        train=_split(raw.train_images[size:], raw.train_labels[size:]),
        validation=_split(raw.train_images[:size], raw.train_labels[:size]),
        test=_split(raw.test_images, raw.test_labels),
    )


def _split(pixels: PixelArray, labels: PixelArray) -> Split:
    return Split(pixels.astype(np.float32) / np.float32(255), labels.astype(np.int64))


def _check_structure(edition: Edition, raw: Raw) -> None:
    for title, images, labels in (
        ("training", raw.train_images, raw.train_labels),
        ("test", raw.test_images, raw.test_labels),
    ):
        if len(images) != len(labels):
            raise BadData(
                f"{edition.name} from {raw.where} has {len(images)} {title} images and {len(labels)} labels, "
                "but should have one label for each image: the files do not belong together, get them again"
            )
        check_labels(labels, edition.class_count, f"the {title} labels of {edition.name} from {raw.where}")


def _check_contents(edition: Edition, raw: Raw) -> None:
    for content, expected in edition.sha256.items():
        got = raw.sha256[content]
        if got != expected:
            other = [known.name for known in EDITIONS.values() if known.sha256.get(content) == got]
            whose = f" (that of {other[0]})" if other else ""
            raise BadData(
                f"{content} from {raw.where} has (uncompressed) sha256 {got}{whose}, but for {edition.name} "
                f"should have {expected}: get the published file again; images of your own go into an HDF5 "
                "file with x and y"
            )
