"""Views: what a network needs of a data set that has more, as ``NAME+VIEW``, such as ``mnist+binary``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from benchmarks.datasets.model import Dataset, Split
from benchmarks.datasets.splitting import SPLIT_SEED
from bn_impls.errors import BadData, UnknownName

SMALL_TRAIN, SMALL_VALIDATION = 1444, 160
VEHICLES = (0, 1, 8)
"""CIFAR-10's classes airplane, automobile and ship."""


def binary(dataset: Dataset) -> Dataset:
    """Pixels become 0 or 1, at a threshold of one half, as in Ioffe and Szegedy's experiment."""

    def thresholded(split: Split) -> Split:
        return Split((split.inputs >= 0.5).astype(np.float32), split.labels)

    return _each(dataset, thresholded, dataset.class_count, "binary", "pixels of one half and more are 1, others 0")


def halves(dataset: Dataset) -> Dataset:
    """Two classes: the first half of the class numbers (digits 0 to 4) against the others.

    Raises:
        BadData: the number of classes is odd.
    """
    if dataset.class_count % 2:
        raise BadData(
            f"{dataset.name} has {dataset.class_count} classes, but should have an even number for two halves: "
            "leave +halves out"
        )
    half = dataset.class_count // 2

    def grouped(split: Split) -> Split:
        return Split(split.inputs, (split.labels >= half).astype(np.int64))

    return _each(dataset, grouped, 2, "halves", f"class 0 is labels 0 to {half - 1}, class 1 the others")


def small(dataset: Dataset) -> Dataset:
    """As many examples as document 004 has: 1,444 to train and 160 for validation; the test stays whole.

    Raises:
        BadData: there are not so many.
    """
    wanted = (("train", SMALL_TRAIN, dataset.train), ("validation", SMALL_VALIDATION, dataset.validation))
    for title, count, split in wanted:
        if split.size < count:
            raise BadData(
                f"{dataset.name} has {split.size} {title} examples, but should have {count} or more for +small: "
                "use a larger data set, such as mnist-5000"
            )
    return replace(
        dataset,
        name=f"{dataset.name}+small",
        split_rule=f"{dataset.split_rule}; of them {SMALL_TRAIN} and {SMALL_VALIDATION} in the order of PCG64's draws",
        train=_drawn(dataset.train, SMALL_TRAIN),
        validation=_drawn(dataset.validation, SMALL_VALIDATION),
    )


def vehicles(dataset: Dataset) -> Dataset:
    """The classes airplane, automobile and ship of CIFAR-10, numbered 0 to 2, as document 003's file has them.

    Raises:
        BadData: the data set has not CIFAR-10's ten classes.
    """
    if not dataset.name.startswith("cifar10"):
        raise BadData(f"{dataset.name} has no vehicles, but should be cifar10 for +vehicles: use cifar10+vehicles")

    def chosen(split: Split) -> Split:
        kept = np.isin(split.labels, VEHICLES)
        return Split(split.inputs[kept], np.searchsorted(VEHICLES, split.labels[kept]).astype(np.int64))

    return _each(dataset, chosen, len(VEHICLES), "vehicles", "airplane, automobile and ship only")


VIEWS: dict[str, Callable[[Dataset], Dataset]] = {
    "binary": binary,
    "halves": halves,
    "small": small,
    "vehicles": vehicles,
}


def split_name(name: str) -> tuple[str, list[str]]:
    """Take ``mnist+small+halves`` apart.

    Returns:
        The data set's own name, and the views in order. A ``+`` in the name of a file stays where it is.

    Raises:
        UnknownName: what follows a ``+`` is no view.
    """
    base, *views = name.split("+")
    while views and any("." in part for part in views):  # a file's name goes on
        base = f"{base}+{views.pop(0)}"
    for view in views:
        if view not in VIEWS:
            raise UnknownName.among("view of a data set", view, VIEWS, "They follow the name, as in mnist+binary.")
    return base, views


def _each(dataset: Dataset, change: Callable[[Split], Split], classes: int, view: str, rule: str) -> Dataset:
    return replace(
        dataset,
        name=f"{dataset.name}+{view}",
        class_count=classes,
        split_rule=f"{dataset.split_rule}; {rule}",
        train=change(dataset.train),
        validation=change(dataset.validation),
        test=change(dataset.test),
    )


def _drawn(split: Split, count: int) -> Split:
    """So many examples at random, not the first: of a published data set these would be those of one writer."""
    places = np.argsort(np.random.PCG64(SPLIT_SEED).random_raw(split.size), kind="stable")[:count]
    return Split(split.inputs[places], split.labels[places])
