"""Batch normalizations with one planted mistake each, and honest ones that merely compute in another way.

They are loaded by ``batch_norm_mutants:NAME``, as anybody's own implementation is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from bn_impls.canonical import npz_format
from bn_impls.interface import (
    Array,
    Configuration,
    Conventions,
    Implementation,
    Layer,
    Unsupported,
)
from bn_impls.numpy_boundary import identity, no_wait, observe
from bn_impls.numpy_reference import IMPLEMENTATION as GOOD
from bn_impls.numpy_reference import BatchNorm, refusal


def implementation(
    kind: Callable[[Configuration], BatchNorm], conventions: Conventions = GOOD.conventions, **changes: Any
) -> Implementation:
    """An implementation around a class; ``changes`` replace functions of the built layer."""

    def build(configuration: Configuration) -> Layer | Unsupported:
        if (reason := refusal(configuration)) is not None:
            return reason
        layer = kind(configuration)

        def with_gradients(x: Array, dy: Array) -> tuple[Array, Array, Array | None, Array | None]:
            return layer.forward(x), *layer.backward(dy)

        built = Layer(
            configuration=configuration, inference=layer.inference, training_step=layer.forward,
            training_step_with_gradients=with_gradients, to_native=lambda array: np.array(array, configuration.dtype),
            to_numpy=identity, synchronize=no_wait, export_state=layer.export_state, load_state=layer.load_state,
            observe=observe, formats={"npz": npz_format(layer.export_state, layer.load_state)},  # type: ignore[arg-type]  # checked by import_state
        )  # fmt: skip
        return replace(built, **{name: make(layer) for name, make in changes.items()})

    return Implementation(conventions=conventions, packages=("numpy",), build=build)


class EpsilonOutside(BatchNorm):
    """Divides by ``sqrt(variance) + epsilon``."""

    def normalize(self, x: Array, mean: Array, variance: Array) -> Array:
        """As said."""
        self.inverse_deviation = 1 / (np.sqrt(variance) + x.dtype.type(self.settings.epsilon))
        self.xhat = (x - self._wide(mean)) * self._wide(self.inverse_deviation)
        return self._scaled(self.xhat)


class Unbiased(BatchNorm):
    """Normalizes by the variance over n - 1."""

    def normalize(self, x: Array, mean: Array, variance: Array) -> Array:
        """As said."""
        count = x.size // self.settings.channels
        return super().normalize(x, mean, (variance * (count / (count - 1))).astype(variance.dtype))


class SwappedDecay(BatchNorm):
    """Gives the new value the weight of the old one, as who reads "momentum" in the other way."""

    def _update(self, mean: Array, variance: Array, count: int) -> None:
        decay = np.asarray(self.settings.decay, mean.dtype)
        self.moving_mean = (1 - decay) * self.moving_mean + decay * mean
        self.moving_variance = (1 - decay) * self.moving_variance + decay * variance
        self.num_updates += 1


class OtherDdof(BatchNorm):
    """Averages variances over n - 1 while its conventions say n."""

    def _update(self, mean: Array, variance: Array, count: int) -> None:
        super()._update(mean, (variance * (count / (count - 1))).astype(variance.dtype), count)


class UpdatesTwice(BatchNorm):
    """Moves the statistics two times a call, as an update operation that is run by two owners."""

    def _update(self, mean: Array, variance: Array, count: int) -> None:
        for _ in range(2):
            super()._update(mean, variance, count)


class UpdatesOnceMoreAtTheEnd(BatchNorm):
    """Forgets the update in a call without gradients."""

    def forward(self, x: Array, *, update: bool = True) -> Array:
        """As said: the eight calls with gradients are right."""
        return super().forward(x, update=update and self.num_updates < 8)


class CounterStuck(BatchNorm):
    """Moves the statistics and does not count."""

    def _update(self, mean: Array, variance: Array, count: int) -> None:
        super()._update(mean, variance, count)
        self.num_updates = 0


class StartsAtZero(BatchNorm):
    """Starts the moving variance at 0 while its conventions say 1."""

    def __init__(self, configuration: Configuration) -> None:
        super().__init__(configuration)
        self.moving_variance[:] = 0


class SecretWarmUp(BatchNorm):
    """Warms the decay up and says nothing of it."""

    def _update(self, mean: Array, variance: Array, count: int) -> None:
        decay = np.asarray(min(self.settings.decay, (1 + self.num_updates) / (10 + self.num_updates)), mean.dtype)
        self.moving_mean = decay * self.moving_mean + (1 - decay) * mean
        self.moving_variance = decay * self.moving_variance + (1 - decay) * variance
        self.num_updates += 1


class InferenceUpdates(BatchNorm):
    """Is always in training."""

    def inference(self, x: Array) -> Array:
        """Normalizes by the moving statistics, but moves them first."""
        self._update(*self.batch_statistics(x), x.size // self.settings.channels)
        self.num_updates -= 1
        return super().inference(x)


class InferenceByBatch(BatchNorm):
    """Normalizes by the batch in inference, and changes nothing."""

    def inference(self, x: Array) -> Array:
        """As said."""
        return super().forward(x, update=False)


class NoGammaTerm(BatchNorm):
    """Leaves the last term of the input's gradient out."""

    def backward(self, dy: Array) -> tuple[Array, Array | None, Array | None]:
        """``gamma / s (dy - dbeta / n)``."""
        _, dgamma, dbeta = super().backward(dy)
        centred = dy - dy.mean(axis=self.settings.reduction_axes, keepdims=True)
        return self._wide(self.gamma * self.inverse_deviation) * centred, dgamma, dbeta


