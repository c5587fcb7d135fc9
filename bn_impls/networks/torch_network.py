"""The PyTorch builder: a network of modules around an implementation's layer, trained by a loop in Python.

Inside, images have their channels second; their memory keeps them last. Names and layouts of the description appear
at export and import only. In style ``graph`` the loss and its gradients are compiled; the optimizer's update is a few
calls over all weights in either style.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from bn_impls import torch_boundary as boundary
from bn_impls.exports import onnx_export
from bn_impls.interface import (
    Array,
    Configuration,
    Format,
    Observation,
    Statistics,
    Trainer,
    TrainerConfiguration,
    Unsupported,
)
from bn_impls.networks.description import (
    Activation,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    MaxPool,
    NamedLayer,
    Unused,
    swapped_costs,
)
from bn_impls.networks.torch_exports import onnx_writer
from bn_impls.networks.torch_optimizers import TorchOptimizer

MakeBatchNorm = Callable[[Configuration], nn.Module]
Masks = Mapping[str, torch.Tensor]
ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "elu": nn.ELU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}
PARAMETERS = {"kernel": "weight", "bias": "bias", "gamma": "weight", "beta": "bias"}
STATISTICS = {"moving_mean": "running_mean", "moving_variance": "running_var", "num_updates": "num_batches_tracked"}


class FlattenChannelsLast(nn.Module):
    """Flatten in the order of the description, channels last."""

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        """(n, channels, ...) -> (n, product)."""
        return h.movedim(1, h.ndim - 1).flatten(1)  # torch.onnx.export takes no negative place


class TorchNetwork(nn.Module):
    """Modules in order by the description's names; batch normalization is whatever was handed in."""

    def __init__(self, settings: TrainerConfiguration, make_batch_norm: MakeBatchNorm) -> None:
        super().__init__()
        self.named, self.loss_name = tuple(settings.network.named_layers()), settings.network.loss
        self.parts = nn.ModuleDict()
        for named in self.named:
            if not isinstance(named.layer, Dropout):
                self.parts[named.name] = _module(named, settings, make_batch_norm)

    def forward(self, h: torch.Tensor, masks: Masks) -> torch.Tensor:
        """Logits; dropout layers multiply by their masks, and do nothing without one."""
        for named in self.named:
            match named.layer:
                case Dropout():
                    h = h * masks[named.name] if named.name in masks else h
                case Unused():
                    self.parts[named.name](h)
                case _:
                    h = self.parts[named.name](h)
        return h

    def loss(self, x: torch.Tensor, labels: torch.Tensor, masks: Masks) -> torch.Tensor:
        """The network's loss, a mean over the batch."""
        logits = self(x, masks)
        if self.loss_name == "cross_entropy":
            return functional.cross_entropy(logits, labels)
        right, wrong = swapped_costs()
        chosen = functional.softmax(logits, dim=1).gather(1, labels[:, None])
        return (wrong - (wrong - right) * chosen).mean()


def _module(named: NamedLayer, settings: TrainerConfiguration, make_batch_norm: MakeBatchNorm) -> nn.Module:
    common: dict[str, Any] = {
        "dtype": boundary.TORCH_DTYPES[settings.dtype],
        "device": boundary.placed(settings.device),
    }
    match named.layer:
        case Dense(units=units):
            return nn.Linear(named.input_shape[0], units, **common)
        case Conv(filters=filters, size=size):
            convolution = nn.Conv2d(named.input_shape[-1], filters, size, padding="same", **common)
            return convolution.to(memory_format=torch.channels_last)
        case MaxPool(size=size):
            return nn.MaxPool2d(size)
        case Flatten():
            return FlattenChannelsLast()
        case Activation(function=function):
            return ACTIVATIONS[function]()
        case (BatchNorm() as norm) | Unused(layer=norm):
            return make_batch_norm(settings.layer_configuration(norm, named.input_shape))
    raise TypeError(f"{named.name} is a {type(named.layer).__name__}, which this builder does not know")


