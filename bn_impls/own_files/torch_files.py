"""PyTorch's export to ONNX."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

import torch

from bn_impls.interface import Array
from bn_impls.own_files import EPSILON, INPUTS, UNITS, OwnFiles

FILE = "model.onnx"


def write(folder: Path, arrays: Mapping[str, Array], *, training: bool = False) -> None:
    """``torch.onnx.export`` in evaluation mode, or of a module that was left in training mode."""
    dense, batch_norm = torch.nn.Linear(INPUTS, UNITS), torch.nn.BatchNorm1d(UNITS, eps=EPSILON)
    tensors = {name: torch.tensor(array) for name, array in arrays.items()}
    dense.load_state_dict({"weight": tensors["kernel"].t(), "bias": tensors["bias"]})
    names = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
    batch_norm.load_state_dict({theirs: tensors[ours] for theirs, ours in names.items()}, strict=False)
    model = torch.nn.Sequential(dense, batch_norm).train(training)
    mode = torch.onnx.TrainingMode.PRESERVE if training else torch.onnx.TrainingMode.EVAL
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter that needs no further package is called legacy
        torch.onnx.export(
            model, (torch.zeros(2, INPUTS),), str(folder / FILE), dynamo=False, training=mode, input_names=["x"],
            output_names=["y"], dynamic_axes={"x": {0: "n"}, "y": {0: "n"}},
        )  # fmt: skip


EXPORTER = OwnFiles(write={"onnx": write, "onnx-training": lambda folder, arrays: write(folder, arrays, training=True)})
