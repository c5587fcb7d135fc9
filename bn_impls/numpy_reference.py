r"""Batch normalization as equations, in NumPy: the oracle.

What its user must remember:

- It computes in the dtype it is given; the oracle runs in float64.
- The variance is taken in two passes (mean first, then the mean of squared deviations), never as E[x^2] - E[x]^2.
- Its conventions are set by the configuration, so that it can be made to match any API.

Let x_1 ... x_n be all values of one channel (n = batch size times the map's positions). Ioffe and Szegedy (2015),
"Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift", algorithm 1::

    mean     = 1/n sum x_i
    variance = 1/n sum (x_i - mean)^2
    xhat_i   = (x_i - mean) / sqrt(variance + epsilon)
    y_i      = gamma xhat_i + beta

and, for a loss with gradients dy_i, section 3 of the same paper with the terms collected::

    dbeta  = sum dy_i
    dgamma = sum dy_i xhat_i
    dx_i   = gamma / sqrt(variance + epsilon) (dy_i - dbeta / n - xhat_i dgamma / n)

A training call then moves the statistics, with ddof in {0, 1} and t updates before it::

    decay_t         = min(decay, (1 + t) / (10 + t)) with warm-up, otherwise decay
    moving_mean     <- decay_t moving_mean + (1 - decay_t) mean
    moving_variance <- decay_t moving_variance + (1 - decay_t) variance n / (n - ddof)

Inference uses the moving statistics in place of the batch's, and changes nothing. (The warm-up is that of
``tf.train.ExponentialMovingAverage``; the original paper averages unbiased variances, ddof = 1.)
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from bn_impls.canonical import npz_format
from bn_impls.interface import Configuration, Conventions, Implementation, Layer, Unsupported
from bn_impls.numpy_boundary import NUMPY_DTYPES, identity, no_wait, observe
from bn_impls.state import State

Array = npt.NDArray[Any]


class BatchNorm:
    """One layer: parameters, moving statistics, and what the last training pass left for its backward pass."""

    def __init__(self, configuration: Configuration) -> None:
        """Start with gamma 1, beta 0 and the configured moving statistics."""
        self.settings = configuration
        channels, dtype = configuration.channels, configuration.dtype
        self.gamma = np.ones(channels, dtype)
        self.beta = np.zeros(channels, dtype)
        self.moving_mean = np.full(channels, configuration.conventions.initial_mean, dtype)
        self.moving_variance = np.full(channels, configuration.conventions.initial_variance, dtype)
        self.num_updates = 0

    def _wide(self, per_channel: Array) -> Array:
        return per_channel.reshape(self.settings.parameter_shape)

    def _count(self, x: Array) -> int:
        return math.prod(x.shape[axis] for axis in self.settings.reduction_axes)

    def _scaled(self, xhat: Array) -> Array:
        y = self._wide(self.gamma) * xhat if self.settings.scale else xhat
        return y + self._wide(self.beta) if self.settings.center else y

    def batch_statistics(self, x: Array) -> tuple[Array, Array]:
        """Mean and biased variance of each channel, in two passes."""
        mean = x.mean(axis=self.settings.reduction_axes)
        variance = np.square(x - self._wide(mean)).mean(axis=self.settings.reduction_axes)
        return mean, variance

    def normalize(self, x: Array, mean: Array, variance: Array) -> Array:
        """``gamma (x - mean) / sqrt(variance + epsilon) + beta``."""
        self.inverse_deviation = 1 / np.sqrt(variance + x.dtype.type(self.settings.epsilon))
        self.xhat = (x - self._wide(mean)) * self._wide(self.inverse_deviation)
        return self._scaled(self.xhat)

    def inference(self, x: Array) -> Array:
        """Normalize by the moving statistics; change nothing."""
        inverse_deviation = 1 / np.sqrt(self.moving_variance + x.dtype.type(self.settings.epsilon))
        return self._scaled((x - self._wide(self.moving_mean)) * self._wide(inverse_deviation))

    def forward(self, x: Array, *, update: bool = True) -> Array:
        """Normalize by the batch, and move the statistics unless told not to."""
        mean, variance = self.batch_statistics(x)
        if update:
            self._update(mean, variance, self._count(x))
        return self.normalize(x, mean, variance)

    def _update(self, mean: Array, variance: Array, count: int) -> None:
        conventions = self.settings.conventions
        decay = conventions.decay_of(self.settings.decay, self.num_updates)
        correction = count / (count - conventions.ddof) if count > conventions.ddof else math.nan  # one value has none
        unbiased = variance * correction if conventions.ddof else variance
        self.moving_mean = (decay * self.moving_mean + (1 - decay) * mean).astype(mean.dtype)
        self.moving_variance = (decay * self.moving_variance + (1 - decay) * unbiased).astype(variance.dtype)
        self.num_updates += 1

    def backward(self, dy: Array) -> tuple[Array, Array | None, Array | None]:
        """Gradients of input, gamma and beta for the last ``forward``; None for a parameter that is off."""
        axes, xhat = self.settings.reduction_axes, self.xhat
        dbeta = dy.sum(axis=axes)
        dgamma = (dy * xhat).sum(axis=axes)
        count = self._count(dy)
        factor = self.gamma * self.inverse_deviation if self.settings.scale else self.inverse_deviation
        dx = self._wide(factor) * (dy - self._wide(dbeta / count) - xhat * self._wide(dgamma / count))
        return dx, dgamma if self.settings.scale else None, dbeta if self.settings.center else None

    def export_state(self) -> State:
        """Copies of everything that the layer remembers."""
        return State(
            gamma=self.gamma.copy(),
            beta=self.beta.copy(),
            moving_mean=self.moving_mean.copy(),
            moving_variance=self.moving_variance.copy(),
            num_updates=self.num_updates,
        )

    def load_state(self, state: State) -> None:
        """Set everything that the layer remembers."""
        dtype = self.settings.dtype
        self.gamma, self.beta = state["gamma"].astype(dtype), state["beta"].astype(dtype)
        self.moving_mean = state["moving_mean"].astype(dtype)
        self.moving_variance = state["moving_variance"].astype(dtype)
        self.num_updates = state["num_updates"]


# ---- the adapter ----------------------------------------------------------------------------------------------------


def refusal(configuration: Configuration) -> Unsupported | None:
    """Why this configuration cannot be built, or None."""
    if configuration.device != "cpu":
        return Unsupported("NumPy computes on the CPU only")
    if configuration.style != "eager":
        return Unsupported("NumPy has one call style: eager")
    if configuration.dtype not in NUMPY_DTYPES:
        return Unsupported(f"NumPy has no dtype {configuration.dtype}")
    return None


def build(configuration: Configuration) -> Layer | Unsupported:
    """Build a layer."""
    if (reason := refusal(configuration)) is not None:
        return reason
    layer = BatchNorm(configuration)

    def training_step_with_gradients(x: Array, dy: Array) -> tuple[Array, Array, Array | None, Array | None]:
        return layer.forward(x), *layer.backward(dy)

    built = Layer(
        configuration=configuration,
        inference=layer.inference,
        training_step=layer.forward,
        training_step_with_gradients=training_step_with_gradients,
        to_native=lambda array: np.array(array, configuration.dtype),
        to_numpy=identity,
        synchronize=no_wait,
        export_state=layer.export_state,
        load_state=layer.load_state,
        observe=observe,
        formats={"npz": npz_format(layer.export_state, lambda state: built.import_state(state))},
    )
    return built


IMPLEMENTATION = Implementation(
    conventions=Conventions(ddof=0, initial_mean=0.0, initial_variance=1.0, warm_up=False, decay_in_float32=False),
    packages=("numpy",),
    build=build,
    narrow_statistics=True,
)
