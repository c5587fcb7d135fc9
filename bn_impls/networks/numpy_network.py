"""The NumPy builder: a network in training, with any implementation's layer hosted through its gradients.

It is the reference of the convergence axis (in float64, around ``numpy-reference``), and the host of layers whose
framework has no builder of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
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
from bn_impls.networks.description import NamedLayer, Unused
from bn_impls.networks.hosted_batch_norm import Build, HostedBatchNorm, UnusedBatchNorm
from bn_impls.networks.numpy_layers import PLAIN_LAYERS, Context
from bn_impls.networks.numpy_losses import FUNCTIONS
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


BATCH_NORMS = (HostedBatchNorm, UnusedBatchNorm)


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
        with np.errstate(all="ignore"):  # a training that diverges is a result
            losses = [
                self._step(self.inputs[rows], self.labels[rows], {name: mask[step] for name, mask in chosen.items()})
                for step, rows in enumerate(indices)
            ]
        return np.array(losses, self.settings.dtype)

    def _step(self, x: Array, labels: Array, masks: Mapping[str, Array]) -> Any:
        loss, gradients = self.differentiate(x, labels, masks)
        updated = self.optimizer.step(self._parameter_arrays(), gradients)
        for name, (part, parameter) in self.parameters.items():
            part.parameters[parameter] = updated[name]
        return loss

    def differentiate(self, x: Array, labels: Array, masks: Mapping[str, Array]) -> tuple[Any, dict[str, Array]]:
        """A training step without the optimizer: the moving statistics move, the weights do not.

        Args:
            x: (batch, ...) in the network's dtype.
            labels: (batch,) integers.
            masks: of each dropout layer, (batch, ...).

        Returns:
            The loss, and the gradient of each weight by ``layer/parameter``.
        """
        logits = self._forward(x, Context(training=True, statistics="batch", masks=masks))
        loss, gradient = FUNCTIONS[self.settings.network.loss](logits, labels)
        for part in reversed(self.parts.values()):
            gradient = part.backward(gradient)
        return loss, {name: part.gradients[parameter] for name, (part, parameter) in self.parameters.items()}

    def visit(self, x: Array, context: Context) -> Iterator[tuple[str, Array, Array]]:
        """Each layer's name, input and output, in order."""
        for name, part in self.parts.items():
            y = part.forward(x, context.at(name))
            yield name, x, y
            x = y

    def _forward(self, x: Array, context: Context) -> Array:
        for _, _, y in self.visit(x, context):
            x = y
        return x

    def predict(self, inputs: Array, statistics: Statistics) -> Array:
        """Logits, with dropout off."""
        with np.errstate(all="ignore"):
            return self._forward(inputs.astype(self.settings.dtype), Context(False, statistics, {}))

    def export_weights(self) -> dict[str, Array]:
        """Copies of parameters and statistics."""
        weights = {name: array.copy() for name, array in self._parameter_arrays().items()}
        for name, part in self.parts.items():
            if isinstance(part, BATCH_NORMS):
                weights |= {f"{name}/{key}": array for key, array in part.export_statistics().items()}
        return weights

    def load_weights(self, weights: Mapping[str, Array]) -> None:
        """Set parameters and statistics."""
        for name, (part, parameter) in self.parameters.items():
            part.parameters[parameter] = weights[name].astype(self.settings.dtype)
        for name, part in self.parts.items():
            if isinstance(part, BATCH_NORMS):
                part.load_statistics({key: weights[f"{name}/{key}"] for key in part.export_statistics()})

    def close(self) -> None:
        """Close the hosted layers."""
        for part in self.parts.values():
            if isinstance(part, BATCH_NORMS):
                part.close()

    def observe(self) -> Mapping[str, Observation]:
        """What can be seen of a network of NumPy arrays."""
        return {
            "device": Observation("cpu", "the parameters are numpy.ndarrays, which live in main memory"),
            "dtype": Observation(next(iter(self._parameter_arrays().values())).dtype.name, "dtype of the weights"),
            "style": Observation("eager", "Python calls that return computed values"),
        }


def nothing_after(named: NamedLayer) -> Part | None:
    """No further part: the network is as described."""
    return None


After = Callable[[NamedLayer], Part | None]


def numpy_network(
    configuration: TrainerConfiguration, build: Build, after: After = nothing_after
) -> NumpyNetwork | Unsupported:
    """Build the network itself; see :func:`hosted_trainer`."""
    if (reason := _refusal(configuration)) is not None:
        return reason
    parts: dict[str, Part] = {}
    for named in configuration.network.named_layers():
        part = _part(named, configuration, build)
        if isinstance(part, Unsupported):
            return part
        parts[named.name] = part
        if (further := after(named)) is not None:
            parts[f"after_{named.name}"] = further
    return NumpyNetwork(configuration, parts)


def hosted_trainer(
    configuration: TrainerConfiguration, build: Build, after: After = nothing_after
) -> Trainer | Unsupported:
    """Build the network around an implementation's layer.

    Args:
        configuration: which network, in which dtype.
        build: makes the implementation's layer.
        after: a further part behind a layer, for experiments with what a description cannot say; without parameters.

    Returns:
        The trainer, or why the layer cannot be built.
    """
    network = numpy_network(configuration, build, after)
    if isinstance(network, Unsupported):
        return network
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
    if named.batch_norm is None:
        plain: Part = PLAIN_LAYERS[type(named.layer)](named, configuration.dtype)
        return plain
    settings = configuration.layer_configuration(named.batch_norm, named.input_shape)
    layer, twin = build(settings), build(settings)
    if isinstance(layer, Unsupported) or isinstance(twin, Unsupported):
        return layer if isinstance(layer, Unsupported) else Unsupported("builds once, but not a second time")
    if isinstance(twin.training_step_with_gradients, Unsupported):
        return twin.training_step_with_gradients
    hosted = HostedBatchNorm(build, layer, twin, twin.training_step_with_gradients)
    return UnusedBatchNorm(hosted) if isinstance(named.layer, Unused) else hosted
