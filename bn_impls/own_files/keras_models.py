"""Keras' files, for whichever Keras is handed in: 2 and 3 have the same names for all of this."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bn_impls.interface import Array
from bn_impls.own_files import EPSILON, INPUTS, SHAPES, UNITS, OwnFiles, Read

WEIGHTS, ARCHIVE, LEGACY, LEGACY_WEIGHTS = "weights-h5", "keras-archive", "h5-model", "h5-weights"
BY_NAME = "h5-weights-by-name"  # into layers of other names
FILES = {WEIGHTS: "model.weights.h5", ARCHIVE: "model.keras", LEGACY: "model.h5", LEGACY_WEIGHTS: "weights.h5"}


def own_files(keras: Any, numpy_of: Callable[[Any], Array]) -> OwnFiles:
    """One Keras' side.

    Args:
        keras: the package.
        numpy_of: a tensor of its backend to an array.

    Returns:
        Writers and readers of all of :data:`FILES` that it offers.
    """

    def model(arrays: Mapping[str, Array], suffix: str = "") -> Any:
        made = keras.Sequential(
            [
                keras.Input((INPUTS,)),
                keras.layers.Dense(UNITS, name=f"dense{suffix}"),
                keras.layers.BatchNormalization(epsilon=EPSILON, name=f"batch_norm{suffix}"),
            ]
        )
        made.set_weights([np.asarray(arrays[name]) for name in SHAPES])
        return made

    def read(loaded: Any, probes: Array) -> Read:
        after = dict(zip(SHAPES, (np.asarray(array) for array in loaded.get_weights()), strict=True))
        return Read(numpy_of(loaded(probes, training=False)), after)

    def into(kind: str) -> Callable[[Path, Mapping[str, Array], Array], Read]:
        def act(folder: Path, before: Mapping[str, Array], probes: Array) -> Read:
            made = model(before)
            made.load_weights(str(folder / FILES[kind]))
            return read(made, probes)

        return act

    def by_name(folder: Path, before: Mapping[str, Array], probes: Array) -> Read:
        made = model(before, "_1")
        made.load_weights(str(folder / FILES[LEGACY_WEIGHTS]), by_name=True)
        return read(made, probes)

    def anew(kind: str) -> Callable[[Path, Mapping[str, Array], Array], Read]:
        return lambda folder, before, probes: read(keras.models.load_model(str(folder / FILES[kind])), probes)

    return OwnFiles(
        write={
            WEIGHTS: lambda folder, arrays: model(arrays).save_weights(str(folder / FILES[WEIGHTS])),
            ARCHIVE: lambda folder, arrays: model(arrays).save(str(folder / FILES[ARCHIVE])),
            LEGACY: lambda folder, arrays: model(arrays).save(str(folder / FILES[LEGACY])),
            LEGACY_WEIGHTS: lambda folder, arrays: model(arrays).save_weights(str(folder / FILES[LEGACY_WEIGHTS])),
        },
        read={
            WEIGHTS: into(WEIGHTS), LEGACY_WEIGHTS: into(LEGACY_WEIGHTS), BY_NAME: by_name, ARCHIVE: anew(ARCHIVE),
            LEGACY: anew(LEGACY),
        },
    )  # fmt: skip
