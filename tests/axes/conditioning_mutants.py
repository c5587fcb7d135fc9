"""Batch normalizations that treat values that are not finite, or unusual batches, in some way of their own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bn_impls.interface import Array, Configuration, Implementation, Layer, Unsupported
from bn_impls.numpy_reference import IMPLEMENTATION, BatchNorm, refusal


def implementation(kind: type[BatchNorm], dtype: str | None = None) -> Implementation:
    """An implementation around a class, in NumPy; ``dtype`` is that of parameters, statistics and arithmetic."""

    def build(configuration: Configuration) -> Layer | Unsupported:
        if (reason := refusal(configuration)) is not None:
            return reason
        layer = kind(replace(configuration, dtype=dtype or configuration.dtype))
        built = IMPLEMENTATION.build(configuration)
        assert isinstance(built, Layer)

        def narrow(array: Array) -> Array:
            return array.astype(configuration.dtype)

        def wide(array: Array) -> Array:
            return array.astype(dtype or configuration.dtype)

        def with_gradients(x: Array, dy: Array) -> tuple[Array, Array, Array | None, Array | None]:
            y = layer.forward(wide(x))
            dx, dgamma, dbeta = layer.backward(wide(dy))
            return narrow(y), narrow(dx), dgamma, dbeta

        return replace(
            built,
            inference=lambda x: narrow(layer.inference(wide(x))),
            training_step=lambda x: narrow(layer.forward(wide(x))),
            training_step_with_gradients=with_gradients,
            export_state=layer.export_state,
            load_state=layer.load_state,
        )

    return replace(IMPLEMENTATION, build=build)


class HidesNaN(BatchNorm):
    """Leaves what is not a number out of its statistics and puts 0 in its place."""

    def forward(self, x: Array, *, update: bool = True) -> Array:
        """As said."""
        return super().forward(np.where(np.isnan(x), x.dtype.type(0), x), update=update)


class SpreadsNaN(BatchNorm):
    """Checks its statistics with a sum over all channels, and adds what it finds."""

    def batch_statistics(self, x: Array) -> tuple[Array, Array]:
        """As said: one channel spoils all."""
        mean, variance = super().batch_statistics(x)
        return mean + 0 * variance.sum(), variance


class RefusesOne(BatchNorm):
    """Wants more than one value a channel."""

    def forward(self, x: Array, *, update: bool = True) -> Array:
        """As said."""
        if x.size // self.settings.channels < 2:
            raise ValueError("expected more than 1 value per channel")
        return super().forward(x, update=update)


class KeepsOnEmpty(BatchNorm):
    """Leaves its statistics alone when there is nothing to learn from."""

    def forward(self, x: Array, *, update: bool = True) -> Array:
        """As said."""
        y = super().forward(x, update=update and x.size > 0)
        self.num_updates += not x.size
        return y


HIDES_NAN = implementation(HidesNaN)
SPREADS_NAN = implementation(SpreadsNaN)
REFUSES_ONE = implementation(RefusesOne)
KEEPS_ON_EMPTY = implementation(KeepsOnEmpty)
FLOAT32_INSIDE = implementation(BatchNorm, "float32")
