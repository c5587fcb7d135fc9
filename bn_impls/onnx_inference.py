"""ONNX Runtime as the reader of a network that another framework has exported."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from bn_impls.exports import ONNX_INPUT, ONNX_OUTPUT
from bn_impls.interface import Array


def infer(path: Path, inputs: Array) -> Array:
    """Logits (n, classes) of inputs (n, ...), in the dtype of the model's input."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    dtype = {"tensor(float)": np.float32, "tensor(double)": np.float64}[session.get_inputs()[0].type]
    return np.asarray(session.run([ONNX_OUTPUT], {ONNX_INPUT: inputs.astype(dtype)})[0])


def names(path: Path) -> list[str]:
    """The model's arrays as stored."""
    return [tensor.name for tensor in onnx.load(str(path)).graph.initializer]
