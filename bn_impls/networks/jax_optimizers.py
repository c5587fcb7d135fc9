"""The optimizers of :mod:`bn_impls.networks.optimizers` as pure functions of trees of JAX arrays."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bn_impls.interface import Array
from bn_impls.networks.optimizers import SGD, Optimizer

Slots = dict[str, Any]  # slot -> a tree like the parameters


def updated(settings: Optimizer, rate: Any, parameters: Any, slots: Slots, gradients: Any) -> tuple[Any, Slots]:
    """One update, as a pure function.

    Args:
        settings: which optimizer.
        rate: the step's own rate, corrected for Adam (see :func:`rates`).
        parameters: a tree.
        slots: trees like it.
        gradients: a tree like it.

    Returns:
        The new parameters and slots.
    """
    if isinstance(settings, SGD):
        return jax.tree.map(lambda p, g: p - rate * g, parameters, gradients), slots
    first, second, epsilon = settings.beta_1, settings.beta_2, settings.epsilon
    m = jax.tree.map(lambda m, g: first * m + (1 - first) * g, slots["m"], gradients)
    v = jax.tree.map(lambda v, g: second * v + (1 - second) * g**2, slots["v"], gradients)
    moved = jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + epsilon), parameters, m, v)
    return moved, {"m": m, "v": v}


def rates(settings: Optimizer, done: int, steps: int, dtype: str) -> Array:
    """The rates of the next steps, corrected in float64: in float32, 1 - beta_2^t would lose five digits at t = 1."""
    numbers = range(done + 1, done + steps + 1)
    if isinstance(settings, SGD):
        return np.array([settings.rate for _ in numbers], dtype)
    corrected = [settings.rate * math.sqrt(1 - settings.beta_2**t) / (1 - settings.beta_1**t) for t in numbers]
    return np.array(corrected, dtype)
