"""TensorFlow 1's Saver: a file of variables by their names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow.compat.v1 as v1

from bn_impls.interface import Array
from bn_impls.own_files import EPSILON, SHAPES, OwnFiles, Read

FILE = "model.ckpt"
NAMES = {name: f"dense/{name}" if name in ("kernel", "bias") else f"batch_normalization/{name}" for name in SHAPES}
"""As ``tf.layers`` names them."""


def _variables(arrays: Mapping[str, Array]) -> dict[str, tf.Variable]:
    return {name: v1.get_variable(NAMES[name], initializer=np.asarray(arrays[name], np.float32)) for name in SHAPES}


def write(folder: Path, arrays: Mapping[str, Array]) -> None:
    """``Saver.save``."""
    with tf.Graph().as_default(), v1.Session() as session:
        _variables(arrays)
        session.run(v1.global_variables_initializer())
        v1.train.Saver().save(session, str(folder / FILE), write_meta_graph=False)


def read(folder: Path, before: Mapping[str, Array], probes: Array) -> Read:
    """``Saver.restore``."""
    with tf.Graph().as_default(), v1.Session() as session:
        own = _variables(before)
        y = outputs({name: tf.convert_to_tensor(variable) for name, variable in own.items()}, probes)
        session.run(v1.global_variables_initializer())
        v1.train.Saver().restore(session, str(folder / FILE))
        found, inferred = session.run((own, y))
        return Read(inferred, found)


def outputs(own: Mapping[str, tf.Tensor], probes: Array) -> tf.Tensor:
    """Dense and batch normalization."""
    return tf.nn.batch_normalization(
        probes @ own["kernel"] + own["bias"], own["moving_mean"], own["moving_variance"], own["beta"], own["gamma"],
        EPSILON,
    )  # fmt: skip


SAVER = OwnFiles(write={"saver": write}, read={"checkpoint-by-name": read})
