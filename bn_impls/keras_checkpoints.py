"""Keras' own checkpoint formats: the ``.keras`` archive and the ``.weights.h5`` file."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

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
        loaded = _reading(directory / ARCHIVE, lambda path: keras.models.load_model(path))
        _copy(loaded, model(), directory / ARCHIVE)
        restored()

    def restore_weights(directory: Path) -> None:
        _reading(directory / WEIGHTS, lambda path: model().load_weights(path))
        restored()

    return {
        "keras": Format(lambda directory: model().save(directory / ARCHIVE), restore_archive),
        "weights-h5": Format(lambda directory: model().save_weights(directory / WEIGHTS), restore_weights),
    }


def _reading(path: Path, read: Callable[[Path], Any]) -> Any:
    try:
        return read(path)
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise _refused(path, f"{type(error).__name__}: {str(error)[:300]}") from error


def _refused(path: Path, why: str) -> BadCheckpoint:
    return BadCheckpoint(
        f"{path} is no checkpoint of this model ({why}); it must come from the same implementation and network"
    )


def _variables(model: keras.Model) -> list[keras.Variable]:
    slots = model.optimizer.variables if getattr(model, "optimizer", None) is not None else []
    return [*model.variables, *slots]


def _copy(source: keras.Model, target: keras.Model, path: Path) -> None:
    found, expected = _variables(source), _variables(target)
    shapes = [[tuple(variable.shape) for variable in variables] for variables in (found, expected)]
    if shapes[0] != shapes[1]:
        raise _refused(path, f"it holds variables of shapes {shapes[0]}, but should hold {shapes[1]}")
    for variable, value in zip(expected, found, strict=True):
        variable.assign(value)
