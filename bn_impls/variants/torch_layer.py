"""Probe variants of the PyTorch modules."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from bn_impls import torch_boundary as boundary
from bn_impls import torch_layer as own
from bn_impls.interface import Configuration, Layer, Unsupported

masked = Unsupported("torch.nn.BatchNorm takes no mask")
tensor_flag = Unsupported("the mode is an attribute of the module, not an argument of the call")
replicas = Unsupported("PyTorch replicates over processes and GPUs; there are no two devices in one CPU process")
replicas_synchronized = Unsupported("torch.nn.SyncBatchNorm computes on GPUs only")


def _around(settings: Configuration, layer: nn.Module, differentiate: Callable[..., Any] | None = None) -> Layer:
    """The layer of the interface around a module."""
    evaluating = copy.copy(layer).eval()

    def gradients(x: torch.Tensor, dy: torch.Tensor) -> Any:
        x = x.detach().requires_grad_()
        y = layer(x)
        parameters = [p for p in (layer.weight, layer.bias) if p.requires_grad]
        dx, *found = torch.autograd.grad(y, (x, *parameters), dy)
        given = iter(found)
        return y, dx, *(next(given) if p.requires_grad else None for p in (layer.weight, layer.bias))

    return Layer(
        configuration=settings,
        inference=lambda x: own.inference(evaluating, x),
        training_step=layer,
        training_step_with_gradients=differentiate or gradients,
        to_native=boundary.to_native(settings.device, settings.dtype, settings.layout),
        to_numpy=boundary.to_numpy(settings.layout),
        synchronize=boundary.synchronize,
        export_state=lambda: own.export(layer, settings),
        load_state=lambda state: own.load(layer, settings, state),
        observe=boundary.observe,
        formats=boundary.formats(layer.state_dict, layer.load_state_dict),
    )


def _refused(settings: Configuration) -> Unsupported | None:
    return boundary.refusal(settings.device, "eager", settings.dtype)


def defaults(settings: Configuration) -> Layer | Unsupported:
    """Nothing given but the number of channels and the dtype."""
    module = own.MODULES[len(settings.input_shape)]
    return _refused(settings) or _around(
        settings, module(settings.channels, dtype=boundary.TORCH_DTYPES[settings.dtype])
    )


def verbatim(settings: Configuration) -> Layer | Unsupported:
    """The configured decay as ``momentum``."""
    return _refused(settings) or _around(settings, own.batch_norm(replace(settings, decay=1 - settings.decay)))


def forward_only(settings: Configuration) -> Layer | Unsupported:
    """The module's own call, which updates by itself."""
    return _refused(settings) or _around(settings, own.started(settings))


def frozen(settings: Configuration) -> Layer | Unsupported:
    """``requires_grad_(False)``, as parameters are frozen; the mode stays training."""
    return _refused(settings) or _around(settings, own.started(settings).requires_grad_(False))


def evaluating(settings: Configuration) -> Layer | Unsupported:
    """``eval()``, and autograd all the same."""
    return _refused(settings) or _around(settings, own.started(settings).eval())


def second_order(settings: Configuration) -> Layer | Unsupported:
    """``autograd.grad`` of ``autograd.grad``."""
    if reason := _refused(settings):
        return reason
    if settings.style == "graph":
        return Unsupported("torch.compile does not support a backward pass through a backward pass; eager does")
    layer = own.started(settings)

    def compute(x: torch.Tensor, dy: torch.Tensor, v: torch.Tensor) -> tuple[torch.Tensor, ...]:
        x, dy = x.detach().requires_grad_(), dy.detach().requires_grad_()
        (dx,) = torch.autograd.grad(layer(x), x, dy, create_graph=True)
        return dx, *torch.autograd.grad((v * dx).sum(), (x, dy))

    return _around(settings, layer, compute)


def inference_gradient(settings: Configuration) -> Layer | Unsupported:
    """A moving mean that asks for its gradient."""
    if reason := _refused(settings):
        return reason
    layer = own.started(settings)

    def compute(x: torch.Tensor, dy: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        evaluating = copy.copy(layer).eval()
        evaluating._buffers = {**layer._buffers, "running_mean": layer.running_mean.detach().clone().requires_grad_()}
        x = x.detach().requires_grad_()
        y = evaluating(x)
        return y, *torch.autograd.grad(y, (x, evaluating.running_mean), dy, allow_unused=True)

    return _around(settings, layer, compute)
