"""The NumPy builder: a network in training, with any implementation's layer hosted through its gradients.

It is the reference of the convergence axis (in float64, around ``numpy-reference``), and the host of layers whose
framework has no builder of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from bn_impls.canonical import trainer_format
from bn_impls.interface import (
    Array,
    Observation,
    Statistics,
    Trainer,
    TrainerConfiguration,
    Unsupported,
)
from bn_impls.networks.description import BatchNorm, NamedLayer
from bn_impls.networks.hosted_batch_norm import Build, HostedBatchNorm
from bn_impls.networks.numpy_layers import PLAIN_LAYERS, Context, softmax_cross_entropy
from bn_impls.networks.numpy_optimizers import NumpyOptimizer
from bn_impls.numpy_boundary import NUMPY_DTYPES


class Part(Protocol):
    """One layer of the network: parameters, a forward and a backward pass."""

    parameters: dict[str, Array]
    gradients: dict[str, Array]

    def forward(self, x: Array, context: Context) -> Array:
        """Output for an input; remembers what the backward pass needs."""

    def backward(self, dy: Array) -> Array:
        """Gradient of the input; fills ``gradients``."""


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
    if (reason := _refusal(configuration)) is not None:
        return reason
    parts: dict[str, Part] = {}
    for named in configuration.network.named_layers():
        part = _part(named, configuration, build)
        if isinstance(part, Unsupported):
            return part
        parts[named.name] = part
    network = NumpyNetwork(configuration, parts)
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
        formats={},
        close=network.close,
    )
    return replace(trainer, formats={"npz": trainer_format(trainer)})


def _refusal(configuration: TrainerConfiguration) -> Unsupported | None:
    if configuration.device != "cpu":
        return Unsupported("the NumPy network computes on the CPU only")
    if configuration.style != "eager":
        return Unsupported(f"the NumPy network has one call style: eager, not {configuration.style}")
    if configuration.dtype not in NUMPY_DTYPES:
        return Unsupported(f"NumPy has no dtype {configuration.dtype}")
    return None


def _part(named: NamedLayer, configuration: TrainerConfiguration, build: Build) -> Part | Unsupported:
    if not isinstance(named.layer, BatchNorm):
        plain: Part = PLAIN_LAYERS[type(named.layer)](named, configuration.dtype)
        return plain
    settings = configuration.layer_configuration(named.layer, named.input_shape)
    layer, twin = build(settings), build(settings)
    if isinstance(layer, Unsupported) or isinstance(twin, Unsupported):
        return layer if isinstance(layer, Unsupported) else Unsupported("builds once, but not a second time")
    if isinstance(twin.training_step_with_gradients, Unsupported):
        return twin.training_step_with_gradients
    return HostedBatchNorm(build, layer, twin, twin.training_step_with_gradients)
