"""Frameworks' own files, read by another framework: what is restored, and what silently is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.axes import own_files
from bn_impls.own_files import SHAPES


def exchanged(source: str, target: str, written: str, file: str, folder: Path) -> dict[str, Any]:
    """Write, read, and give the metrics."""
    parameters = {"written": written, "file": file, "seed": 0}
    own_files.write(source, parameters, folder)
    return own_files.read(target, parameters, folder).metrics


def test_onnx_runtime_reads_what_pytorch_exports_and_a_training_export_is_found_out(tmp_path: Path) -> None:
    """A module that was left in training mode normalizes by the batch for ever."""
    pytest.importorskip("torch")
    pytest.importorskip("onnxruntime")
    right = exchanged("torch", "onnxruntime", "onnx", "onnx", tmp_path)
    assert (right["outcome"], right["inference_over_bound"] < 1) == ("restored", True)
    wrong = exchanged("torch", "onnxruntime", "onnx-training", "onnx-training", tmp_path)
    assert (wrong["outcome"], wrong["inference_over_bound"] > 1e3) == ("wrong", True)


@pytest.mark.slow
def test_a_checkpoint_reads_a_saver_s_file_by_name_and_otherwise_silently_nothing(tmp_path: Path) -> None:
    """``assert_consumed`` is what tells the two apart."""
    pytest.importorskip("tensorflow")
    reading = {kind: exchanged("tf1-layers", "tf-manual", "saver", kind, tmp_path)
               for kind in ("saver", "saver-unnamed", "saver-unnamed-asserted")}  # fmt: skip
    assert {kind: one["outcome"] for kind, one in reading.items()} == {
        "saver": "restored", "saver-unnamed": "nothing", "saver-unnamed-asserted": "refused",
    }  # fmt: skip
    assert reading["saver-unnamed"]["arrays_untouched"] == list(SHAPES)
