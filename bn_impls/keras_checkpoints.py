"""Keras' own checkpoint formats: the ``.keras`` archive and the ``.weights.h5`` file."""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import keras

from bn_impls.errors import BadCheckpoint
from bn_impls.interface import Format

ARCHIVE, WEIGHTS = "model.keras", "model.weights.h5"


def keras_formats(
    model: Callable[[], keras.Model], restored: Callable[[], None] = lambda: None
) -> Mapping[str, Format]:
    """The formats of one model.

    Args:
        model: gives the model as it is now.
        restored: called after a restore.

    Returns:
        ``keras`` (architecture, weights and, in a compiled model, the optimizer), then ``weights-h5``.
    """

    def restore_archive(directory: Path) -> None:
        loaded = _reading(directory / ARCHIVE, keras.models.load_model)
        _copy(loaded, model(), directory / ARCHIVE)
        restored()

    def restore_weights(directory: Path) -> None:
        _reading(directory / WEIGHTS, lambda path: model().load_weights(path))
        restored()

    return {
        "keras": Format(
            lambda directory: model().save(directory / ARCHIVE),
            restore_archive,
            lambda directory: _names_in(directory / ARCHIVE),
        ),
        "weights-h5": Format(
            lambda directory: model().save_weights(directory / WEIGHTS),
            restore_weights,
            lambda directory: _names_in(directory / WEIGHTS),
        ),
    }


def without_optimizer(model: Callable[[], keras.Model], restored: Callable[[], None] = lambda: None) -> Format:
    """``model.save(..., include_optimizer=False)``, as for a model that is handed on; arguments as above."""

    def restore(directory: Path) -> None:
        loaded = _reading(directory / ARCHIVE, keras.models.load_model)
        by_name = {_short(variable): variable for variable in loaded.variables}
        for variable in model().variables:
            variable.assign(by_name[_short(variable)])
        restored()

    def save(directory: Path) -> None:
        model().save(directory / ARCHIVE, include_optimizer=False)

    return Format(save, restore, lambda directory: _names_in(directory / ARCHIVE))


def _names_in(path: Path) -> list[str]:
    """Names of the arrays in a weights file, or in the one inside an archive."""
    content: Any = path
    if path.suffix == ".keras":
        with zipfile.ZipFile(path) as archive:
            content = io.BytesIO(archive.read(WEIGHTS))
    found: list[str] = []
    with h5py.File(content) as file:
        file.visititems(lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) else None)
    return found


def _short(variable: keras.Variable) -> str:
    return "/".join(variable.path.split("/")[-2:])  # layer/variable


def _reading(path: Path, read: Callable[[Path], Any]) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", "Skipping variable loading")  # Keras drops an optimizer that does not fit
            return read(path)
    except Exception as error:  # Keras, h5py and zipfile raise a dozen kinds over damaged bytes; all mean the same
        raise _refused(path, f"{type(error).__name__}: {str(error)[:300]}") from error


def _refused(path: Path, why: str) -> BadCheckpoint:
    return BadCheckpoint(
        f"{path} is no checkpoint of this model ({why}); it must come from the same implementation and network"
    )


def _variables(model: keras.Model) -> dict[str, keras.Variable]:
    slots = model.optimizer.variables if getattr(model, "optimizer", None) is not None else []
    weights = {_short(variable): variable for variable in model.variables}
    return weights | {f"optimizer/{variable.name}": variable for variable in slots}


def _copy(source: keras.Model, target: keras.Model, path: Path) -> None:
    found, expected = _variables(source), _variables(target)
    described = [{f"{name} {tuple(v.shape)}" for name, v in variables.items()} for variables in (found, expected)]
    if described[0] != described[1]:
        lacking, unknown = sorted(described[1] - described[0]), sorted(described[0] - described[1])
        raise _refused(path, f"it lacks {lacking or 'nothing'} and holds {unknown or 'nothing'} beside it")
    for name, variable in expected.items():
        variable.assign(found[name])
