"""Where a user's data lies, as a plan keeps it: a run that is resumed from another folder reads the same file."""

from __future__ import annotations

from pathlib import Path

from benchmarks.datasets.hdf5_files import SUFFIXES
from benchmarks.datasets.views import split_name


def placed(dataset: str | None, data_dir: str | Path | None) -> dict[str, str]:
    """The settings ``dataset`` and ``data_dir`` that two options give.

    An HDF5 file is named by its bare name, which is what case ids, records and the report show, and by its folder.

    Args:
        dataset: as ``--dataset`` has it: a name, or a path of an HDF5 file, with views; None if it is left out.
        data_dir: as ``--data-dir`` has it; relative paths start in the current folder.

    Returns:
        What was given, the folder in full.

    Raises:
        UnknownName: what follows the file's name is no view.
    """
    found = {} if dataset is None else {"dataset": dataset}
    if data_dir is not None:
        found["data_dir"] = str(Path(data_dir).resolve())
    if dataset is not None and (base := split_name(dataset)[0]).endswith(SUFFIXES):
        path = Path(data_dir or "") / base
        found |= {"dataset": path.name + dataset.removeprefix(base), "data_dir": str(path.parent.resolve())}
    return found