def _as_described(tensor: torch.Tensor) -> torch.Tensor:
    """A view in the description's layout: (inputs, units) of a dense kernel, (size, size, inputs, filters) of a map."""
    match tensor.ndim:
        case 2:
            return tensor.t()
        case 4:
            return tensor.permute(2, 3, 1, 0)
        case _:
            return tensor


class Training:
    """A network, its optimizer, its data, and the calls over them."""

    def __init__(self, settings: TrainerConfiguration, make_batch_norm: MakeBatchNorm) -> None:
        """Build network and optimizer."""
        self.settings, self.device = settings, boundary.placed(settings.device)
        self.dtype = boundary.TORCH_DTYPES[settings.dtype]
        self.network = TorchNetwork(settings, make_batch_norm).train()
        self.weights = {
            name: getattr(self.network.parts[name.split("/")[0]], PARAMETERS[name.split("/")[1]])
            for name in settings.network.parameter_shapes()
        }
        self.statistics = {
            f"{named.name}/{ours}": getattr(self.network.parts[named.name], theirs)
            for named in self.network.named
            if named.batch_norm is not None
            for ours, theirs in STATISTICS.items()
        }
        self.optimizer = TorchOptimizer(settings.optimizer, self.weights)
        self.loss: Callable[..., torch.Tensor] = boundary.styled(self.network.loss, settings.style)

    def load_data(self, inputs: Array, labels: Array) -> None:
        """Put the data set on the device."""
        self.inputs = torch.tensor(inputs, dtype=self.dtype, device=self.device)
        self.labels = torch.tensor(labels, dtype=torch.int64, device=self.device)

    def train(self, indices: Array, masks: Mapping[str, Array]) -> Array:
        """Run one step for each row of indices; Python waits for the device once, for the losses."""
        rows = torch.tensor(indices, dtype=torch.int64, device=self.device)
        native = {name: self._channels_second(self._tensor(mask), 2) for name, mask in masks.items()}
        steps = range(len(rows))
        losses = [self._step(rows[step], {name: mask[step] for name, mask in native.items()}) for step in steps]
        return boundary.array_of(torch.stack(losses))

    def _step(self, rows: torch.Tensor, masks: Masks) -> torch.Tensor:
        x = self._channels_second(self.inputs[rows], 1)
        loss = self.loss(x, self.labels[rows], masks)
        self.optimizer.apply(self._gradients(loss))
        return loss.detach()

    def _gradients(self, loss: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Of every weight; 0 for those of a batch normalization that nobody reads."""
        return torch.autograd.grad(loss, tuple(self.weights.values()), materialize_grads=True)

    def _tensor(self, array: Array) -> torch.Tensor:
        return torch.tensor(array, dtype=self.dtype, device=self.device)

    def _channels_second(self, tensor: torch.Tensor, place: int) -> torch.Tensor:
        return tensor.movedim(-1, place) if tensor.ndim > place + 1 else tensor

    def predict(self, inputs: Array, statistics: Statistics) -> Array:
        """Logits, with dropout off."""
        x = self._channels_second(self._tensor(inputs), 1)
        with torch.no_grad(), self._kept_statistics():
            self.network.train(statistics == "batch")
            try:
                return boundary.array_of(self.network(x, {}))
            finally:
                self.network.train()

    @contextmanager
    def _kept_statistics(self) -> Iterator[None]:
        """Whatever is called inside, the moving statistics are afterwards what they were."""
        kept = {name: tensor.clone() for name, tensor in self.statistics.items()}
        try:
            yield
        finally:
            with torch.no_grad():
                for name, tensor in self.statistics.items():
                    tensor.copy_(kept[name])

    def export_weights(self) -> dict[str, Array]:
        """Copies of weights and statistics."""
        tensors = self.weights | self.statistics
        return {name: boundary.array_of(_as_described(tensor)) for name, tensor in tensors.items()}

    def load_weights(self, weights: Mapping[str, Array]) -> None:
        """Set weights and statistics."""
        with torch.no_grad():
            for name, tensor in (self.weights | self.statistics).items():
                _as_described(tensor).copy_(torch.from_numpy(weights[name]))

    def export_optimizer(self) -> dict[str, Array]:
        """Copies of slots and step."""
        return {name: boundary.array_of(_as_described(t)) for name, t in self.optimizer.state().items()}

    def load_optimizer(self, arrays: Mapping[str, Array]) -> None:
        """Set slots and step."""
        for name, tensor in self.optimizer.state().items():
            _as_described(tensor).copy_(torch.from_numpy(arrays[name]))

    def tensors(self) -> dict[str, torch.Tensor]:
        """What a checkpoint holds: the network's state dict and the optimizer's."""
        network = {f"network.{name}": tensor for name, tensor in self.network.state_dict().items()}
        return network | {f"optimizer.{name}": tensor for name, tensor in self.optimizer.state().items()}

    def load_tensors(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Set all of it, or the part that is given."""
        own = self.tensors()
        for name, tensor in tensors.items():
            own[name].copy_(tensor)

    def partial_formats(self) -> dict[str, Format]:
        """``state_dict()`` without the optimizer's; and parameters alone, which leaves the buffers out."""
        parts = {
            "network": lambda: {n: t for n, t in self.tensors().items() if n.startswith("network.")},
            "parameters": lambda: {f"network.{name}": tensor for name, tensor in self.network.named_parameters()},
        }
        made = {part: boundary.formats(export, self._load_part) for part, export in parts.items()}
        return {f"state-dict:{part}": formats["state-dict"] for part, formats in made.items()}

    def _load_part(self, tensors: Mapping[str, torch.Tensor]) -> None:
        with torch.no_grad():
            self.load_tensors(tensors)

    def observe(self) -> Mapping[str, Observation]:
        """Look at a weight, and at the loss and its gradients, which change no weight."""
        weight = next(iter(self.weights.values()))
        size = self.settings.batch_size
        x, labels = self._channels_second(self.inputs[:size], 1), self.labels[:size]
        masks = {
            name: self._channels_second(self._tensor(np.ones((size, *shape))), 1)
            for name, shape in self.settings.network.dropout_shapes().items()
        }

        def gradients() -> Any:
            return self._gradients(self.loss(x, labels, masks))

        with self._kept_statistics():
            gradients()  # compiles, where it must
            _, style = boundary.watch(gradients)
        evidence = f"loss and gradients: {style.evidence}"
        return boundary.labels_of(weight, "a weight") | {"style": Observation(style.observed, evidence)}


def torch_trainer(configuration: TrainerConfiguration, make_batch_norm: MakeBatchNorm) -> Trainer | Unsupported:
    """Build the network around an implementation's layer.

    Args:
        configuration: which network, optimizer and conventions.
        make_batch_norm: makes the layer, a module that takes the channels second, normalizes by its mode, and has the
            attributes ``weight``, ``bias``, ``running_mean``, ``running_var`` and ``num_batches_tracked``.

    Returns:
        The trainer, or why there is none.
    """
    if reason := boundary.refusal(configuration.device, configuration.style, configuration.dtype):
        return reason
    training = Training(configuration, make_batch_norm)
    return Trainer(
        configuration=configuration,
        load_data=training.load_data,
        train=training.train,
        predict=training.predict,
        export_weights=training.export_weights,
        load_weights=training.load_weights,
        export_optimizer=training.export_optimizer,
        load_optimizer=training.load_optimizer,
        observe=training.observe,
        formats=boundary.formats(training.tensors, training.load_tensors),
        partial_formats=training.partial_formats(),
        exports={"onnx": onnx_export(onnx_writer(training.network, configuration.network.input_shape, training.dtype))},
    )
