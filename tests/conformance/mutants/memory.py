"""Mistakes in what is shared, kept, overwritten, saved and restored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bn_impls import canonical
from bn_impls.interface import Array, Configuration, Format
from bn_impls.numpy_reference import BatchNorm
from bn_impls.state import State
from tests.axes.batch_norm_mutants import implementation


class KeepsTheCallersArrays(BatchNorm):
    """Keeps the arrays that it was given, and moves them in place."""

    def load_state(self, state: State) -> None:
        """Without a copy."""
        self.gamma, self.beta, self.num_updates = state["gamma"], state["beta"], state["num_updates"]
        self.moving_mean, self.moving_variance = state["moving_mean"], state["moving_variance"]


class HandsItselfOut(BatchNorm):
    """Exports its own arrays, and moves them in place."""

    def export_state(self) -> State:
        """Without a copy."""
        return State(
            gamma=self.gamma, beta=self.beta, moving_mean=self.moving_mean, moving_variance=self.moving_variance,
            num_updates=self.num_updates,
        )  # fmt: skip

    def _update(self, mean: Array, variance: Array, count: int) -> None:
        mine = self.moving_mean, self.moving_variance
        super()._update(mean, variance, count)
        for array, new in zip(mine, (self.moving_mean, self.moving_variance), strict=True):
            array[...] = new
        self.moving_mean, self.moving_variance = mine


class OneBuffer(BatchNorm):
    """Writes every output into the same memory."""

    def _scaled(self, xhat: Array) -> Array:
        y = super()._scaled(xhat)
        if getattr(self, "buffer", None) is None or self.buffer.shape != y.shape:
            self.buffer = np.empty_like(y)
        self.buffer[...] = y
        return self.buffer


class CachesTheFactor(BatchNorm):
    """Computes gamma over the deviation of inference once."""

    def inference(self, x: Array) -> Array:
        """Right until the statistics change."""
        if getattr(self, "factor", None) is None:
            self.factor = self.gamma / np.sqrt(self.moving_variance + self.settings.epsilon)
        return (x - self._wide(self.moving_mean)) * self._wide(self.factor) + self._wide(self.beta)


class CentresInPlace(BatchNorm):
    """Subtracts the mean from its input in place."""

    def forward(self, x: Array, *, update: bool = True) -> Array:
        """Saves a copy, the caller's."""
        y = super().forward(x, update=update)
        x -= x.mean(axis=self.settings.reduction_axes, keepdims=True)
        return y


class SharedStatistics(BatchNorm):
    """Keeps the moving statistics in the class."""

    shared: dict[int, Array] = {}  # noqa: RUF012  # the mistake

    def __init__(self, configuration: Configuration) -> None:
        super().__init__(configuration)
        self.shared[configuration.channels] = self.moving_mean

    def _update(self, mean: Array, variance: Array, count: int) -> None:
        super()._update(mean, variance, count)
        self.shared[self.settings.channels] = self.moving_mean

    def load_state(self, state: State) -> None:
        """Sets them for all."""
        super().load_state(state)
        self.shared[self.settings.channels] = self.moving_mean

    def export_state(self) -> State:
        """Those of whoever wrote last."""
        own = super().export_state()
        own["moving_mean"] = self.shared[self.settings.channels].copy()
        return own


class CountsOnFromItsOwn(BatchNorm):
    """Sets everything but the counter."""

    def load_state(self, state: State) -> None:
        """As said."""
        own = self.num_updates
        super().load_state(state)
        self.num_updates = own


class AddsToTheLast(BatchNorm):
    """Adds each gradient of beta to the one before, as without zero_grad."""

    def backward(self, dy: Array) -> tuple[Array, Array | None, Array | None]:
        """As said."""
        dx, dgamma, dbeta = super().backward(dy)
        self.total = getattr(self, "total", 0) + dy.sum(axis=self.settings.reduction_axes)
        return dx, dgamma, None if dbeta is None else self.total


Change = Callable[[BatchNorm, dict[str, Any]], dict[str, Any]]


def saving(change: Change) -> Callable[[BatchNorm], Mapping[str, Format]]:
    """A checkpoint format that restores what ``change`` makes of the saved arrays."""

    def formats(layer: BatchNorm) -> Mapping[str, Format]:
        def restore(found: Mapping[str, Any]) -> None:
            state: Any = change(layer, dict(found))
            layer.load_state(state)

        return {"npz": canonical.npz_format(layer.export_state, restore)}  # type: ignore[arg-type]  # a State is a mapping

    return formats


def without(*names: str) -> Change:
    """Restore all but these, which stay as they are in the new layer."""
    return lambda layer, found: found | {name: getattr(layer, name) for name in names}


def another_count(layer: BatchNorm, found: dict[str, Any]) -> dict[str, Any]:
    """Restore a count that is neither the saved one nor a new layer's."""
    return found | {"num_updates": found["num_updates"] * 1000 + 7}


def rounded_mean(layer: BatchNorm, found: dict[str, Any]) -> dict[str, Any]:
    """Restore a moving mean that was saved as a sum, and divided again."""
    return found | {"moving_mean": found["moving_mean"] * found["moving_mean"].dtype.type(0.7) / 0.7}


def _trusting(layer: BatchNorm) -> Mapping[str, Format]:
    """A format that goes on with fresh values over whatever it cannot read."""
    good = canonical.npz_format(layer.export_state, layer.load_state)  # type: ignore[arg-type]  # a State is a mapping

    def restore(folder: Path) -> None:
        try:
            good.restore(folder)
        except Exception:  # the mistake
            return

    return {"npz": Format(good.save, restore)}


KEEPS_THE_CALLERS_ARRAYS = implementation(KeepsTheCallersArrays)
HANDS_ITSELF_OUT = implementation(HandsItselfOut)
ONE_BUFFER = implementation(OneBuffer)
CACHES_THE_FACTOR = implementation(CachesTheFactor)
CENTRES_IN_PLACE = implementation(CentresInPlace)
SHARED_STATISTICS = implementation(SharedStatistics)
COUNTS_ON_FROM_ITS_OWN = implementation(CountsOnFromItsOwn)
ADDS_TO_THE_LAST = implementation(AddsToTheLast)
SAVES_NO_COUNTER = implementation(BatchNorm, formats=saving(without("num_updates")))
SAVES_NO_STATISTICS = implementation(BatchNorm, formats=saving(without("moving_mean", "moving_variance")))
RESTORES_A_FRESH_GAMMA = implementation(BatchNorm, formats=saving(without("gamma")))
RESTORES_ANOTHER_COUNT = implementation(BatchNorm, formats=saving(another_count))
RESTORES_A_ROUNDED_MEAN = implementation(BatchNorm, formats=saving(rounded_mean))
TRUSTS_ANY_FILE = implementation(BatchNorm, formats=_trusting)
