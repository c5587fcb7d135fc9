"""The NumPy builder: a network in training, with any implementation's layer hosted through its gradients.

It is the reference of the convergence axis (in float64, around ``numpy-reference``), and the host of layers whose
framework has no builder of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from bn_impls.canonical import npz_format
from bn_impls.errors import BadConfiguration
from bn_impls.interface import (
    Array,
    Configuration,
    Layer,
    Observation,
    Statistics,
    Trainer,
    TrainerConfiguration,
    Unsupported,
)
from bn_impls.networks.description import BatchNorm, NamedLayer
from bn_impls.networks.numpy_layers import PLAIN_LAYERS, Context, softmax_cross_entropy
from bn_impls.networks.numpy_optimizers import NumpyOptimizer
from bn_impls.numpy_boundary import NUMPY_DTYPES

Build = Callable[[Configuration], Layer | Unsupported]


class Part(Protocol):
    """One layer of the network: parameters, a forward and a backward pass."""

    parameters: dict[str, Array]
    gradients: dict[str, Array]

    def forward(self, x: Array, context: Context) -> Array:
        """Output for an input; remembers what the backward pass needs."""

    def backward(self, dy: Array) -> Array:
        """Gradient of the input; fills ``gradients``."""


class HostedBatchNorm:
    """An implementation's layer inside the NumPy network.

    The interface gives output and gradients in one call that needs the output's gradient first. So one layer moves the
    statistics in the forward pass, and a twin with the same gamma and beta gives the gradients in the backward pass.
    Prediction uses a layer built for the shape that is asked for. The moving statistics of those others are never kept.
    """

    def __init__(self, build: Build, layer: Layer, twin: Layer) -> None:
        """Take two layers of the same configuration, and the means to build more."""
        self.build, self.layer, self.twin = build, layer, twin
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
        _, dx, *parameter_gradients = self.twin.training_step_with_gradients(self.x, self.twin.to_native(dy))
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


class NumpyNetwork:
    """The parts in order, and the passes through them."""

    def __init__(self, configuration: TrainerConfiguration, parts: dict[str, Part]) -> None:
        """Take parts by name, in order."""
        self.settings, self.parts = configuration, parts
        self.parameters = {
            f"{name}/{parameter}": (part, parameter) for name, part in parts.items() for parameter in part.parameters
        }
        self.optimizer = NumpyOptimizer(configuration.optimizer, self._parameter_arrays())

    def _parameter_arrays(self) -> dict[str, Array]:
        return {name: part.parameters[parameter] for name, (part, parameter) in self.parameters.items()}

    def load_data(self, inputs: Array, labels: Array) -> None:
        """Keep the data set in the network's dtype."""
        self.inputs, self.labels = inputs.astype(self.settings.dtype), labels

    def train(self, indices: Array, masks: Mapping[str, Array]) -> Array:
        """Run one step for each row of indices."""
        chosen = {name: mask.astype(self.settings.dtype) for name, mask in masks.items()}
        losses = [
            self._step(self.inputs[rows], self.labels[rows], {name: mask[step] for name, mask in chosen.items()})
            for step, rows in enumerate(indices)
        ]
        return np.array(losses, self.settings.dtype)

    def _step(self, x: Array, labels: Array, masks: Mapping[str, Array]) -> Any:
        logits = self._forward(x, Context(training=True, statistics="batch", masks=masks))
        loss, gradient = softmax_cross_entropy(logits, labels)
        for part in reversed(self.parts.values()):
            gradient = part.backward(gradient)
        updated = self.optimizer.step(
            self._parameter_arrays(), {n: part.gradients[p] for n, (part, p) in self.parameters.items()}
        )
        for name, (part, parameter) in self.parameters.items():
            part.parameters[parameter] = updated[name]
        return loss

    def _forward(self, x: Array, context: Context) -> Array:
        for name, part in self.parts.items():
            x = part.forward(x, context.at(name))
        return x

    def predict(self, inputs: Array, statistics: Statistics) -> Array:
        """Logits, with dropout off."""
        return self._forward(inputs.astype(self.settings.dtype), Context(False, statistics, {}))

    def export_weights(self) -> dict[str, Array]:
        """Copies of parameters and statistics."""
        weights = {name: array.copy() for name, array in self._parameter_arrays().items()}
        for name, part in self.parts.items():
            if isinstance(part, HostedBatchNorm):
                weights |= {f"{name}/{key}": array for key, array in part.export_statistics().items()}
        return weights

    def load_weights(self, weights: Mapping[str, Array]) -> None:
        """Set parameters and statistics."""
        for name, (part, parameter) in self.parameters.items():
            part.parameters[parameter] = weights[name].astype(self.settings.dtype)
        for name, part in self.parts.items():
            if isinstance(part, HostedBatchNorm):
                part.load_statistics({key: weights[f"{name}/{key}"] for key in part.export_statistics()})

    def close(self) -> None:
        """Close the hosted layers."""
        for part in self.parts.values():
            if isinstance(part, HostedBatchNorm):
                part.close()

    def observe(self) -> Mapping[str, Observation]:
        """What can be seen of a network of NumPy arrays."""
        return {
            "device": Observation("cpu", "the parameters are numpy.ndarrays, which live in main memory"),
            "dtype": Observation(next(iter(self._parameter_arrays().values())).dtype.name, "dtype of the weights"),
            "style": Observation("eager", "Python calls that return computed values"),
        }


