"""Probe variants of the Flax module."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from bn_impls import flax_layer as own
from bn_impls import jax_boundary as boundary
from bn_impls.interface import Configuration, Layer, Unsupported
from bn_impls.jax_layer import HeldState, layer_of

replicas = Unsupported(
    "jax.vmap and jax.pmap give back each replica's statistics side by side; which to keep is the caller's choice"
)
frozen = Unsupported("nnx modules have no switch that freezes: what is not given to the optimizer stays")


def _held(settings: Configuration, make: Callable[[Configuration], nnx.BatchNorm] = own.batch_norm) -> Any:
    return boundary.refusal(settings.device, settings.style, settings.dtype) or HeldState(
        settings, lambda given: own.FlaxLayer(given, make)
    )


def _layer(held: HeldState, **parts: Any) -> Layer:
    """The implementation's layer around a state, with other callables."""
    return replace(layer_of(held), **parts)


def _offered(settings: Configuration, make: Callable[[Configuration], nnx.BatchNorm]) -> Layer | Unsupported:
    held = _held(settings, make)
    return held if isinstance(held, Unsupported) else _layer(held)


def defaults(settings: Configuration) -> Layer | Unsupported:
    """Nothing given but the number of channels, their axis and the dtypes."""
    return _offered(
        settings,
        lambda s: nnx.BatchNorm(s.channels, axis=s.channel_axis, dtype=s.dtype, param_dtype=s.dtype, rngs=nnx.Rngs(0)),
    )


def verbatim(settings: Configuration) -> Layer | Unsupported:
    """The configured decay as ``momentum``, and the module's own start values."""
    return _offered(
        settings,
        lambda s: nnx.BatchNorm(
            s.channels, axis=s.channel_axis, momentum=s.decay, epsilon=s.epsilon, dtype=s.dtype, param_dtype=s.dtype,
            rngs=nnx.Rngs(0),
        ),
    )  # fmt: skip


def forward_only(settings: Configuration) -> Layer | Unsupported:
    """The pure function's output, its new statistics dropped."""
    held = _held(settings)
    if isinstance(held, Unsupported):
        return held
    forward = boundary.styled(held.pure.forward, settings.style)
    return _layer(held, training_step=lambda x: forward(held.parameters, held.statistics, x)[0])


def evaluating(settings: Configuration) -> Layer | Unsupported:
    """``use_running_average=True`` under ``jax.vjp``."""
    held = _held(settings)
    if isinstance(held, Unsupported):
        return held

    def compute(parameters: nnx.State, statistics: nnx.State, x: jax.Array, dy: jax.Array) -> tuple[Any, ...]:
        y, pull_back = jax.vjp(lambda p, x: held.pure.inference(p, statistics, x), parameters, x)
        for_parameters, dx = pull_back(dy)
        return y, dx, *(for_parameters[name].get_value() for name in own.PARAMETERS)

    built, styled = layer_of(held), boundary.styled(compute, settings.style)
    return replace(
        built,
        training_step=built.inference,
        training_step_with_gradients=lambda *given: styled(held.parameters, held.statistics, *given),
    )


def _called(settings: Configuration, call: Callable[..., Any]) -> Layer | Unsupported:
    """A training step of the input and one more argument; ``call`` takes the module and both."""
    held = _held(settings)
    if isinstance(held, Unsupported):
        return held

    def forward(parameters: nnx.State, statistics: nnx.State, x: jax.Array, more: jax.Array) -> Any:
        layer = nnx.merge(held.pure.structure, parameters, statistics, copy=True)
        return call(layer, x, more), nnx.state(layer, nnx.BatchStat)

    styled = boundary.styled(forward, settings.style)

    def training_step(x: jax.Array, more: Any) -> jax.Array:
        y, held.statistics = styled(held.parameters, held.statistics, x, jnp.asarray(more))
        return y

    return _layer(held, training_step=training_step)


def masked(settings: Configuration) -> Layer | Unsupported:
    """``mask`` beside the input."""

    def call(layer: nnx.BatchNorm, x: jax.Array, mask: jax.Array) -> jax.Array:
        wide = jnp.broadcast_to(mask.reshape(-1, *[1] * (x.ndim - 1)), x.shape)
        return layer(x, use_running_average=False, mask=wide)

    return _called(settings, call)


def tensor_flag(settings: Configuration) -> Layer | Unsupported:
    """``use_running_average`` is an array."""
    return _called(settings, lambda layer, x, flag: layer(x, use_running_average=jnp.logical_not(flag)))


def second_order(settings: Configuration) -> Layer | Unsupported:
    """A gradient of a gradient."""
    held = _held(settings)
    if isinstance(held, Unsupported):
        return held

    def compute(parameters: nnx.State, statistics: nnx.State, x: Any, dy: Any, v: Any) -> tuple[jax.Array, ...]:
        def input_gradient(x: jax.Array, dy: jax.Array) -> jax.Array:
            _, pull_back = jax.vjp(lambda x: held.pure.forward(parameters, statistics, x)[0], x)
            return pull_back(dy)[0]

        dx, pull_back = jax.vjp(input_gradient, x, dy)
        return dx, *pull_back(v)

    styled = boundary.styled(compute, settings.style)
    return _layer(held, training_step_with_gradients=lambda *given: styled(held.parameters, held.statistics, *given))


def inference_gradient(settings: Configuration) -> Layer | Unsupported:
    """A gradient for the statistics beside the input."""
    held = _held(settings)
    if isinstance(held, Unsupported):
        return held

    def compute(parameters: nnx.State, statistics: nnx.State, x: Any, dy: Any) -> tuple[jax.Array, ...]:
        y, pull_back = jax.vjp(lambda s, x: held.pure.inference(parameters, s, x), statistics, x)
        for_statistics, dx = pull_back(dy)
        return y, dx, for_statistics["mean"].get_value()

    styled = boundary.styled(compute, settings.style)
    return _layer(held, training_step_with_gradients=lambda *given: styled(held.parameters, held.statistics, *given))


def replicas_synchronized(settings: Configuration) -> Layer | Unsupported:
    """Halves of the batch under ``jax.vmap``, with the module's ``axis_name``."""

    def make(given: Configuration) -> nnx.BatchNorm:
        layer = own.batch_norm(given)
        layer.axis_name = "replica"
        return layer

    held = _held(settings, make)
    if isinstance(held, Unsupported):
        return held
    forward, infer = (
        boundary.styled(jax.vmap(function, in_axes=(None, 0, 0), axis_name="replica"), settings.style)
        for function in (held.pure.forward, held.pure.inference)
    )
    copies: list[Any] = []  # of the statistics, side by side; empty while all replicas have the layer's

    def given() -> Any:
        return copies[0] if copies else jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), held.statistics)

    def training_step(x: jax.Array) -> jax.Array:
        y, moved = forward(held.parameters, given(), x.reshape(2, -1, *x.shape[1:]))
        copies[:] = [moved]
        held.statistics = jax.tree.map(lambda leaf: leaf[0], moved)
        return y.reshape(x.shape)

    def inference(x: jax.Array) -> jax.Array:
        return infer(held.parameters, given(), x.reshape(2, -1, *x.shape[1:])).reshape(x.shape)

    def load(state: Any) -> None:
        copies.clear()
        held.load(state)

    return _layer(held, training_step=training_step, inference=inference, load_state=load)
