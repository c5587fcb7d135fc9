"""PyTorch's export of a network to ONNX, in evaluation mode."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from bn_impls.exports import ONNX_INPUT, ONNX_OUTPUT

EXAMPLES = 2  # of the input that the export traces; one alone would be taken for a constant


class Served(nn.Module):
    """The network as the description has it: channels last outside, dropout off."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, ...) -> logits (n, classes)."""
        return self.network(x.movedim(x.ndim - 1, 1) if x.ndim > 2 else x, {})


def onnx_writer(network: nn.Module, input_shape: tuple[int, ...], dtype: torch.dtype) -> Callable[[Path], None]:
    """What writes the network into a file.

    A module that is left in training mode would normalize by the batch in whatever reads the file.

    Args:
        network: (tensors with the channels second, masks) -> logits.
        input_shape: of one example, channels last.
        dtype: of the inputs.
    """

    def write(path: Path) -> None:
        device, training = next(network.parameters()).device, network.training
        example = torch.zeros((EXAMPLES, *input_shape), dtype=dtype, device=device)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the exporter that needs no further package is called legacy
                torch.onnx.export(
                    Served(network).eval(), (example,), str(path), dynamo=False, input_names=[ONNX_INPUT],
                    output_names=[ONNX_OUTPUT], dynamic_axes={name: {0: "n"} for name in (ONNX_INPUT, ONNX_OUTPUT)},
                )  # fmt: skip
        finally:
            network.train(training)

    return write