def hosted_trainer(configuration: TrainerConfiguration, build: Build) -> Trainer | Unsupported:
    """Build the network around an implementation's layer.

    Args:
        configuration: which network, in which dtype.
        build: makes the implementation's layer.

    Returns:
        The trainer, or why the layer cannot be built.
    """
    if configuration.device != "cpu":
        return Unsupported("the NumPy network computes on the CPU only")
    if configuration.style != "eager":
        return Unsupported(f"the NumPy network has one call style: eager, not {configuration.style}")
    if configuration.dtype not in NUMPY_DTYPES:
        return Unsupported(f"NumPy has no dtype {configuration.dtype}")
    parts: dict[str, Part] = {}
    for named in configuration.network.named_layers():
        part = _part(named, configuration, build)
        if isinstance(part, Unsupported):
            return part
        parts[named.name] = part
    network = NumpyNetwork(configuration, parts)

    def export() -> dict[str, Array]:
        slots = {f"optimizer/{name}": array for name, array in network.optimizer.export().items()}
        return network.export_weights() | slots

    def restore(arrays: Mapping[str, Any]) -> None:
        prefix = "optimizer/"
        trainer.import_weights({name: a for name, a in arrays.items() if not name.startswith(prefix)})
        trainer.import_optimizer({n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)})

    trainer = Trainer(
        configuration=configuration,
        load_data=network.load_data,
        train=network.train,
        predict=network.predict,
        export_weights=network.export_weights,
        load_weights=network.load_weights,
        export_optimizer=network.optimizer.export,
        load_optimizer=network.optimizer.load,
        observe=network.observe,
        formats={"npz": npz_format(export, restore)},
        close=network.close,
    )
    return trainer


def _part(named: NamedLayer, configuration: TrainerConfiguration, build: Build) -> Part | Unsupported:
    if not isinstance(named.layer, BatchNorm):
        plain: Part = PLAIN_LAYERS[type(named.layer)](named, configuration.dtype)
        return plain
    settings = configuration.layer_configuration(named.layer, named.input_shape)
    layer, twin = build(settings), build(settings)
    if isinstance(layer, Unsupported) or isinstance(twin, Unsupported):
        return layer if isinstance(layer, Unsupported) else Unsupported("builds once, but not a second time")
    return HostedBatchNorm(build, layer, twin)
