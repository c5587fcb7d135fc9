"""Files to infer from: PyTorch writes a network, ONNX Runtime reads it, and the logits are compared."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from benchmarks.axes import checkpoint
from benchmarks.axes.checkpoint.saving import ARRAYS
from bn_impls import canonical
from bn_impls.registry import describe, load

pytest.importorskip("torch")
pytest.importorskip("onnxruntime")
ROUNDING_ABS = 1e-5  # of logits of a few units: sums of 64 products in another order


@pytest.mark.parametrize("network", ["000", "004"])
def test_the_exported_network_infers_what_the_network_did(network: str, network_case: Any, surroundings: Any) -> None:
    """Dense layers, and maps with dropout; only inference is compared, and the file's own names are told."""
    torch = load(describe("torch"))
    case = network_case(network=network, format="onnx", export=True, steps_before=4, steps_after=1)
    assert checkpoint.run_stage("save", torch, case, surroundings).status == "ok"
    outcome = checkpoint.run_stage("restore", torch, case, surroundings)
    assert (outcome.status, outcome.reason) == ("ok", None)
    assert 0 < outcome.metrics["inference_difference_abs"] <= ROUNDING_ABS
    assert any(name.endswith("dense_0.weight") for name in outcome.samples["names"])
    assert not {"moving_mean_error_ulp", "resumed_bitwise"} & set(outcome.metrics)


def test_a_file_that_infers_something_else_disagrees(network_case: Any, surroundings: Any) -> None:
    """The logits that were saved are moved by a tenth of the largest."""
    torch, case = load(describe("torch")), network_case(format="onnx", export=True, steps_before=2, steps_after=1)
    assert checkpoint.run_stage("save", torch, case, surroundings).status == "ok"
    kept = canonical.read(surroundings.scratch / ARRAYS)
    kept["inference"] += 0.1 * np.abs(kept["inference"]).max()
    canonical.write(surroundings.scratch / ARRAYS, kept)
    outcome = checkpoint.run_stage("restore", torch, case, surroundings)
    assert outcome.status == "disagrees"
    assert outcome.reason.startswith("inference from the file is 0.1")
    assert json.dumps(outcome.metrics["inference_bitwise"]) == "false"
