"""The PyTorch modules ``nn.BatchNorm1d``, ``2d`` and ``3d``: create, switch with ``train()`` and ``eval()``, call.

What its user must remember:

- ``momentum`` is the weight of the *new* value: 0.1 here is what other libraries call 0.9.
- The moving variance averages batch variances divided by n - 1 (one value a channel is refused in training), while the
  output is normalized by the one divided by n.
- The mode is the module's, not the call's: forget ``model.eval()``, and inference normalizes by the batch and learns.
- Channels come second. Channels-last data is permuted, not copied: its strides are the ``channels_last`` memory format.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from bn_impls import torch_boundary as boundary
from bn_impls.interface import (
    Configuration,
    Conventions,
    Implementation,
    Layer,
    Trainer,
    TrainerConfiguration,
    Unsupported,
)
from bn_impls.networks.torch_network import torch_trainer
from bn_impls.state import State
from bn_impls.unbuilt import unbuilt_layer
from bn_impls.variants import found_in

MODULES = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}
LAZY = {2: nn.LazyBatchNorm1d, 3: nn.LazyBatchNorm1d, 4: nn.LazyBatchNorm2d, 5: nn.LazyBatchNorm3d}


def batch_norm(settings: Configuration) -> nn.Module:
    """The module as PyTorch's users write it, in training mode."""
    layer = MODULES[len(settings.input_shape)](
        settings.channels,
        eps=settings.epsilon,
        momentum=1 - settings.decay,
        affine=settings.center or settings.scale,
        bias=settings.center,
        dtype=boundary.TORCH_DTYPES[settings.parameter_dtype],
        device=boundary.placed(settings.device),
    )
    if settings.center and not settings.scale:
        layer.register_parameter("weight", None)  # there is a switch for the bias, but none for the weight
    return layer


def training_step(
    layer: nn.Module, parameters: Sequence[torch.Tensor], x: torch.Tensor, dy: torch.Tensor
) -> tuple[torch.Tensor, ...]:
    """Output, and the gradients of input and parameters; autograd records what ``layer(x)`` does."""
    x = x.detach().requires_grad_()
    y = layer(x)
    return y, *torch.autograd.grad(y, (x, *parameters), dy)


