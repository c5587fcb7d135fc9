"""Files that another program infers from: what the framework writes, with the program that reads it.

Nothing here knows a framework; the program is imported when it infers.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bn_impls.interface import Array, Export

ONNX_FILE, ONNX_READER = "model.onnx", "bn_impls.onnx_inference"
ONNX_INPUT, ONNX_OUTPUT = "x", "logits"


def onnx_export(write: Callable[[Path], None]) -> Export:
    """An ONNX model for ONNX Runtime.

    Args:
        write: writes a model with the input :data:`ONNX_INPUT`, (n, ...) with any n, and the output
            :data:`ONNX_OUTPUT` into a file.
    """

    def infer(directory: Path, inputs: Array) -> Array:
        reader: Any = importlib.import_module(ONNX_READER)
        logits: Array = reader.infer(directory / ONNX_FILE, inputs)
        return logits

    def names(directory: Path) -> list[str]:
        reader: Any = importlib.import_module(ONNX_READER)
        return list(reader.names(directory / ONNX_FILE))

    return Export(lambda directory: write(directory / ONNX_FILE), infer, names)
