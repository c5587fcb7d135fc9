"""Batch normalization in NumPy, the statistics merged from chunks of rows: each input value is read while in cache.

What its user must remember:

- Mean and sum of squared deviations travel together with their count; two parts merge exactly, in any order.
- Nothing is ever subtracted from a sum of squares, so inputs far from 0 keep their variance.
- The moving variance divides by n - 1, the variance that normalizes by n.
- A sum of squared deviations of many rows leaves the range of float16, which is therefore not offered.

With count n, mean m and sum of squared deviations q of two parts a and b, Chan, Golub and LeVeque (1983), "Algorithms
for computing the sample variance: analysis and recommendations", The American Statistician 37(3)::

    n = n_a + n_b
    d = m_b - m_a
    m = m_a + d n_b / n
    q = q_a + q_b + d^2 n_a n_b / n

Welford (1962) is the case n_b = 1. Merging halves of halves, as here, lets rounding errors grow with log n.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bn_impls.canonical import npz_format
from bn_impls.interface import Array, Configuration, Conventions, Implementation, Layer, Unsupported
from bn_impls.numpy_boundary import identity, no_wait, observe
from bn_impls.state import State

CHUNK_ROWS = 256  # of 64 float32 channels: 64 KiB, which stays in a core's own cache


@dataclass(frozen=True)
class Moments:
    """Count, mean and sum of squared deviations of some rows."""

    count: int
    mean: Array  # (C,)
    squares: Array  # (C,)

    def merged(self, other: Moments) -> Moments:
        """The moments of both parts together."""
        count = self.count + other.count
        delta = other.mean - self.mean
        mean = self.mean + delta * (other.count / count)
        squares = self.squares + other.squares + delta * delta * (self.count * other.count / count)
        return Moments(count, mean, squares)


def moments(rows: Array) -> Moments:
    """The moments of rows (n, C): a chunk in two passes, more rows by merging halves."""
    if len(rows) <= CHUNK_ROWS:
        mean = rows.mean(axis=0)
        return Moments(len(rows), mean, np.square(rows - mean).sum(axis=0))
    half = len(rows) // 2
    return moments(rows[:half]).merged(moments(rows[half:]))


class BatchNorm:
    """Parameters, moving statistics, and what the last training call left for its gradients."""

    def __init__(self, settings: Configuration) -> None:
        """Start with gamma 1, beta 0 and the configured moving statistics."""
        self.settings, self.start = settings, settings.conventions
        shape, dtype = (settings.channels,), settings.dtype
        self.gamma, self.beta = np.ones(shape, dtype), np.zeros(shape, dtype)
        self.moving_mean = np.full(shape, self.start.initial_mean, dtype)
        self.moving_variance = np.full(shape, self.start.initial_variance, dtype)
        self.num_updates = 0

    def training(self, x: Array) -> Array:
        """Normalize by the batch; move the statistics once."""
        found = moments(self._rows(x))
        variance = found.squares / found.count
        self._move(found)
        self.inverse = 1 / np.sqrt(variance + self.settings.epsilon)
        self.xhat = (x - self._wide(found.mean)) * self._wide(self.inverse)
        y: Array = self._wide(self.gamma) * self.xhat + self._wide(self.beta)
        return y

    def inference(self, x: Array) -> Array:
        """Normalize by the moving statistics; change nothing."""
        factor = self.gamma / np.sqrt(self.moving_variance + self.settings.epsilon)
        return (x - self._wide(self.moving_mean)) * self._wide(factor) + self._wide(self.beta)

    def gradients(self, dy: Array) -> tuple[Array, Array, Array]:
        """Of input, gamma and beta, for the last training call: Ioffe and Szegedy (2015), section 3."""
        rows, xhat = self._rows(dy), self._rows(self.xhat)
        dbeta, dgamma = rows.sum(axis=0), (rows * xhat).sum(axis=0)
        inner = dy - self._wide(dbeta / len(rows)) - self.xhat * self._wide(dgamma / len(rows))
        return self._wide(self.gamma * self.inverse) * inner, dgamma, dbeta

    def _move(self, found: Moments) -> None:
        decay = self.start.decay_of(self.settings.decay, self.num_updates)
        freedom = found.count - self.start.ddof
        variance = found.squares / freedom if freedom > 0 else np.full_like(found.squares, np.nan)  # one value has none
        self.moving_mean = decay * self.moving_mean + (1 - decay) * found.mean
        self.moving_variance = decay * self.moving_variance + (1 - decay) * variance
        self.num_updates += 1

    def _rows(self, x: Array) -> Array:
        """(n, C), without a copy where the channels are last."""
        rows: Array = np.moveaxis(x, self.settings.channel_axis, -1).reshape(-1, self.settings.channels)
        return rows

    def _wide(self, per_channel: Array) -> Array:
        return per_channel.reshape(self.settings.parameter_shape)


# ---- the adapter ----------------------------------------------------------------------------------------------------


def _refusal(settings: Configuration) -> Unsupported | None:
    if settings.device != "cpu":
        return Unsupported("NumPy computes on the CPU only")
    if settings.style != "eager":
        return Unsupported(f"NumPy has one call style: eager, not {settings.style}")
    if settings.dtype not in ("float32", "float64"):
        return Unsupported(f"{settings.dtype} is not offered: its range is too small for a sum of squared deviations")
    return None


def _export(layer: BatchNorm) -> State:
    return State(
        gamma=layer.gamma.copy(),
        beta=layer.beta.copy(),
        moving_mean=layer.moving_mean.copy(),
        moving_variance=layer.moving_variance.copy(),
        num_updates=layer.num_updates,
    )


def _load(layer: BatchNorm, state: State) -> None:
    dtype = layer.settings.dtype
    layer.gamma, layer.beta = state["gamma"].astype(dtype), state["beta"].astype(dtype)
    layer.moving_mean = state["moving_mean"].astype(dtype)
    layer.moving_variance = state["moving_variance"].astype(dtype)
    layer.num_updates = state["num_updates"]


def build(configuration: Configuration) -> Layer | Unsupported:
    """Build a layer."""
    if (reason := _refusal(configuration)) is not None:
        return reason
    layer = BatchNorm(configuration)

    def training_step_with_gradients(x: Array, dy: Array) -> tuple[Array, Array, Array | None, Array | None]:
        y = layer.training(x)
        dx, dgamma, dbeta = layer.gradients(dy)
        return y, dx, dgamma if configuration.scale else None, dbeta if configuration.center else None

    built = Layer(
        configuration=configuration,
        inference=layer.inference,
        training_step=layer.training,
        training_step_with_gradients=training_step_with_gradients,
        to_native=lambda array: np.array(array, configuration.dtype),
        to_numpy=identity,
        synchronize=no_wait,
        export_state=lambda: _export(layer),
        load_state=lambda state: _load(layer, state),
        observe=observe,
        formats={"npz": npz_format(lambda: _export(layer), lambda state: built.import_state(state))},
    )
    return built


IMPLEMENTATION = Implementation(
    conventions=Conventions(ddof=1, initial_mean=0.0, initial_variance=1.0, warm_up=False, decay_in_float32=False),
    packages=("bn-welford", "numpy"),
    build=build,
)
