"""Probe variants of the Keras 3 layer on PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keras
import torch

from bn_impls.interface import Configuration, Layer, Unsupported
from bn_impls.keras_torch_layer import build, built, layer_of, refusal

verbatim = forward_only = build
replicas = Unsupported("PyTorch replicates over processes and GPUs; there are no two devices in one CPU process")
replicas_synchronized = Unsupported("Keras on PyTorch refuses synchronized=True")


def _gradients(layer: Any, x: torch.Tensor, dy: torch.Tensor, training: bool) -> Any:
    """Output, gradient of the input, and those of gamma and beta that autograd is asked to record."""
    x = x.detach().requires_grad_()
    y = layer(x, training=training)
    parameters = [variable.value for variable in (layer.gamma, layer.beta)]
    dx, *found = torch.autograd.grad(y, (x, *(p for p in parameters if p.requires_grad)), dy)
    given = iter(found)
    return y, dx, *(next(given) if p.requires_grad else None for p in parameters)


def _changed(settings: Configuration, parts: Callable[[Any], dict[str, Any]]) -> Layer | Unsupported:
    """The layer with other callables, made of Keras' layer."""
    if reason := refusal(settings):
        return reason
    layer = built(settings)
    return replace(layer_of(settings, layer), **parts(layer))


def defaults(settings: Configuration) -> Layer | Unsupported:
    """Nothing given but the axis and the dtype."""

    def make(given: Configuration) -> Any:
        return keras.layers.BatchNormalization(axis=given.usual_axis, dtype=given.dtype)

    return refusal(settings) or layer_of(settings, built(settings, make))


def frozen(settings: Configuration) -> Layer | Unsupported:
    """``trainable = False``."""

    def parts(layer: Any) -> dict[str, Any]:
        layer.trainable = False
        return {"training_step_with_gradients": lambda x, dy: _gradients(layer, x, dy, training=True)}

    return _changed(settings, parts)


def evaluating(settings: Configuration) -> Layer | Unsupported:
    """``training=False``, and autograd all the same."""

    def parts(layer: Any) -> dict[str, Any]:
        return {
            "training_step": lambda x: layer(x, training=False),
            "training_step_with_gradients": lambda x, dy: _gradients(layer, x, dy, training=False),
        }

    return _changed(settings, parts)


def masked(settings: Configuration) -> Layer | Unsupported:
    """``mask`` beside the input."""

    def parts(layer: Any) -> dict[str, Any]:
        def training_step(x: torch.Tensor, mask: Any) -> torch.Tensor:
            wide = torch.tensor(mask).reshape(-1, *[1] * (x.ndim - 2)).expand(x.shape[:-1])
            found: torch.Tensor = layer(x, training=True, mask=wide)
            return found

        return {"training_step": training_step}

    return _changed(settings, parts)


def tensor_flag(settings: Configuration) -> Layer | Unsupported:
    """``training`` is a tensor."""

    def parts(layer: Any) -> dict[str, Any]:
        return {"training_step": lambda x, flag: layer(x, training=torch.tensor(bool(flag)))}

    return _changed(settings, parts)


def second_order(settings: Configuration) -> Layer | Unsupported:
    """``autograd.grad`` of ``autograd.grad``."""

    def parts(layer: Any) -> dict[str, Any]:
        def compute(x: torch.Tensor, dy: torch.Tensor, v: torch.Tensor) -> tuple[torch.Tensor, ...]:
            x, dy = x.detach().requires_grad_(), dy.detach().requires_grad_()
            (dx,) = torch.autograd.grad(layer(x, training=True), x, dy, create_graph=True)
            return dx, *torch.autograd.grad((v * dx).sum(), (x, dy))

        return {"training_step_with_gradients": compute}

    return _changed(settings, parts)


def inference_gradient(settings: Configuration) -> Layer | Unsupported:
    """A moving mean that asks for its gradient."""

    def parts(layer: Any) -> dict[str, Any]:
        def compute(x: torch.Tensor, dy: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
            x, mean = x.detach().requires_grad_(), layer.moving_mean.value.requires_grad_()
            try:
                y = layer(x, training=False)
                return y, *torch.autograd.grad(y, (x, mean), dy, allow_unused=True)
            finally:
                mean.requires_grad_(False)

        return {"training_step_with_gradients": compute}

    return _changed(settings, parts)
