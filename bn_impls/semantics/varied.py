"""Batch normalization by any :class:`Semantics`, in NumPy: the reference with one or more choices changed.

With every field at its default this computes what :class:`bn_impls.numpy_reference.BatchNorm` does, and a test holds
the two together. It is written for changing, not for reading: the equations stand in the reference.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from bn_impls.interface import Configuration
from bn_impls.semantics.description import PLAIN, Semantics
from bn_impls.state import State

Array = npt.NDArray[Any]


class VariedBatchNorm:
    """One layer whose every choice can be changed."""

    def __init__(self, configuration: Configuration, semantics: Semantics = PLAIN) -> None:
        """Start with gamma 1, beta 0 and the moving statistics of configuration and semantics.

        Args:
            configuration: shapes, dtype and what the semantics leave open.
            semantics: what to do otherwise.
        """
        self.settings, self.semantics = configuration, semantics
        given = configuration.conventions
        self.epsilon = configuration.epsilon if semantics.epsilon is None else semantics.epsilon
        self.decay = configuration.decay if semantics.decay is None else semantics.decay
        self.ddof = given.ddof if semantics.moving_ddof is None else semantics.moving_ddof
        self.dtype = semantics.compute_dtype or configuration.dtype
        self.moving_dtype = semantics.moving_dtype or configuration.dtype
        mean = given.initial_mean if semantics.initial_mean is None else semantics.initial_mean
        variance = given.initial_variance if semantics.initial_variance is None else semantics.initial_variance
        self.axes = _reduced(configuration, semantics)
        shape = configuration.input_shape
        self.statistics_shape = tuple(1 if axis in self.axes else size for axis, size in enumerate(shape))
        self.gamma = np.ones(configuration.channels, configuration.dtype)
        self.beta = np.zeros(configuration.channels, configuration.dtype)
        self.moving_mean = np.full(self.statistics_shape, mean, self.moving_dtype)
        self.moving_variance = np.full(self.statistics_shape, variance, self.moving_dtype)
        self.num_updates = 0

    def inference(self, x: Array) -> Array:
        """Normalize by the moving statistics, or as the semantics say."""
        if self.semantics.inference_updates:
            self._update(*self._moments(x))
        if self.semantics.inference_uses == "batch":
            return self._normalized(x, *self._moments(x))[0]
        return self._normalized(x, *self._read())[0]

    def forward(self, x: Array) -> Array:
        """Normalize by the batch and move the statistics, or as the semantics say."""
        mean, variance = self._moments(x)
        before = self._read()
        for _ in range(self.semantics.updates):
            self._update(mean, variance)
        used = {"batch": (mean, variance), "before": before, "after": self._read()}[self.semantics.training_uses]
        y, self.xhat, self.inverse = self._normalized(x, *used)
        self.x, self.mean = x, used[0]
        return y

    def backward(self, dy: Array) -> tuple[Array, Array, Array]:
        """Gradients of input, gamma and beta for the last ``forward``."""
        chosen, wide = self.semantics, self._wide
        dtype = self.settings.dtype
        dy, xhat = dy.astype(self.dtype), self.xhat
        of = {"normalized": xhat, "centered": self.x - self.mean, "input": self.x}[chosen.gamma_gradient_of]
        reduced = self.settings.reduction_axes
        dbeta, dgamma = dy.sum(axis=reduced), (dy * of).sum(axis=reduced)
        count = self._count()
        inner = dy * wide(self._scale()) if chosen.gamma_in_gradient else dy
        dx = inner
        if chosen.training_uses == "batch":  # moving statistics are constants anyway
            if chosen.constant not in ("mean", "both"):
                dx = dx - inner.sum(axis=self.axes, keepdims=True) / max(count - chosen.gradient_ddof, 1)
            if chosen.constant not in ("variance", "both"):
                divisor = max(count - max(chosen.normalizing_ddof, chosen.gradient_ddof), 1)
                dx = dx - xhat * ((inner * xhat).sum(axis=self.axes, keepdims=True) / divisor)
        dx = dx * self.inverse
        if chosen.parameter_gradients == "mean":
            rows = math.prod(self.settings.input_shape[axis] for axis in reduced)
            dbeta, dgamma = dbeta / rows, dgamma / rows
        if chosen.swapped:
            dgamma, dbeta = dbeta, dgamma
        return dx.astype(dtype), dgamma.astype(dtype), dbeta.astype(dtype)

    def per_channel(self, statistic: Array) -> Array:
        """A statistic in the shape (C,), or its own where a channel has several."""
        return statistic.reshape(-1) if statistic.size == self.settings.channels else statistic

    def export_state(self) -> State:
        """Copies of everything that the layer remembers."""
        return State(
            gamma=self.gamma.copy(),
            beta=self.beta.copy(),
            moving_mean=self.per_channel(self.moving_mean).copy(),
            moving_variance=self.per_channel(self.moving_variance).copy(),
            num_updates=self.num_updates,
        )

    def load_state(self, state: State) -> None:
        """Set everything that the layer remembers; a statistic of every element takes its channel's value."""
        dtype = self.settings.dtype
        self.gamma, self.beta = state["gamma"].astype(dtype), state["beta"].astype(dtype)
        for name in ("moving_mean", "moving_variance"):
            given: Array = state[name]
            spread = given.reshape(-1) if self.semantics.axes == "configured" else given.reshape(-1)[: given.size]
            shape = self.statistics_shape
            fitting = spread.reshape(shape) if spread.size == math.prod(shape) else self._wide(spread)
            setattr(self, name, np.broadcast_to(fitting, shape).astype(self.moving_dtype))
        self.num_updates = state["num_updates"]

    def _wide(self, per_channel: Array) -> Array:
        return per_channel.reshape(self.settings.parameter_shape).astype(self.dtype)

    def _count(self) -> int:
        return math.prod(self.settings.input_shape[axis] for axis in self.axes)

    def _moments(self, x: Array) -> tuple[Array, Array]:
        """Mean and variance as they normalize, with axes kept."""
        x = x.astype(self.dtype)
        mean = x.mean(axis=self.axes, keepdims=True, dtype=self.dtype)
        if self.semantics.variance == "two_pass":
            variance = np.square(x - mean).mean(axis=self.axes, keepdims=True, dtype=self.dtype)
        else:
            variance = np.square(x).mean(axis=self.axes, keepdims=True, dtype=self.dtype) - np.square(mean)
        if self.semantics.variance == "one_pass_clamped":
            variance = np.maximum(variance, 0)
        count = self._count()
        if self.semantics.normalizing_ddof:
            variance = variance * self.dtype_of(count / (count - 1) if count > 1 else math.nan)
        return mean, variance

    def dtype_of(self, value: float) -> Any:
        """A scalar in the dtype of the computation."""
        return np.dtype(self.dtype).type(value)

    def _update(self, mean: Array, variance: Array) -> None:
        chosen, count, given = self.semantics, self._count(), self.settings.conventions
        correction = 1.0
        if self.ddof != chosen.normalizing_ddof:
            ratio = count / (count - 1) if count > 1 else math.nan
            correction = ratio if self.ddof else 1 / ratio
        new_variance = variance * self.dtype_of(correction)
        if chosen.moving_of == "deviation":
            new_variance = np.sqrt(new_variance)
        old_weight = self._old_weight(given)
        for name, new in (("moving_mean", mean), ("moving_variance", new_variance)):
            old = getattr(self, name)
            kept, moved = np.dtype(self.moving_dtype).type(old_weight), np.dtype(self.moving_dtype).type(1 - old_weight)
            setattr(self, name, (kept * old + moved * new.astype(self.moving_dtype)).astype(self.moving_dtype))
        self.num_updates += 1

    def _old_weight(self, given: Any) -> float:
        chosen = self.semantics
        if chosen.warm_up == "replace" and self.num_updates == 0:
            return 0.0
        counted = max(self.num_updates + chosen.first_update, 0)
        if chosen.warm_up is None:
            weight = given.decay_of(self.decay, counted)
        elif chosen.warm_up == "count":
            weight = min(self.decay, (1 + counted) / (10 + counted))
        else:
            weight = self.decay
        return float(weight if chosen.decay_weighs == "old" else 1 - weight)

    def _read(self) -> tuple[Array, Array]:
        """The moving statistics as they are used."""
        mean, variance = self.moving_mean, self.moving_variance
        if self.semantics.warm_up == "debias" and self.num_updates:
            share = 1 - self.decay**self.num_updates
            mean, variance = mean / share, variance / share
        if self.semantics.moving_of == "deviation":
            variance = np.square(variance)
        return mean.astype(self.dtype), variance.astype(self.dtype)

    def _scale(self) -> Array:
        gamma = self.beta if self.semantics.swapped else self.gamma
        if self.semantics.gamma == "ignored" or not self.settings.scale:
            return np.ones_like(gamma)
        return gamma + 1 if self.semantics.gamma == "plus_one" else gamma

    def _offset(self) -> Array:
        beta = self.gamma if self.semantics.swapped else self.beta
        ignored = self.semantics.beta == "ignored" or not self.settings.center
        return np.zeros_like(beta) if ignored else beta

    def _normalized(self, x: Array, mean: Array, variance: Array) -> tuple[Array, Array, Array]:
        """Output, xhat and 1 / s."""
        epsilon = self.dtype_of(self.epsilon)
        match self.semantics.epsilon_place:
            case "inside":
                inverse = 1 / np.sqrt(variance + epsilon)
            case "outside":
                inverse = 1 / (np.sqrt(variance) + epsilon)
            case "maximum":
                inverse = 1 / np.sqrt(np.maximum(variance, epsilon))
            case "none":
                inverse = 1 / np.sqrt(variance)
        xhat = (x.astype(self.dtype) - mean) * inverse
        y = xhat * self._wide(self._scale()) + self._wide(self._offset())
        return y.astype(self.settings.dtype), xhat, inverse


def _reduced(configuration: Configuration, semantics: Semantics) -> tuple[int, ...]:
    rank = len(configuration.input_shape)
    if semantics.axes == "elementwise":
        return (0,)
    kept = {"configured": configuration.channel_axis, "last": rank - 1, "second": 1}[semantics.axes]
    return tuple(axis for axis in range(rank) if axis != kept)
