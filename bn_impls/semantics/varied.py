"""Batch normalization by any :class:`Semantics`, in NumPy: the reference with one or more choices changed.

With every field at its default this computes what :class:`bn_impls.numpy_reference.BatchNorm` does, and a test holds
the two together. It is written for changing, not for reading: the equations stand in the reference. The
module is long because every choice is made in one class.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from bn_impls.accuracy.dtypes import SIXTEEN_BITS
from bn_impls.errors import BadConfiguration, BadState
from bn_impls.interface import Configuration
from bn_impls.semantics.description import PLAIN, Semantics
from bn_impls.state import State

Array = npt.NDArray[Any]
QUIET = np.errstate(invalid="ignore", divide="ignore")  # NaN and infinity are what some semantics give


class VariedBatchNorm:
    """One layer whose every choice can be changed."""

    def __init__(self, configuration: Configuration, semantics: Semantics = PLAIN) -> None:
        """Start with gamma 1, beta 0 and the moving statistics of configuration and semantics.

        Args:
            configuration: shapes, dtype and what the semantics leave open.
            semantics: what to do otherwise.

        Raises:
            BadConfiguration: the axis that the semantics take for the channels' has another size, or NumPy has no
                such dtype.
        """
        self.settings, self.semantics = configuration, semantics.resolved(configuration)
        self.conventions = self.semantics.conventions()
        chosen = self.semantics
        self.dtype = _known_dtype(chosen.compute_dtype or configuration.dtype)
        self.moving_dtype = _known_dtype(chosen.moving_dtype or configuration.dtype)
        sums = chosen.accumulation_dtype or chosen.compute_dtype
        self.sum_dtype = None if sums is None else _known_dtype(sums)
        self.inference_dtype = _known_dtype(chosen.inference_dtype or self.dtype.name)
        self.gradient_dtype = _known_dtype(chosen.gradient_dtype or self.dtype.name)
        narrow = configuration.dtype in SIXTEEN_BITS  # whose parameters may be wider
        self.parameter_dtype = self.gradient_dtype if narrow else _known_dtype(configuration.dtype)
        self.channel_axis = _channel_axis(configuration, chosen)
        shape = configuration.input_shape
        every = tuple(range(len(shape)))
        self.parameter_axes = tuple(axis for axis in every if axis != self.channel_axis)
        self.axes = (0,) if chosen.axes == "elementwise" else self.parameter_axes
        self.statistics_shape = tuple(1 if axis in self.axes else size for axis, size in enumerate(shape))
        self.gamma = np.ones(configuration.channels, configuration.dtype)
        self.beta = np.zeros(configuration.channels, configuration.dtype)
        self.moving_mean = np.full(self.statistics_shape, chosen.initial_mean, self.moving_dtype)
        self.moving_variance = np.full(self.statistics_shape, chosen.initial_variance, self.moving_dtype)
        self.num_updates = 0

    @QUIET
    def inference(self, x: Array) -> Array:
        """Normalize by the moving statistics, or as the semantics say."""
        if self.semantics.inference_updates:
            self._update(*self._moments(x))
        of_batch = self.semantics.inference_uses == "batch"
        used = self._moments(x) if of_batch else self.read_statistics()
        return self._normalized(x, *used, self.inference_dtype, of_batch=of_batch)[0]

    @QUIET
    def forward(self, x: Array) -> Array:
        """Normalize by the batch and move the statistics, or as the semantics say."""
        mean, variance = self._moments(x)
        before = self.read_statistics()
        for _ in range(self.semantics.updates):
            self._update(mean, variance)
        choices = {"batch": (mean, variance), "before": before, "after": self.read_statistics()}
        used, of_batch = choices[self.semantics.training_uses], self.semantics.training_uses == "batch"
        y, *of_output = self._normalized(x, *used, self.dtype, of_batch=of_batch)
        kept = (array.astype(self.gradient_dtype) for array in (y, *of_output, x, *used))
        self.y, self.xhat, self.inverse, self.x, self.mean, self.variance = kept
        return y

    @QUIET
    def backward(self, dy: Array) -> tuple[Array, Array | None, Array | None]:
        """Gradients of input, gamma and beta for the last ``forward``; None for a parameter that is off."""
        dy, settings = dy.astype(self.gradient_dtype), self.settings
        dgamma, dbeta = self._parameter_gradients(dy)
        return (
            self._input_gradient(dy).astype(settings.dtype),
            dgamma.astype(self.parameter_dtype) if settings.scale else None,
            dbeta.astype(self.parameter_dtype) if settings.center else None,
        )

    def _sum(self, terms: Array, axes: tuple[int, ...], *, keepdims: bool = False) -> Array:
        """A sum in the gradients, wide where these alone are narrow."""
        wide = self.sum_dtype if self.semantics.gradient_dtype else None
        total: Array = terms.sum(axis=axes, keepdims=keepdims, dtype=wide)
        return total.astype(self.gradient_dtype)

    def _parameter_gradients(self, dy: Array) -> tuple[Array, Array]:
        chosen, reduced = self.semantics, self.parameter_axes
        of = {"normalized": self.xhat, "centered": self.x - self.mean, "input": self.x, "output": self.y}[
            chosen.gamma_gradient_of
        ]
        of_scale = self._sum(dy * of, reduced) * self.gradient_dtype.type(chosen.gamma != "ignored")
        if chosen.gamma == "absolute":
            of_scale = of_scale * np.sign(self.beta if chosen.swapped else self.gamma).reshape(of_scale.shape)
        of_offset = self._sum(dy, reduced) * self.gradient_dtype.type(chosen.beta != "ignored")
        if chosen.parameter_gradients == "mean":
            rows = self._count(reduced)
            of_scale, of_offset = of_scale / rows, of_offset / rows
        return (of_offset, of_scale) if chosen.swapped else (of_scale, of_offset)

    def _input_gradient(self, dy: Array) -> Array:
        chosen, count = self.semantics, self._count(self.axes)
        inner: Array = dy * self._wide(self._scale(), self.gradient_dtype) if chosen.gamma_in_gradient else dy
        dx = inner
        if chosen.training_uses == "batch":  # moving statistics are constants
            if chosen.constant not in ("mean", "both"):
                dx = dx - self._sum(inner, self.axes, keepdims=True) / max(count - chosen.gradient_ddof, 1)
            if chosen.constant not in ("variance", "both"):
                through = self._sum(inner * self.xhat, self.axes, keepdims=True)
                through = through / max(count - chosen.gradient_ddof, 1)
                dx = dx - self.xhat * (through if chosen.gradient == "usual" else through * self._variance_share())
        found: Array = dx * self.inverse
        return found

    def _variance_share(self) -> Array:
        """d(1 / s)/dv of the layer's own s, over that of sqrt(v + epsilon), with v the variance over n."""
        chosen, count = self.semantics, self._count(self.axes)
        unbiased = count / max(count - 1, 1) if chosen.normalizing_ddof else 1
        share: Array = np.ones_like(self.variance) * self.gradient_dtype.type(unbiased)
        if chosen.epsilon_place == "outside":  # s = sqrt(v) + e: ds/dv = 1 / (2 sqrt(v)), not 1 / (2 s)
            outside: Array = share / (np.sqrt(self.variance) * self.inverse)
            return outside
        if chosen.epsilon_place == "maximum":  # constant below epsilon
            share = share * (self.variance >= self.gradient_dtype.type(chosen.epsilon))
        return share

    def per_channel(self, statistic: Array) -> Array:
        """A statistic in the shape (C,), or in that of one example where every element has its own."""
        if self.semantics.axes == "elementwise":
            return statistic.reshape(self.settings.input_shape[1:])
        return statistic.reshape(-1)

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
        """Set everything that the layer remembers; a statistic of every element takes its channel's value.

        Raises:
            BadState: a statistic is neither of the shape (C,) nor of the one that :meth:`export_state` gives.
        """
        statistics = {name: self._spread(name, state[name]) for name in ("moving_mean", "moving_variance")}
        dtype = self.settings.dtype
        self.gamma, self.beta = state["gamma"].astype(dtype), state["beta"].astype(dtype)
        self.moving_mean, self.moving_variance = statistics["moving_mean"], statistics["moving_variance"]
        self.num_updates = state["num_updates"]

    def _spread(self, name: str, given: Array) -> Array:
        channels, own = (self.settings.channels,), self.per_channel(np.empty(self.statistics_shape)).shape
        if given.shape not in (channels, own):
            raise BadState(f"{name} has shape {given.shape}, but should be {channels} or {own} [load_state]")
        wide = given.reshape(self.statistics_shape) if given.shape == own else self._wide(given)
        return np.broadcast_to(wide, self.statistics_shape).astype(self.moving_dtype)

    def _wide(self, per_channel: Array, dtype: np.dtype[Any] | None = None) -> Array:
        shape = [1] * len(self.settings.input_shape)
        shape[self.channel_axis] = self.settings.channels
        return per_channel.reshape(shape).astype(dtype or self.dtype)

    def _count(self, axes: tuple[int, ...]) -> int:
        return math.prod(self.settings.input_shape[axis] for axis in axes)

    def _moments(self, x: Array) -> tuple[Array, Array]:
        """Mean and variance as they normalize, with axes kept."""
        x = x.astype(self.dtype)
        mean = self._average(x)
        if self.semantics.variance == "two_pass":
            variance = self._average(np.square(x - mean))
        else:
            variance = self._average(np.square(x)) - np.square(mean)
        if self.semantics.variance == "one_pass_clamped":
            variance = np.maximum(variance, 0)
        if self.semantics.normalizing_ddof:
            variance = variance * self.dtype.type(self._unbiased())
        return mean, variance

    def _average(self, terms: Array) -> Array:
        if self.semantics.sums == "in_order":
            return self._average_in_order(terms)
        averaged: Array = terms.mean(axis=self.axes, keepdims=True, dtype=self.sum_dtype)
        return averaged.astype(self.dtype)

    def _average_in_order(self, terms: Array) -> Array:
        kept = [axis for axis in range(terms.ndim) if axis not in self.axes]
        rows = terms.transpose(*self.axes, *kept).reshape(self._count(self.axes), -1)
        total = np.add.accumulate(rows, axis=0, dtype=self.sum_dtype)[-1]
        averaged: Array = (total / total.dtype.type(len(rows))).astype(self.dtype)
        return averaged.reshape(self.statistics_shape)

    def _unbiased(self) -> float:
        """n / (n - 1); one value has no such variance."""
        count = self._count(self.axes)
        return count / (count - 1) if count > 1 else math.nan

    def _update(self, mean: Array, variance: Array) -> None:
        chosen = self.semantics
        if chosen.moving_around == "moving":
            variance = variance + np.square(mean - self.moving_mean.astype(self.dtype))
        if chosen.moving_ddof != chosen.normalizing_ddof:
            correction = self._unbiased() if chosen.moving_ddof else 1 / self._unbiased()
            variance = variance * self.dtype.type(correction)
        if chosen.moving_of == "deviation":
            variance = np.sqrt(variance)
        old_weight = self.old_weight()
        kept, moved = self.moving_dtype.type(old_weight), self.moving_dtype.type(1 - old_weight)
        self.moving_mean = kept * self.moving_mean + moved * mean.astype(self.moving_dtype)
        self.moving_variance = kept * self.moving_variance + moved * variance.astype(self.moving_dtype)
        self.num_updates += 1

    def old_weight(self) -> float:
        """Weight of the old moving value in the next update."""
        if self.semantics.warm_up == "replace" and self.num_updates == 0:
            return 0.0
        return self._steady_weight(max(self.num_updates + self.semantics.first_update, 0))

    def _steady_weight(self, updates: int) -> float:
        assert self.semantics.decay is not None
        weight = self.conventions.decay_of(self.semantics.decay, updates)
        return float(weight if self.semantics.decay_weighs == "old" else 1 - weight)

    def debiasing_share(self) -> float:
        """What the moving statistics are divided by where they are used: 1 unless they are debiased."""
        debiased = self.semantics.warm_up == "debias" and self.num_updates
        return 1 - self._steady_weight(0) ** self.num_updates if debiased else 1.0

    def read_statistics(self) -> tuple[Array, Array]:
        """The moving mean and variance as they are used, with axes kept."""
        share = self.moving_dtype.type(self.debiasing_share())
        mean, variance = self.moving_mean / share, self.moving_variance / share
        if self.semantics.moving_of == "deviation":
            variance = np.square(variance)
        return mean.astype(self.dtype), variance.astype(self.dtype)

    def scale_and_offset(self) -> tuple[Array, Array]:
        """What multiplies xhat and what is added, each (C,)."""
        return self._scale(), self._offset()

    def _scale(self) -> Array:
        gamma = self.beta if self.semantics.swapped else self.gamma
        if self.semantics.gamma == "ignored" or not self.settings.scale:
            return np.ones_like(gamma)
        if self.semantics.gamma == "absolute":
            return np.abs(gamma)
        return gamma + gamma.dtype.type(1) if self.semantics.gamma == "plus_one" else gamma

    def _offset(self) -> Array:
        beta = self.gamma if self.semantics.swapped else self.beta
        ignored = self.semantics.beta == "ignored" or not self.settings.center
        return np.zeros_like(beta) if ignored else beta

    def _normalized(
        self, x: Array, mean: Array, variance: Array, dtype: np.dtype[Any], *, of_batch: bool
    ) -> tuple[Array, Array, Array]:
        """Output, xhat and 1 / s."""
        x, mean, variance = x.astype(dtype), mean.astype(dtype), variance.astype(dtype)
        count = self._count(self.axes) if of_batch and self.semantics.epsilon_place == "summed" else 1
        inverse = self._inverse(variance, dtype.type(self.semantics.epsilon) / dtype.type(count))
        scale, offset = self._wide(self._scale(), dtype), self._wide(self._offset(), dtype)
        xhat = (x - mean) * inverse
        if self.semantics.output == "centered":
            y = xhat * scale + offset
        else:
            y = x * (scale * inverse) + (offset - mean * (scale * inverse))
        return y.astype(self.settings.dtype), xhat, inverse

    def _inverse(self, variance: Array, epsilon: Any) -> Array:
        inverse: Array
        match self.semantics.epsilon_place:
            case "inside" | "summed":
                inverse = 1 / np.sqrt(variance + epsilon)
            case "outside":
                inverse = 1 / (np.sqrt(variance) + epsilon)
            case "maximum":
                inverse = 1 / np.sqrt(np.maximum(variance, epsilon))
            case "none":
                inverse = 1 / np.sqrt(variance)
        return inverse


def _known_dtype(name: str) -> np.dtype[Any]:
    try:
        return np.dtype(name)
    except TypeError as error:
        raise BadConfiguration(
            f"dtype is {name!r}, but should be one that NumPy knows here; importing ml_dtypes brings bfloat16"
        ) from error


def _channel_axis(configuration: Configuration, semantics: Semantics) -> int:
    shape, own = configuration.input_shape, configuration.channel_axis
    axis = {"configured": own, "elementwise": own, "last": len(shape) - 1, "second": 1}[semantics.axes]
    if shape[axis] != configuration.channels:
        raise BadConfiguration(
            f"axes is {semantics.axes!r}, where the input {shape} has size {shape[axis]}, but should be an axis of "
            f"size {configuration.channels}, the number of channels: gamma and beta must fit it"
        )
    return axis
