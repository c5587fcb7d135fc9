"""Implementations with planted semantics, and a few wrong in ways that no field of the semantics describes.

Loaded by ``tests.explain.planted:NAME``, as anybody's own implementation is.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import numpy as np

from bn_impls.canonical import npz_format
from bn_impls.interface import Array, Configuration, Conventions, Implementation, Layer, Unsupported
from bn_impls.numpy_boundary import identity, no_wait, observe
from bn_impls.numpy_reference import refusal
from bn_impls.semantics.description import PLAIN, Semantics
from bn_impls.semantics.varied import VariedBatchNorm

USUAL = Conventions(ddof=0, initial_mean=0.0, initial_variance=1.0, warm_up=False, decay_in_float32=False)


def planted(
    semantics: Semantics = PLAIN, kind: type[VariedBatchNorm] = VariedBatchNorm, **variants: Semantics
) -> Implementation:
    """An implementation that says it is usual and computes by these semantics.

    Args:
        semantics: what it does.
        kind: the class that does it.
        variants: semantics of probe variants, by their names.
    """
    others = {name: _builder(given, kind) for name, given in variants.items()}
    return Implementation(conventions=USUAL, packages=("numpy",), build=_builder(semantics, kind), variants=others)


def _builder(semantics: Semantics, kind: type[VariedBatchNorm]) -> Any:
    def build(configuration: Configuration) -> Layer | Unsupported:
        if (reason := refusal(configuration)) is not None:
            return reason
        layer = kind(configuration, semantics)

        def with_gradients(x: Array, dy: Array) -> tuple[Array, Array, Array | None, Array | None]:
            return layer.forward(x), *layer.backward(dy)

        return Layer(
            configuration=configuration, inference=layer.inference, training_step=layer.forward,
            training_step_with_gradients=with_gradients, to_native=lambda array: np.array(array, configuration.dtype),
            to_numpy=identity, synchronize=no_wait, export_state=layer.export_state, load_state=layer.load_state,
            observe=observe, formats={"npz": npz_format(layer.export_state, layer.load_state)},
        )  # fmt: skip

    return build


class OnePercentMore(VariedBatchNorm):
    """Averages 1.01 times the variance: nothing that anybody means, and no field describes it."""

    def _update(self, mean: Array, variance: Array) -> None:
        super()._update(mean, variance * variance.dtype.type(1.01))


class Crashing(VariedBatchNorm):
    """Ends its process in the first training call."""

    def forward(self, x: Array) -> Array:
        """As said."""
        os._exit(7)


class Raising(VariedBatchNorm):
    """Raises in inference."""

    def inference(self, x: Array) -> Array:
        """As said."""
        raise ArithmeticError("the inference of this layer is not for you")


class Hanging(VariedBatchNorm):
    """Never answers."""

    def forward(self, x: Array) -> Array:
        """As said."""
        import time

        time.sleep(3600)
        return x


def _without_gradients(layer: Layer | Unsupported) -> Layer | Unsupported:
    """As an inference engine, which has a training mode and no gradients."""
    none: Any = Unsupported("this engine computes no gradients")
    return layer if isinstance(layer, Unsupported) else replace(layer, training_step_with_gradients=none)


PLAIN_ONE = planted()
UNBIASED = planted(Semantics(moving_ddof=1))
TWO_CAUSES = planted(Semantics(moving_ddof=1, decay=0.8))
ONE_PERCENT_MORE = planted(kind=OnePercentMore)
CRASHING = planted(kind=Crashing)
RAISING = planted(kind=Raising)
HANGING = planted(kind=Hanging)
LIKE_KERAS = planted(defaults=Semantics(epsilon=1e-3, decay=0.99))
LIKE_TORCH = planted(defaults=Semantics(epsilon=1e-5, decay=0.9, moving_ddof=1))
WITHOUT_GRADIENTS = replace(PLAIN_ONE, build=lambda configuration: _without_gradients(UNBIASED.build(configuration)))
SINGLE_ONLY = replace(
    PLAIN_ONE,
    build=lambda configuration: PLAIN_ONE.build(configuration)
    if configuration.dtype == "float32" else Unsupported("only float32 is offered"),
)  # fmt: skip
