"""Layers without state of their own for the NumPy network: each a forward and a backward pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from bn_impls.interface import Array, Statistics
from bn_impls.networks.description import (
    Activation,
    Conv,
    Dense,
    Dropout,
    Flatten,
    MaxPool,
    NamedLayer,
)


@dataclass(frozen=True)
class Context:
    """What a forward pass is for.

    Attributes:
        training: whether moving statistics move and dropout acts.
        statistics: which statistics normalize.
        masks: this step's dropout masks by layer name.
        layer: the name of the layer that receives the context.
    """

    training: bool
    statistics: Statistics
    masks: Mapping[str, Array]
    layer: str = ""

    def at(self, layer: str) -> Context:
        """The same for one named layer."""
        return replace(self, layer=layer)


class DenseLayer:
    """``y = x W + b``; ``dW = x^T dy``, ``db = sum dy``, ``dx = dy W^T``."""

    def __init__(self, named: NamedLayer, dtype: str) -> None:
        """Allocate zeros; the trainer imports the initial weights."""
        shape = (named.input_shape[0], named.output_shape[0])
        self.parameters: dict[str, Array] = {"kernel": np.zeros(shape, dtype), "bias": np.zeros(shape[1], dtype)}
        self.gradients: dict[str, Array] = {}

    def forward(self, x: Array, context: Context) -> Array:
        """(n, inputs) -> (n, units)."""
        self.x = x
        return np.asarray(x @ self.parameters["kernel"] + self.parameters["bias"])

    def backward(self, dy: Array) -> Array:
        """(n, units) -> (n, inputs)."""
        self.gradients = {"kernel": self.x.T @ dy, "bias": dy.sum(axis=0)}
        return np.asarray(dy @ self.parameters["kernel"].T)


class ConvLayer:
    """Same-size cross-correlation, as a matrix product over windows."""

    def __init__(self, named: NamedLayer, dtype: str) -> None:
        """Allocate zeros; the trainer imports the initial weights."""
        assert isinstance(named.layer, Conv)
        self.size, self.shape = named.layer.size, named.input_shape
        kernel = (self.size, self.size, named.input_shape[-1], named.layer.filters)
        self.parameters: dict[str, Array] = {
            "kernel": np.zeros(kernel, dtype),
            "bias": np.zeros(named.layer.filters, dtype),
        }
        self.gradients: dict[str, Array] = {}

    def _windows(self, x: Array) -> Array:
        margin = self.size // 2
        padded = np.pad(x, ((0, 0), (margin, margin), (margin, margin), (0, 0)))
        windows = sliding_window_view(padded, (self.size, self.size), axis=(1, 2))  # (n, h, w, channels, size, size)
        return windows.transpose(0, 1, 2, 4, 5, 3).reshape(-1, self.size**2 * x.shape[-1])

    def forward(self, x: Array, context: Context) -> Array:
        """(n, height, width, channels) -> (n, height, width, filters)."""
        self.windows = self._windows(x)
        kernel = self.parameters["kernel"].reshape(self.windows.shape[1], -1)
        return (self.windows @ kernel + self.parameters["bias"]).reshape(*x.shape[:3], -1)

    def backward(self, dy: Array) -> Array:
        """The gradient of the input is the cross-correlation of dy with the kernel turned by 180 degrees."""
        flat = dy.reshape(-1, dy.shape[-1])
        kernel = self.parameters["kernel"]
        self.gradients = {"kernel": (self.windows.T @ flat).reshape(kernel.shape), "bias": flat.sum(axis=0)}
        turned = kernel[::-1, ::-1].transpose(0, 1, 3, 2).reshape(-1, self.shape[-1])
        return (self._windows(dy) @ turned).reshape(-1, *self.shape)


class MaxPoolLayer:
    """Maximum of each window; the gradient goes to the first maximum in row-major order of the window."""

    def __init__(self, named: NamedLayer, dtype: str) -> None:
        """Take the window's size."""
        assert isinstance(named.layer, MaxPool)
        self.size, self.shape = named.layer.size, named.input_shape
        self.parameters: dict[str, Array] = {}
        self.gradients: dict[str, Array] = {}

    def forward(self, x: Array, context: Context) -> Array:
        """(n, height, width, channels) -> (n, height // size, width // size, channels)."""
        size, (height, width, channels) = self.size, self.shape
        rows, columns = height // size, width // size
        blocks = x[:, : rows * size, : columns * size].reshape(-1, rows, size, columns, size, channels)
        self.blocks = blocks.transpose(0, 1, 3, 5, 2, 4).reshape(-1, rows, columns, channels, size * size)
        self.winner = self.blocks.argmax(axis=-1)
        return np.take_along_axis(self.blocks, self.winner[..., None], axis=-1)[..., 0]

    def backward(self, dy: Array) -> Array:
        """The gradient at the maxima, 0 elsewhere."""
        size, (height, width, channels) = self.size, self.shape
        rows, columns = height // size, width // size
        spread = np.zeros_like(self.blocks)
        np.put_along_axis(spread, self.winner[..., None], dy[..., None], axis=-1)
        blocks = spread.reshape(-1, rows, columns, channels, size, size).transpose(0, 1, 4, 2, 5, 3)
        dx = np.zeros((len(dy), height, width, channels), dy.dtype)
        dx[:, : rows * size, : columns * size] = blocks.reshape(-1, rows * size, columns * size, channels)
        return dx


