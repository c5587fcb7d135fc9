"""A batch normalization for tables (batch, channels), without gamma and beta, in float32 and float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from bn_impls.canonical import npz_format
from bn_impls.interface import Configuration, Conventions, Implementation, Layer, Unsupported
from bn_impls.numpy_boundary import identity, no_wait, observe
from bn_impls.state import State

Array = npt.NDArray[Any]
CONVENTIONS = Conventions(ddof=1, initial_mean=0.0, initial_variance=1.0, warm_up=False, decay_in_float32=False)


class TinyNorm:
    """The layer; ``rate`` is the weight of the new value."""

    def __init__(self, channels: int, rate: float, epsilon: float, dtype: str) -> None:
        """Start with mean 0 and variance 1."""
        self.rate, self.epsilon, self.dtype = rate, epsilon, dtype
        self.gamma, self.beta = np.ones(channels, dtype), np.zeros(channels, dtype)
        self.mean, self.variance = np.zeros(channels, dtype), np.ones(channels, dtype)
        self.count = 0

    def training(self, x: Array) -> Array:
        """Normalize by the batch; average its statistics."""
        mean, variance = x.mean(axis=0), x.var(axis=0)
        self.mean = self.mean + self.rate * (mean - self.mean)
        self.variance = self.variance + self.rate * (x.var(axis=0, ddof=1) - self.variance)
        self.count += 1
        self.deviation = np.sqrt(variance + self.epsilon)
        self.xhat = (x - mean) / self.deviation
        y: Array = self.gamma * self.xhat + self.beta
        return y

    def inference(self, x: Array) -> Array:
        """Normalize by the averages."""
        y: Array = self.gamma * (x - self.mean) / np.sqrt(self.variance + self.epsilon) + self.beta
        return y

    def gradients(self, dy: Array) -> tuple[Array, Array, Array]:
        """Of input, gamma and beta."""
        centred = dy - dy.mean(axis=0) - self.xhat * (dy * self.xhat).mean(axis=0)
        return self.gamma * centred / self.deviation, (dy * self.xhat).sum(axis=0), dy.sum(axis=0)

    def state(self) -> State:
        """Copies of everything that it remembers."""
        return State(
            gamma=self.gamma.copy(),
            beta=self.beta.copy(),
            moving_mean=self.mean.copy(),
            moving_variance=self.variance.copy(),
            num_updates=self.count,
        )

    def set_state(self, state: State) -> None:
        """Set it."""
        self.gamma, self.beta = state["gamma"].astype(self.dtype), state["beta"].astype(self.dtype)
        self.mean, self.variance = state["moving_mean"].astype(self.dtype), state["moving_variance"].astype(self.dtype)
        self.count = state["num_updates"]


def build(settings: Configuration) -> Layer | Unsupported:
    """Build a layer for bn-bench, or say why there is none."""
    if (settings.device, settings.style) != ("cpu", "eager") or settings.dtype not in ("float32", "float64"):
        return Unsupported("eager on the CPU, in float32 or float64")
    if len(settings.input_shape) != 2 or settings.input_shape[0] == 1:
        return Unsupported("tables of two rows or more, for the variance divides by n - 1")
    if settings.conventions != CONVENTIONS or not (settings.center and settings.scale):
        return Unsupported(f"with gamma and beta, and with {CONVENTIONS}")
    layer = TinyNorm(settings.channels, 1 - settings.decay, settings.epsilon, settings.dtype)

    def with_gradients(x: Array, dy: Array) -> tuple[Array, Array, Array, Array]:
        return layer.training(x), *layer.gradients(dy)

    built = Layer(
        configuration=settings,
        inference=layer.inference,
        training_step=layer.training,
        training_step_with_gradients=with_gradients,
        to_native=lambda array: np.array(array, settings.dtype),
        to_numpy=identity,
        synchronize=no_wait,
        export_state=layer.state,
        load_state=layer.set_state,
        observe=observe,
        formats={"npz": npz_format(lambda: layer.state(), lambda state: built.import_state(state))},
    )
    return built


IMPLEMENTATION = Implementation(conventions=CONVENTIONS, packages=("numpy",), build=build)
