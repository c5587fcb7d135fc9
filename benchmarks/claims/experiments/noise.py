"""Noise after batch normalization that brings the drift of distributions back: its mean and scale change every step.

Santurkar et al. (2018), "How does batch normalization help optimization?", section 2.1 and appendix A: each activation
of each example is scaled and shifted at random, and the distribution that scale and shift come from is drawn anew at
every step.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bn_impls.interface import Array
from bn_impls.networks.description import BatchNorm, NamedLayer
from bn_impls.networks.numpy_layers import Context

SHIFT, SCALE = 1.25, 1.25
"""The mean shift of a step is uniform in +-SHIFT, its mean scale uniform in 1 to SCALE, for each unit. The paper shifts
by up to 0.5; 1.25 lets medians wander about as far as they do without batch normalization."""
SPREAD = 0.1
"""Each example's shift and scale lie around those of the step: uniform in +-SPREAD, and normal with this deviation."""


def draw(generator: np.random.Generator, x: Array) -> tuple[Array, Array]:
    """Scale and shift of one step for a batch, each (n, units), in its dtype."""
    units = x.shape[1:]
    shift = generator.uniform(-SHIFT, SHIFT, units) + generator.uniform(-SPREAD, SPREAD, x.shape)
    scale = generator.uniform(1, SCALE, units) + generator.normal(0, SPREAD, x.shape)
    return scale.astype(x.dtype), shift.astype(x.dtype)


class Noise:
    """``y = scale x + shift`` in training, nothing in prediction."""

    def __init__(self, seed: int, name: str) -> None:
        """Draw from a stream of the seed and the layer's number alone."""
        self.generator = np.random.default_rng((seed, 3, int(name.rpartition("_")[2])))
        self.parameters: dict[str, Array] = {}
        self.gradients: dict[str, Array] = {}

    def forward(self, x: Array, context: Context) -> Array:
        """(n, units) -> (n, units)."""
        if not context.training:
            return x
        self.scale, shift = draw(self.generator, x)
        return np.asarray(self.scale * x + shift)

    def backward(self, dy: Array) -> Array:
        """The noise is a constant."""
        return np.asarray(self.scale * dy)


def noise_after(seed: int) -> Callable[[NamedLayer], Noise | None]:
    """What stands behind each layer of a network: noise behind batch normalization, nothing behind the others."""
    return lambda named: Noise(seed, named.name) if isinstance(named.layer, BatchNorm) else None
