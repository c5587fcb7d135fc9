"""What the probe variants of layers on JAX share: each is another pure function of the layer's values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp

from bn_impls import jax_boundary as boundary
from bn_impls.interface import Configuration, Layer, Unsupported
from bn_impls.jax_layer import HeldState, PureLayer, layer_of

Make = Callable[[Configuration], PureLayer]
AXIS = "replica"
SIDE_BY_SIDE = Unsupported(
    "jax.vmap and jax.pmap give back each replica's statistics side by side; which to keep is the caller's choice"
)


@dataclass(frozen=True)
class Family:
    """The variants of one layer that every layer on JAX has in the same form.

    Attributes:
        make: the layer.
        refusal: why a configuration cannot be built, or None.
    """

    make: Make
    refusal: Callable[[Configuration], Unsupported | None] = lambda settings: None

    def held(self, settings: Configuration, make: Make | None = None) -> HeldState | Unsupported:
        """The layer's values, or why there are none."""
        reason = boundary.refusal(settings.device, settings.style, settings.dtype) or self.refusal(settings)
        return reason or HeldState(settings, make or self.make)

    def offered(self, settings: Configuration, make: Make | None = None) -> Layer | Unsupported:
        """The layer, or one that is made otherwise."""
        held = self.held(settings, make)
        return held if isinstance(held, Unsupported) else layer_of(held)

    def forward_only(self, settings: Configuration) -> Layer | Unsupported:
        """The pure function's output, its new statistics dropped."""
        held = self.held(settings)
        if isinstance(held, Unsupported):
            return held
        forward = boundary.styled(held.pure.forward, settings.style)
        return replace(layer_of(held), training_step=lambda x: forward(held.parameters, held.statistics, x)[0])

    def evaluating(self, settings: Configuration) -> Layer | Unsupported:
        """The function of inference under ``jax.vjp``."""
        held = self.held(settings)
        if isinstance(held, Unsupported):
            return held

        def compute(parameters: Any, statistics: Any, x: jax.Array, dy: jax.Array) -> tuple[Any, ...]:
            y, pull_back = jax.vjp(lambda p, x: held.pure.inference(p, statistics, x), parameters, x)
            for_parameters, dx = pull_back(dy)
            named = held.layer.named_parameters(for_parameters)
            return y, dx, *(named.get(name) for name in ("gamma", "beta"))

        return replace(_differentiated(held, compute), training_step=layer_of(held).inference)

    def second_order(self, settings: Configuration) -> Layer | Unsupported:
        """A gradient of a gradient."""
        held = self.held(settings)
        if isinstance(held, Unsupported):
            return held

        def compute(parameters: Any, statistics: Any, x: Any, dy: Any, v: Any) -> tuple[jax.Array, ...]:
            def input_gradient(x: jax.Array, dy: jax.Array) -> jax.Array:
                _, pull_back = jax.vjp(lambda x: held.pure.forward(parameters, statistics, x)[0], x)
                found: jax.Array = pull_back(dy)[0]
                return found

            dx, pull_back = jax.vjp(input_gradient, x, dy)
            return dx, *pull_back(v)

        return _differentiated(held, compute)

    def inference_gradient(self, settings: Configuration) -> Layer | Unsupported:
        """A gradient for the statistics beside the input."""
        held = self.held(settings)
        if isinstance(held, Unsupported):
            return held

        def compute(parameters: Any, statistics: Any, x: Any, dy: Any) -> tuple[jax.Array, ...]:
            y, pull_back = jax.vjp(lambda s, x: held.pure.inference(parameters, s, x), statistics, x)
            for_statistics, dx = pull_back(dy)
            return y, dx, held.layer.named_statistics(for_statistics)["moving_mean"]

        return _differentiated(held, compute)

    def called(self, settings: Configuration, call: Callable[..., Any]) -> Layer | Unsupported:
        """A training step of the input and one more argument.

        Args:
            settings: of the layer.
            call: (pure functions, parameters, statistics, x, one more array) -> (y, new statistics).
        """
        held = self.held(settings)
        if isinstance(held, Unsupported):
            return held
        styled = boundary.styled(lambda *given: call(held.pure, *given), settings.style)

        def training_step(*given: Any) -> Any:
            x, more = given
            y, held.statistics = styled(held.parameters, held.statistics, x, jnp.asarray(more))
            return y

        return replace(layer_of(held), training_step=training_step)

    def on_replicas(self, settings: Configuration, make: Make) -> Layer | Unsupported:
        """Halves of each batch under ``jax.vmap``; the layer is made to know the axis :data:`AXIS`."""
        held = self.held(settings, make)
        if isinstance(held, Unsupported):
            return held
        forward, infer = (
            boundary.styled(jax.vmap(function, in_axes=(None, 0, 0), axis_name=AXIS), settings.style)
            for function in (held.pure.forward, held.pure.inference)
        )
        copies: list[Any] = []  # of the statistics, side by side; empty while all replicas have the layer's

        def given() -> Any:
            return copies[0] if copies else jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), held.statistics)

        def training_step(x: jax.Array) -> Any:
            y, moved = forward(held.parameters, given(), x.reshape(2, -1, *x.shape[1:]))
            copies[:] = [moved]
            held.statistics = jax.tree.map(lambda leaf: leaf[0], moved)
            return y.reshape(x.shape)

        def inference(x: jax.Array) -> Any:
            return infer(held.parameters, given(), x.reshape(2, -1, *x.shape[1:])).reshape(x.shape)

        def load(state: Any) -> None:
            copies.clear()
            held.load(state)

        return replace(layer_of(held), training_step=training_step, inference=inference, load_state=load)


def _differentiated(held: HeldState, compute: Callable[..., Any]) -> Layer:
    """The layer with another call with gradients, a pure function of parameters, statistics and the call's arrays."""
    styled = boundary.styled(compute, held.settings.style)
    return replace(
        layer_of(held),
        training_step_with_gradients=lambda *given: styled(held.parameters, held.statistics, *given),
    )


def rows_of(mask: jax.Array, x: jax.Array, axes: int) -> jax.Array:
    """A mask (batch,) in the shape of the input's first ``axes`` axes."""
    wide: jax.Array = jnp.broadcast_to(mask.reshape(-1, *[1] * (axes - 1)), x.shape[:axes])
    return wide
