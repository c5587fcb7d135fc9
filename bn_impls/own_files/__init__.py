"""Frameworks that claim to read another one's files: the writers and readers, as their users would call them.

Each module here needs one framework. Everything is about one small network, dense and batch normalization, whose
arrays are drawn by the caller.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bn_impls.interface import Array

INPUTS, UNITS, EPSILON = 5, 4, 1e-3
SHAPES: Mapping[str, tuple[int, ...]] = {
    "kernel": (INPUTS, UNITS), "bias": (UNITS,), "gamma": (UNITS,), "beta": (UNITS,), "moving_mean": (UNITS,),
    "moving_variance": (UNITS,),
}  # fmt: skip
"""What a file should hold; all float32."""


@dataclass(frozen=True)
class Read:
    """What reading came to.

    Attributes:
        outputs: inference of the probes after it, (n, UNITS).
        after: arrays by the names of :data:`SHAPES`; empty where the reader does not show them.
    """

    outputs: Array
    after: Mapping[str, Array] = field(default_factory=dict)


@dataclass(frozen=True)
class OwnFiles:
    """One framework's side.

    Attributes:
        write: kind of file -> writes arrays into a folder.
        read: kind of file -> reads it from a folder into a network that holds the arrays given, and infers the probes;
            what the framework raises is its refusal.
    """

    write: Mapping[str, Callable[[Path, Mapping[str, Array]], None]] = field(default_factory=dict)
    read: Mapping[str, Callable[[Path, Mapping[str, Array], Array], Read]] = field(default_factory=dict)


MODULES: Mapping[str, str] = {
    "keras": "keras_files:KERAS_3",
    "keras-jax": "keras_files:KERAS_3",
    "keras-torch": "keras_files:KERAS_3",
    "tf-keras": "tf_keras_files:KERAS_2",
    "tf1-layers": "tf1_files:SAVER",
    "tf-manual": "tf2_files:CHECKPOINT",
    "torch": "torch_files:EXPORTER",
    "onnxruntime": "onnx_files:RUNTIME",
}
"""Implementation -> where its framework's side stands."""


def own_files(implementation: str) -> OwnFiles:
    """Import one framework's side."""
    module, _, name = MODULES[implementation].partition(":")
    found: Any = getattr(importlib.import_module(f"bn_impls.own_files.{module}"), name)
    assert isinstance(found, OwnFiles)
    return found
