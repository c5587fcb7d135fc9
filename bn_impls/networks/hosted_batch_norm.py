"""How the NumPy network carries a layer that hands out its output and its gradients in one call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from bn_impls.errors import BadConfiguration
from bn_impls.interface import Array, Configuration, Layer, Statistics, Unsupported
from bn_impls.networks.numpy_layers import Context

Build = Callable[[Configuration], Layer | Unsupported]


class HostedBatchNorm:
    """An implementation's layer inside the NumPy network.

    The interface gives output and gradients in one call that needs the output's gradient first. So one layer moves the
    statistics in the forward pass, and a twin with the same gamma and beta gives the gradients in the backward pass.
    Prediction uses a layer built for the shape that is asked for. The moving statistics of those others are never kept.
    """

    def __init__(self, build: Build, layer: Layer, twin: Layer, differentiate: Callable[..., Any]) -> None:
        """Take two layers of the same configuration, the second's call with gradients, and the means to build more."""
        self.build, self.layer, self.twin, self.differentiate = build, layer, twin, differentiate
        self.predictors: dict[tuple[int, ...], Layer] = {}
        self.state: dict[str, Any] = dict(layer.export_state())
        settings = layer.configuration
        names = [name for name, used in (("gamma", settings.scale), ("beta", settings.center)) if used]
        self.parameters: dict[str, Array] = {name: np.array(self.state[name]) for name in names}
        self.gradients: dict[str, Array] = {}

    def forward(self, x: Array, context: Context) -> Array:
        """Normalize as the context says."""
        if not context.training:
            return self._predict(x, context.statistics)
        self.layer.import_state({**self.state, **self.parameters})
        self.x = self.layer.to_native(x)
        y = self.layer.to_numpy(self.layer.training_step(self.x))
        self.state = dict(self.layer.export_state())
        return y

    def _predict(self, x: Array, statistics: Statistics) -> Array:
        if x.shape not in self.predictors:
            built = self.build(replace(self.layer.configuration, input_shape=x.shape))
            if isinstance(built, Unsupported):
                raise BadConfiguration(f"no layer for inputs of shape {x.shape}: {built.reason}")
            self.predictors[x.shape] = built
        layer = self.predictors[x.shape]
        layer.import_state({**self.state, **self.parameters})
        call = layer.inference if statistics == "moving" else layer.training_step
        return layer.to_numpy(call(layer.to_native(x)))

    def backward(self, dy: Array) -> Array:
        """Ask the twin for the gradients at the same input."""
        self.twin.import_state({**self.state, **self.parameters})
        _, dx, *parameter_gradients = self.differentiate(self.x, self.twin.to_native(dy))
        for name, gradient in zip(("gamma", "beta"), parameter_gradients, strict=True):
            if name in self.parameters:
                self.gradients[name] = self.twin.to_numpy(gradient)
        return self.twin.to_numpy(dx)

    def close(self) -> None:
        """Release what the layers hold."""
        for layer in (self.layer, self.twin, *self.predictors.values()):
            layer.close()

    def export_statistics(self) -> dict[str, Array]:
        """Moving statistics and the number of updates."""
        return {name: np.array(self.state[name]) for name in ("moving_mean", "moving_variance", "num_updates")}

    def load_statistics(self, arrays: Mapping[str, Array]) -> None:
        """Set moving statistics and the number of updates, through the layer's own checked import."""
        self.layer.import_state({**self.state, **self.parameters, **arrays})
        self.state = dict(self.layer.export_state())


class UnusedBatchNorm:
    """A hosted layer beside the network: its statistics move, what it is given passes on, its gradients are 0."""

    def __init__(self, hosted: HostedBatchNorm) -> None:
        """Take the layer."""
        self.hosted, self.parameters = hosted, hosted.parameters
        self.gradients = {name: np.zeros_like(array) for name, array in hosted.parameters.items()}
        self.export_statistics, self.load_statistics = hosted.export_statistics, hosted.load_statistics
        self.close = hosted.close

    def forward(self, x: Array, context: Context) -> Array:
        """Hand the input on."""
        if context.training:
            self.hosted.forward(x, context)
        return x

    def backward(self, dy: Array) -> Array:
        """Hand the gradient on."""
        return dy