class NoBetaTerm(BatchNorm):
    """Leaves the middle term of the input's gradient out."""

    def backward(self, dy: Array) -> tuple[Array, Array | None, Array | None]:
        """``gamma / s (dy - xhat dgamma / n)``."""
        dx, dgamma, dbeta = super().backward(dy)
        mean = dy.mean(axis=self.settings.reduction_axes, keepdims=True)
        return dx + self._wide(self.gamma * self.inverse_deviation) * mean, dgamma, dbeta


class MeanGradients(BatchNorm):
    """Averages the gradient of beta over the batch."""

    def backward(self, dy: Array) -> tuple[Array, Array | None, Array | None]:
        """As said."""
        dx, dgamma, _ = super().backward(dy)
        return dx, dgamma, dy.mean(axis=self.settings.reduction_axes)


class GammaFromInput(BatchNorm):
    """Takes ``sum dy x`` for the gradient of gamma."""

    def forward(self, x: Array, *, update: bool = True) -> Array:
        """Keeps the input."""
        self.x = x
        return super().forward(x, update=update)

    def backward(self, dy: Array) -> tuple[Array, Array | None, Array | None]:
        """As said."""
        dx, _, dbeta = super().backward(dy)
        return dx, (dy * self.x).sum(axis=self.settings.reduction_axes), dbeta


class OneNaN(BatchNorm):
    """One value of one output is not a number."""

    def forward(self, x: Array, *, update: bool = True) -> Array:
        """As said."""
        y = super().forward(x, update=update)
        y[(0,) * y.ndim] = np.nan
        return y


class Overwrites(BatchNorm):
    """Centres its input in place, and answers rightly, once."""

    def forward(self, x: Array, *, update: bool = True) -> Array:
        """As said."""
        y = super().forward(x, update=update)
        x -= x.mean(axis=self.settings.reduction_axes, keepdims=True)
        x += 1
        return y


class LastAxisOnly(BatchNorm):
    """Takes the last axis for the channels, whatever the layout; right by chance for the usual one."""

    def batch_statistics(self, x: Array) -> tuple[Array, Array]:
        """Right for channels last; for channels first the statistics of the first example alone."""
        if self.settings.layout == "channels_last":
            return super().batch_statistics(x)
        return super().batch_statistics(x[:1])


class OnePass(BatchNorm):
    """Honest: E[x^2] - E[x]^2, clamped; good enough for inputs around 0."""

    def batch_statistics(self, x: Array) -> tuple[Array, Array]:
        """As said."""
        mean = x.mean(axis=self.settings.reduction_axes)
        square = np.square(x).mean(axis=self.settings.reduction_axes)
        return mean, np.maximum(square - np.square(mean), 0)


class MultipliedOut(BatchNorm):
    """Honest: ``x (gamma / s) + (beta - mean gamma / s)``, as ``tf.nn.batch_normalization`` does."""

    def normalize(self, x: Array, mean: Array, variance: Array) -> Array:
        """As said."""
        super().normalize(x, mean, variance)
        factor = self.gamma * self.inverse_deviation
        return x * self._wide(factor) + self._wide(self.beta - mean * factor)


class InOrder(BatchNorm):
    """Honest: every sum one term after the other."""

    def batch_statistics(self, x: Array) -> tuple[Array, Array]:
        """As said."""
        rows = np.moveaxis(x, self.settings.channel_axis, -1).reshape(-1, self.settings.channels)
        count = x.dtype.type(len(rows))
        mean = np.add.accumulate(rows, axis=0)[-1] / count
        return mean, np.add.accumulate(np.square(rows - mean), axis=0)[-1] / count


UNBIASED = Conventions(ddof=1, initial_mean=0.0, initial_variance=1.0, warm_up=True, decay_in_float32=False)

EPSILON_OUTSIDE = implementation(EpsilonOutside)
NORMALIZES_UNBIASED = implementation(Unbiased)
SWAPPED_DECAY = implementation(SwappedDecay)
OTHER_DDOF = implementation(OtherDdof)
UPDATES_TWICE = implementation(UpdatesTwice)
FORGETS_AN_UPDATE = implementation(UpdatesOnceMoreAtTheEnd)
COUNTER_STUCK = implementation(CounterStuck)
STARTS_AT_ZERO = implementation(StartsAtZero)
SECRET_WARM_UP = implementation(SecretWarmUp)
INFERENCE_UPDATES = implementation(InferenceUpdates)
INFERENCE_BY_BATCH = implementation(InferenceByBatch)
NO_GAMMA_TERM = implementation(NoGammaTerm)
NO_BETA_TERM = implementation(NoBetaTerm)
MEAN_GRADIENTS = implementation(MeanGradients)
GAMMA_FROM_INPUT = implementation(GammaFromInput)
ONE_NAN = implementation(OneNaN)
OVERWRITES = implementation(Overwrites)
LAST_AXIS_ONLY = implementation(LastAxisOnly)
NO_GRADIENT_OF_BETA = implementation(
    BatchNorm,
    training_step_with_gradients=lambda layer: lambda x, dy: (layer.forward(x), *layer.backward(dy)[:2], None),
)
IGNORES_A_STATE = implementation(BatchNorm, load_state=lambda layer: lambda state: None)

HONEST = GOOD
HONEST_ONE_PASS = implementation(OnePass)
HONEST_MULTIPLIED_OUT = implementation(MultipliedOut)
HONEST_IN_ORDER = implementation(InOrder)
HONEST_WITH_OTHER_CONVENTIONS = implementation(BatchNorm, UNBIASED)
