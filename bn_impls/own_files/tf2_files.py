"""TensorFlow 2's ``tf.train.Checkpoint``: a file of variables by the attributes that hold them.

It reads a Saver's file too, by the names of the variables. A variable that was made without a name is called
``Variable``; then no name fits, and unless somebody calls ``assert_consumed`` nobody says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

from bn_impls.interface import Array
from bn_impls.own_files import SHAPES, OwnFiles, Read
from bn_impls.own_files.tf1_files import FILE, NAMES, outputs


def _variables(arrays: Mapping[str, Array], *, named: bool) -> dict[str, tf.Variable]:
    return {
        name: tf.Variable(np.asarray(arrays[name], np.float32), name=NAMES[name] if named else None) for name in SHAPES
    }


def _reader(*, named: bool, asserted: bool) -> Callable[[Path, Mapping[str, Array], Array], Read]:
    def read(folder: Path, before: Mapping[str, Array], probes: Array) -> Read:
        own = _variables(before, named=named)
        status = tf.train.Checkpoint(**own).read(str(folder / FILE))
        if asserted:
            status.assert_consumed()
        found = {name: variable.numpy() for name, variable in own.items()}
        return Read(outputs({n: tf.convert_to_tensor(v) for n, v in own.items()}, probes).numpy(), found)

    return read


def write(folder: Path, arrays: Mapping[str, Array]) -> None:
    """``Checkpoint.write`` of variables that have TensorFlow 1's names."""
    tf.train.Checkpoint(**_variables(arrays, named=True)).write(str(folder / FILE))


CHECKPOINT = OwnFiles(
    write={"checkpoint-by-name": write},
    read={
        "saver": _reader(named=True, asserted=False),
        "saver-unnamed": _reader(named=False, asserted=False),
        "saver-unnamed-asserted": _reader(named=False, asserted=True),
    },
)