def inference(layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Output of a module in evaluation mode; nothing is recorded."""
    with torch.inference_mode():
        return layer(x)


# ---- the adapter ----------------------------------------------------------------------------------------------------

OWN = Conventions(ddof=1, initial_mean=0.0, initial_variance=1.0, warm_up=False, decay_in_float32=False)


def _refusal(conventions: Conventions) -> Unsupported | None:
    if not conventions.ddof:
        return Unsupported("torch.nn.BatchNorm divides the moving variance by n - 1; ddof 0 is not offered")
    if conventions.warm_up:
        return Unsupported("torch.nn.BatchNorm keeps its momentum constant; warm-up is not offered")
    mean, variance = conventions.initial_mean, conventions.initial_variance
    if conventions != replace(OWN, initial_mean=mean, initial_variance=variance):
        return Unsupported("torch.nn.BatchNorm applies its momentum as given, not rounded to float32")
    return None


def export(layer: nn.Module, settings: Configuration) -> State:
    """The canonical state of a module."""
    ones, zeros = (np.full(settings.channels, value, settings.parameter_dtype) for value in (1, 0))
    statistics = [layer.running_mean, layer.running_var, layer.num_batches_tracked]
    mean, variance, updates = [boundary.array_of(tensor) for tensor in statistics if tensor is not None]
    return State(
        gamma=boundary.array_of(layer.weight) if settings.scale else ones,
        beta=boundary.array_of(layer.bias) if settings.center else zeros,
        moving_mean=mean,
        moving_variance=variance,
        num_updates=int(updates),
    )


def load(layer: nn.Module, settings: Configuration, state: State) -> None:
    """Set the canonical state of a module."""
    found: dict[str, Any] = {**state, "num_updates": np.array(state["num_updates"])}
    own = layer.state_dict()
    for name, tensor in own.items():
        array = found[NAMES[name]]
        tensor.copy_(torch.from_numpy(array if name == COUNTER else array.astype(settings.parameter_dtype)))


COUNTER = "num_batches_tracked"
NAMES: dict[str, Any] = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
    COUNTER: "num_updates",
}


def started(settings: Configuration) -> nn.Module:
    """The module, with the moving statistics where the conventions say."""
    layer = batch_norm(settings)
    statistics = layer.state_dict()  # these tensors are the module's own
    statistics["running_mean"].fill_(settings.conventions.initial_mean)
    statistics["running_var"].fill_(settings.conventions.initial_variance)
    return layer


def build(configuration: Configuration) -> Layer | Unsupported:
    """Build a layer."""
    reason = boundary.refusal(configuration.device, configuration.style, configuration.dtype, boundary.LAYER_DTYPES)
    if reason or (reason := _refusal(configuration.conventions)):
        return reason
    if len(configuration.input_shape) not in MODULES:
        return Unsupported(f"torch.nn.BatchNorm takes inputs of rank 2 to 5, not {len(configuration.input_shape)}")
    if not configuration.epsilon > 0:
        return Unsupported("torch.nn.BatchNorm refuses to train with epsilon 0; it needs one above 0")
    return layer_of(configuration, started(configuration))


def layer_of(configuration: Configuration, layer: nn.Module) -> Layer:
    """The layer of the interface around a module."""
    evaluating = copy.copy(layer).eval()  # shares parameters and statistics; only the mode is its own
    training, infers = (boundary.styled(module, configuration.style) for module in (layer, evaluating))
    gradients: Any = partial(training_step, training, tuple(layer.parameters()))

    def without_gamma(x: torch.Tensor, dy: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        y, dx, *dbeta = gradients(x, dy)
        return y, dx, None, *(dbeta or [None])

    def without_beta(x: torch.Tensor, dy: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        return *gradients(x, dy), None

    by_parts: dict[tuple[bool, bool], Any] = {(True, True): gradients, (True, False): without_beta}
    return Layer(
        configuration=configuration,
        inference=partial(inference, infers),
        training_step=training,
        training_step_with_gradients=by_parts.get((configuration.scale, configuration.center), without_gamma),
        to_native=boundary.to_native(configuration.device, configuration.dtype, configuration.layout),
        to_numpy=boundary.to_numpy(configuration.layout),
        synchronize=boundary.synchronize,
        export_state=lambda: export(layer, configuration),
        load_state=lambda state: load(layer, configuration, state),
        observe=boundary.observe,
        formats=boundary.formats(layer.state_dict, layer.load_state_dict),
    )


def unbuilt(configuration: Configuration) -> Layer | Unsupported:
    """A lazy module: it takes its shape from the state dict, and becomes an ordinary one at the first call."""

    def restore(chosen: str) -> Callable[[Path], Layer]:
        def from_folder(directory: Path) -> Layer:
            dtype = boundary.TORCH_DTYPES[configuration.dtype]
            lazy = LAZY[len(configuration.input_shape)](
                eps=configuration.epsilon, momentum=1 - configuration.decay, dtype=dtype
            )
            boundary.formats(started(configuration).state_dict, lazy.load_state_dict)[chosen].restore(directory)
            example = np.zeros(configuration.input_shape)
            lazy.eval()(boundary.to_native(configuration.device, configuration.dtype, configuration.layout)(example))
            return layer_of(configuration, lazy.train())

        return from_folder

    return unbuilt_layer(build(configuration), {name: restore(name) for name in ("state-dict", "torch-pt")})


def build_trainer(configuration: TrainerConfiguration) -> Trainer | Unsupported:
    """Build a network of PyTorch modules around :func:`batch_norm`."""
    if reason := _refusal(configuration.conventions):
        return reason
    return torch_trainer(configuration, started)


IMPLEMENTATION = Implementation(
    conventions=OWN,
    packages=("torch", "safetensors", "numpy"),
    build=build,
    build_trainer=build_trainer,
    narrow_statistics=False,
    variants=found_in("bn_impls.variants.torch_layer"),
    unbuilt=unbuilt,
)
