"""The calls of a layer on JAX: pure functions of parameters and statistics, and one assignment of what they return."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import jax

from bn_impls import jax_boundary as boundary
from bn_impls.interface import Style


class Pure(Protocol):
    """A batch normalization as functions of its values."""

    def inference(self, parameters: Any, statistics: Any, x: jax.Array) -> jax.Array:
        """Output by the moving statistics."""

    def forward(self, parameters: Any, statistics: Any, x: jax.Array) -> tuple[jax.Array, Any]:
        """Output by the batch's statistics, and the new moving ones."""

    def gradients(self, parameters: Any, statistics: Any, x: jax.Array, dy: jax.Array) -> Any:
        """(output, gradient of the input, gradients of gamma and beta), and the new moving statistics."""


class Held(Protocol):
    """What is kept between calls."""

    parameters: Any
    statistics: Any
    updates: int


def callables(
    held: Held, pure: Pure, style: Style
) -> tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]:
    """Inference, training step and training step with gradients.

    Args:
        held: read by every call; its statistics and count are set by training calls.
        pure: what is called.
        style: how.
    """
    infers, forward, gradients = (
        boundary.styled(function, style) for function in (pure.inference, pure.forward, pure.gradients)
    )

    def inference(x: jax.Array) -> Any:
        return infers(held.parameters, held.statistics, x)

    def training_step(x: jax.Array) -> Any:
        y, held.statistics = forward(held.parameters, held.statistics, x)
        held.updates += 1
        return y

    def with_gradients(x: jax.Array, dy: jax.Array) -> Any:
        results, held.statistics = gradients(held.parameters, held.statistics, x, dy)
        held.updates += 1
        return results

    return inference, training_step, with_gradients
