"""A ``torch.nn.Module`` as its user wrote it: built from the number of features, switched by its mode.

It is held to PyTorch's conventions: channels second, ``momentum`` the weight of the new value, a moving variance of
batch variances divided by n - 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from bn_impls import torch_boundary as boundary
from bn_impls import torch_layer
from bn_impls.errors import BadSpecification
from bn_impls.interface import Configuration, Implementation, Layer, Unsupported
from bn_impls.plain.settings import Plain, as_it_is, complement, named
from bn_impls.state import CHANNEL_ARRAYS, State

ALIASES = {
    "gamma": ("weight", "gamma"),
    "beta": ("bias", "beta"),
    "moving_mean": ("running_mean", "moving_mean"),
    "moving_variance": ("running_var", "running_variance", "moving_var", "moving_variance"),
}
SETTINGS = {
    "decay": {"momentum": complement, "decay": as_it_is},
    "epsilon": {"eps": as_it_is, "epsilon": as_it_is},
}
RANKS = {2: (6, 4), 3: (6, 4, 5), 4: (6, 4, 3, 2), 5: (6, 4, 3, 2, 2)}
COUNTER = torch_layer.COUNTER


@dataclass
class Module:
    """A module, and where it keeps its state."""

    layer: nn.Module
    names: Mapping[str, str]
    updates: int = 0

    def tensor(self, ours: str) -> torch.Tensor:
        """The tensor of now: a module may put a new one in its place."""
        tensor: torch.Tensor = getattr(self.layer, self.names[ours])
        return tensor

    def inference(self, x: torch.Tensor) -> torch.Tensor:
        """Output in evaluation mode."""
        with torch.no_grad():  # what a module keeps in inference mode could not be trained on
            return self.layer.eval()(x)

    def training_step(self, x: torch.Tensor) -> torch.Tensor:
        """Output in training mode."""
        self.updates += 1
        return self.layer.train()(x)

    def with_gradients(self, x: torch.Tensor, dy: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The same, and the gradients of input, gamma and beta."""
        self.updates += 1
        parameters = [self.tensor("gamma"), self.tensor("beta")]
        y, dx, *found = torch_layer.training_step(self.layer.train(), parameters, x, dy)
        return y, dx, *(gradient.flatten() for gradient in found)

    def export(self) -> State:
        """The canonical state."""
        arrays: Any = {ours: boundary.array_of(self.tensor(ours)).reshape(-1) for ours in CHANNEL_ARRAYS}
        counted = getattr(self.layer, COUNTER, None)
        state: Any = {**arrays, "num_updates": self.updates if counted is None else int(counted)}
        return cast(State, state)

    def load(self, state: Mapping[str, Any]) -> None:
        """Set it."""
        with torch.no_grad():
            for ours in CHANNEL_ARRAYS:
                tensor = self.tensor(ours)
                tensor.copy_(torch.from_numpy(np.array(state[ours])).reshape(tensor.shape))
            self._count(int(state["num_updates"]))

    def _count(self, updates: int) -> None:
        self.updates = updates
        if (counted := getattr(self.layer, COUNTER, None)) is not None:
            counted.fill_(updates)

    def state_dict(self) -> dict[str, torch.Tensor]:
        """The module's own, with the count where it keeps none: one that it does not need is no mistake."""
        return {COUNTER: torch.tensor(self.updates), **self.layer.state_dict()}

    def load_state_dict(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Set what that holds, as ``load_state_dict`` of the module does, and the count."""
        own = set(self.layer.state_dict())
        self.layer.load_state_dict({name: tensor for name, tensor in tensors.items() if name in own})
        self._count(int(tensors[COUNTER]))


def implementation(target: str, made: type, given: Mapping[str, float]) -> Implementation:
    """An implementation around a class of modules; arguments and errors as in ``implementation_of``."""
    plain = Plain(target, made, SETTINGS, given, first=lambda channels: (channels,))
    trial = plain.built(4, {"decay": 0.9, "epsilon": 1e-3} | dict(given))
    names = named(target, trial, ALIASES)
    refused = {rank: reason for rank, shape in RANKS.items() if (reason := _refused(trial, shape)) is not None}
    if len(refused) == len(RANKS):
        raise BadSpecification(
            f"{target} raises for inputs (N, C), (N, C, L), (N, C, H, W) and (N, C, D, H, W) in evaluation mode; "
            f"the second: {refused[3]}"
        )

    def build(settings: Configuration) -> Layer | Unsupported:
        rank = len(settings.input_shape)
        reason = boundary.refusal(settings.device, settings.style, settings.dtype) or plain.refusal(settings)
        if reason is not None:
            return reason
        if settings.conventions != torch_layer.OWN:
            return Unsupported(f"a plain module is tested with PyTorch's conventions, {torch_layer.OWN}")
        if rank in refused or rank not in RANKS:
            return Unsupported(f"it takes no input of rank {rank}: {refused.get(rank, 'not tried')}")
        if not settings.epsilon > 0:
            return Unsupported("a plain module is tested with an epsilon above 0, as PyTorch asks for")
        wanted = {"decay": settings.decay, "epsilon": settings.epsilon}
        layer = plain.built(settings.channels, wanted)
        return _layer(settings, Module(_placed(layer, settings, names), names))

    return Implementation(conventions=torch_layer.OWN, packages=("torch", "numpy"), build=build)


def _refused(layer: nn.Module, shape: tuple[int, ...]) -> str | None:
    try:
        with torch.no_grad():
            layer.eval()(torch.ones(shape))
    except Exception as error:  # somebody else's code may raise anything; that it does is the answer
        return f"{type(error).__name__}: {str(error)[:200]}"
    return None


def _placed(layer: nn.Module, settings: Configuration, names: Mapping[str, str]) -> nn.Module:
    layer = layer.to(boundary.placed(settings.device), boundary.TORCH_DTYPES[settings.dtype])
    for name in names.values():
        tensor = getattr(layer, name)
        if name not in layer._parameters and name not in layer._buffers:  # a bare attribute, which `to` does not see
            setattr(layer, name, tensor.to(boundary.placed(settings.device), boundary.TORCH_DTYPES[settings.dtype]))
    return layer


def _layer(settings: Configuration, module: Module) -> Layer:
    with_gradients: Any = module.with_gradients
    return Layer(
        configuration=settings,
        inference=module.inference,
        training_step=module.training_step,
        training_step_with_gradients=with_gradients,
        to_native=boundary.to_native(settings.device, settings.dtype, settings.layout),
        to_numpy=boundary.to_numpy(settings.layout),
        synchronize=boundary.synchronize,
        export_state=module.export,
        load_state=module.load,
        observe=boundary.observe,
        formats=boundary.formats(module.state_dict, module.load_state_dict),
    )