class FlattenLayer:
    """(n, ...) -> (n, product)."""

    def __init__(self, named: NamedLayer, dtype: str) -> None:
        """Take the shape to go back to."""
        self.shape = named.input_shape
        self.parameters: dict[str, Array] = {}
        self.gradients: dict[str, Array] = {}

    def forward(self, x: Array, context: Context) -> Array:
        """Reshape."""
        return x.reshape(len(x), -1)

    def backward(self, dy: Array) -> Array:
        """Reshape back."""
        return dy.reshape(-1, *self.shape)


FUNCTIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array, Array], Array]]] = {
    # function of x, and its derivative from (x, y)
    "relu": (lambda x: np.maximum(x, 0), lambda x, y: (x > 0).astype(x.dtype)),
    "elu": (lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))), lambda x, y: np.where(x > 0, 1, y + 1)),
    "tanh": (np.tanh, lambda x, y: 1 - y * y),
    "sigmoid": (lambda x: 0.5 * (1 + np.tanh(0.5 * x)), lambda x, y: y * (1 - y)),
}


class ActivationLayer:
    """An elementwise function of :data:`FUNCTIONS`."""

    def __init__(self, named: NamedLayer, dtype: str) -> None:
        """Pick function and derivative."""
        assert isinstance(named.layer, Activation)
        self.function, self.derivative = FUNCTIONS[named.layer.function]
        self.parameters: dict[str, Array] = {}
        self.gradients: dict[str, Array] = {}

    def forward(self, x: Array, context: Context) -> Array:
        """Apply the function."""
        self.x, self.y = x, self.function(x)
        return self.y

    def backward(self, dy: Array) -> Array:
        """Multiply by the derivative."""
        return np.asarray(dy * self.derivative(self.x, self.y))


class DropoutLayer:
    """Multiply by the mask that came with the batch; do nothing in prediction."""

    def __init__(self, named: NamedLayer, dtype: str) -> None:
        """Nothing to hold."""
        self.parameters: dict[str, Array] = {}
        self.gradients: dict[str, Array] = {}

    def forward(self, x: Array, context: Context) -> Array:
        """Apply this layer's mask."""
        self.mask = context.masks[context.layer] if context.training else None
        return x if self.mask is None else np.asarray(x * self.mask)

    def backward(self, dy: Array) -> Array:
        """Apply the same mask."""
        return dy if self.mask is None else np.asarray(dy * self.mask)


PLAIN_LAYERS: dict[type, Callable[[NamedLayer, str], Any]] = {
    Dense: DenseLayer,
    Conv: ConvLayer,
    MaxPool: MaxPoolLayer,
    Flatten: FlattenLayer,
    Activation: ActivationLayer,
    Dropout: DropoutLayer,
}
