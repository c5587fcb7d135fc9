"""Fused or not is read off the operations that really ran."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bn_impls.interface import Configuration, Layer
from bn_impls.kernels import kernel
from bn_impls.registry import describe, load


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        (["Mul", "FusedBatchNormV3"], "fused"),
        (["_MklNativeFusedBatchNormV3"], "fused"),
        (["aten::batch_norm", "aten::native_batch_norm"], "fused"),
        (["aten::mul", "aten::mean"], "separate operations"),
        ([], "unknown"),
    ],
)
def test_names_of_operations(operations: list[str], expected: str) -> None:
    """Those of TensorFlow, of its oneDNN kernels, and of PyTorch."""
    assert kernel(operations).observed == expected


@pytest.mark.parametrize(
    ("name", "package", "style", "expected"),
    [
        ("tf-fused", "tensorflow", "graph", "fused"),
        ("tf-fused", "tensorflow", "eager", "fused"),
        ("tf-fused", "tensorflow", "xla", "compiled by XLA"),  # takes the fused operation apart
        ("tf-manual", "tensorflow", "graph", "separate operations"),
        ("tf1-manual", "tensorflow", "session", "separate operations"),
        ("torch", "torch", "eager", "fused"),
        ("flax", "flax", "xla", "compiled by XLA"),
    ],
)
def test_the_kernel_of_real_frameworks(name: str, package: str, style: Any, expected: str) -> None:
    """Observed of a training call of maps."""
    pytest.importorskip(package)
    implementation = load(describe(name))
    layer = implementation.build(Configuration(
        input_shape=(4, 5, 5, 3), layout="channels_last", dtype="float32", decay=0.9, epsilon=1e-3, center=True,
        scale=True, conventions=implementation.conventions, style=style, device="cpu",
    ))  # fmt: skip
    assert isinstance(layer, Layer)
    seen = layer.observe(layer.training_step, layer.to_native(np.ones((4, 5, 5, 3), np.float32)))
    assert seen["kernel"].observed == expected, seen["kernel"]
    if name in ("tf-fused", "tf-manual", "torch"):
        assert seen["onednn"].observed in ("on", "off")
    layer.close()
