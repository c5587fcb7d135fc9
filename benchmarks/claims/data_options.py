"""The options of ``bn-bench claims`` that say on what is trained: ``--dataset``, ``--data-dir`` and ``--download``."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.cases import Case
from benchmarks.claims.cases import DATASET
from benchmarks.datasets.loading import load, refuse_useless_folder
from benchmarks.datasets.placing import placed
from benchmarks.settings import Settings
from bn_impls.errors import BadConfiguration


def add_to(add: Callable[..., Any]) -> None:
    """Add them.

    Args:
        add: ``add_argument`` of a parser.
    """
    add("--dataset", metavar="NAME", help=f"data set to train on, as mnist; default: {DATASET}, in colour photographs")
    add("--data-dir", metavar="DIR", help="folder with the files of --dataset")
    add("--download", action="store_true", help="allow fetching the data set; checked by sha256 and cached")


def given(options: argparse.Namespace) -> dict[str, Any]:
    """The fields of :class:`benchmarks.settings.Settings` that the options name."""
    download = {"download": True} if options.download else {}
    return {**placed(options.dataset, options.data_dir), **download}


def refuse_unusable(options: argparse.Namespace, settings: Settings, cases: Sequence[Case]) -> None:
    """Say before anything runs that a data set cannot be read, or that nothing would read it.

    Args:
        options: of a new run.
        settings: that they made.
        cases: of the run.

    Raises:
        BadData: a file is missing or damaged, or a folder is given for a data set that is read from none.
        UnknownName: there is no such data set.
        BadConfiguration: no case trains on it, or it has fewer rows than a batch.
    """
    if not given(options):
        return
    folder = None if settings.data_dir is None else Path(settings.data_dir)
    if folder is not None:
        refuse_useless_folder(settings.dataset, str(folder))
    load(settings.dataset, data_dir=folder, allow_download=settings.download)  # first: names what is wrong with it
    used = {case.parameters["dataset"] for case in cases if "dataset" in case.parameters}
    if settings.dataset.partition("+")[0] not in {name.partition("+")[0] for name in used}:
        raise BadConfiguration(
            f"got --dataset {settings.dataset}, but none of these claims trains on it: leave it out, choose others "
            "(C01, C13 and C33 train on digits, C16, C22 and C38 on photographs or cifar10), or leave the ids out"
        )
    for name in sorted(used):
        rows = load(name, data_dir=folder, allow_download=settings.download).train.size
        largest = max(_batch(case) for case in cases if case.parameters.get("dataset") == name)
        if largest > rows:
            raise BadConfiguration(
                f"got --dataset {settings.dataset} with {rows} rows to train on, but these claims take batches of up "
                f"to {largest}: take a larger data set, or name claims with smaller batches (C01 has 32)"
            )


def _batch(case: Case) -> int:
    return int(case.parameters.get("batch_size", 0))


def refuse_others(settings: Settings, options: argparse.Namespace) -> None:
    """Refuse other data for a run that is resumed.

    Args:
        settings: of the run.
        options: what is given beside ``--resume``; what repeats the run's own data is no contradiction.

    Raises:
        BadConfiguration: they name other data than the run's plan.
    """
    if told := settings.contradicted(options, given(options)):
        raise BadConfiguration(
            f"got --resume with {', '.join(told)}, but a resumed run keeps the data in its plan.json: leave the others "
            "out to finish it, or leave --resume out to begin another run"
        )
