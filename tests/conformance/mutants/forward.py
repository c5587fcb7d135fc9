"""Mistakes in what normalizes, and in how it is computed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bn_impls.interface import Array, Configuration
from bn_impls.numpy_reference import BatchNorm
from tests.axes.batch_norm_mutants import implementation


class EpsilonMissing(BatchNorm):
    """Divides by the deviation alone."""

    def normalize(self, x: Array, mean: Array, variance: Array) -> Array:
        """``(x - mean) / sqrt(variance)``."""
        self.inverse_deviation = variance**-0.5
        self.xhat = (x - self._wide(mean)) * self._wide(self.inverse_deviation)
        return self._scaled(self.xhat)

    def inference(self, x: Array) -> Array:
        """The same with the moving statistics."""
        return self._scaled((x - self._wide(self.moving_mean)) / self._wide(np.sqrt(self.moving_variance)))


class EpsilonAsFloor(BatchNorm):
    """Takes epsilon for the least variance."""

    def normalize(self, x: Array, mean: Array, variance: Array) -> Array:
        """``(x - mean) / sqrt(max(variance, epsilon))``."""
        self.inverse_deviation = 1 / np.sqrt(np.clip(variance, self.settings.epsilon, None))
        self.xhat = (x - self._wide(mean)) * self._wide(self.inverse_deviation)
        return self._scaled(self.xhat)


class EpsilonWrittenIn(BatchNorm):
    """Uses 1e-5 whatever is asked for."""

    def normalize(self, x: Array, mean: Array, variance: Array) -> Array:
        """A constant that was copied from somewhere."""
        self.inverse_deviation = 1 / np.sqrt(variance + 0.00001)
        self.xhat = (x - self._wide(mean)) * self._wide(self.inverse_deviation)
        return self._scaled(self.xhat)


class Swapped(BatchNorm):
    """Adds gamma and multiplies by beta."""

    def _scaled(self, xhat: Array) -> Array:
        return self._wide(self.beta) * xhat + self._wide(self.gamma)


class OnePlusGamma(BatchNorm):
    """Multiplies by 1 + gamma, as layers do whose gamma starts at 0."""

    def _scaled(self, xhat: Array) -> Array:
        return xhat + self._wide(self.gamma) * xhat + self._wide(self.beta)


class BetaForgotten(BatchNorm):
    """Never adds beta."""

    def _scaled(self, xhat: Array) -> Array:
        return self._wide(self.gamma) * xhat


class MovingInTraining(BatchNorm):
    """Normalizes by the moving statistics in training, too."""

    def forward(self, x: Array, *, update: bool = True) -> Array:
        """The batch's statistics are averaged and not used."""
        mean, variance = self.moving_mean, self.moving_variance
        super().forward(x, update=update)
        return self.normalize(x, mean, variance)


class UpdatesBeforeUse(BatchNorm):
    """Moves the statistics first, and normalizes a training batch by what came of it."""

    def forward(self, x: Array, *, update: bool = True) -> Array:
        """The order of two lines."""
        self._update(*self.batch_statistics(x), self._count(x))
        return self.normalize(x, self.moving_mean, self.moving_variance)


class PairsOnly(BatchNorm):
    """Adds rows in pairs and leaves the last one of an odd number out."""

    def batch_statistics(self, x: Array) -> tuple[Array, Array]:
        """A loop over pairs of rows whose remainder was forgotten."""
        rows = np.moveaxis(x, self.settings.channel_axis, -1).reshape(-1, self.settings.channels)
        even = rows[: len(rows) // 2 * 2].reshape(-1, 2, self.settings.channels)
        mean = even.sum(axis=1).sum(axis=0) / len(rows)
        return mean, np.square(even - mean).sum(axis=1).sum(axis=0) / len(rows)


class OneExampleIsSpecial(BatchNorm):
    """Takes a batch of one for inference."""

    def batch_statistics(self, x: Array) -> tuple[Array, Array]:
        """Although a map has many values a channel."""
        if len(x) == 1:
            return self.moving_mean, self.moving_variance
        return super().batch_statistics(x)


class HidesNaN(BatchNorm):
    """Replaces what is not a number by 0."""

    def normalize(self, x: Array, mean: Array, variance: Array) -> Array:
        """So that the loss stays finite."""
        return np.nan_to_num(super().normalize(x, mean, variance))

    def _update(self, mean: Array, variance: Array, count: int) -> None:
        super()._update(np.nan_to_num(mean), np.nan_to_num(variance), count)


class FirstChannelForAll(BatchNorm):
    """Uses the first channel's variance for all."""

    def batch_statistics(self, x: Array) -> tuple[Array, Array]:
        """An index that is missing."""
        mean, variance = super().batch_statistics(x)
        return mean, np.full_like(variance, variance[0])


class BatchAxisOnly(BatchNorm):
    """Takes mean and variance over the batch axis alone, for each position of a map."""

    def forward(self, x: Array, *, update: bool = True) -> Array:
        """As in a layer for tables that is given maps."""
        y = super().forward(x, update=update)
        if x.ndim == 2:
            return y
        mean, variance = x.mean(axis=0), x.var(axis=0)
        self.xhat = (x - mean) / np.sqrt(variance + self.settings.epsilon)
        return self._scaled(self.xhat)


class AlwaysLast(BatchNorm):
    """Takes the last axis for the channels in every layout."""

    def __init__(self, configuration: Configuration) -> None:
        super().__init__(replace(configuration, layout="channels_last"))


class Float16Sums(BatchNorm):
    """Adds up in half precision."""

    def batch_statistics(self, x: Array) -> tuple[Array, Array]:
        """As who keeps activations in float16 and forgets the accumulator."""
        half = x.astype(np.float16)
        axes = self.settings.reduction_axes
        mean = half.mean(axis=axes, dtype=np.float16)
        variance = np.square(half - self._wide(mean)).mean(axis=axes, dtype=np.float16)
        return mean.astype(x.dtype), variance.astype(x.dtype)


class Float32Inside(BatchNorm):
    """Computes in float32 and gives float64 back."""

    def batch_statistics(self, x: Array) -> tuple[Array, Array]:
        """A cast that made it faster."""
        mean, variance = super().batch_statistics(x.astype(np.float32))
        return mean.astype(x.dtype), variance.astype(x.dtype)


class GivesFloat32(BatchNorm):
    """Gives float32 for float64."""

    def forward(self, x: Array, *, update: bool = True) -> Array:
        """A dtype written into the code."""
        return super().forward(x, update=update).astype(np.float32)


class OnePass(BatchNorm):
    """Takes E[x^2] - E[x]^2 for the variance."""

    def batch_statistics(self, x: Array) -> tuple[Array, Array]:
        """One loop over the data instead of two."""
        count = self._count(x)
        mean = x.sum(axis=self.settings.reduction_axes) / count
        return mean, np.square(x).sum(axis=self.settings.reduction_axes) / count - mean**2


class VarianceOfOne(BatchNorm):
    """Takes 1 for the variance where the mean is large, as who gives up on such inputs."""

    def batch_statistics(self, x: Array) -> tuple[Array, Array]:
        """By channel."""
        mean, variance = super().batch_statistics(x)
        return mean, np.where((np.abs(mean) > 5) & np.isfinite(mean), np.ones_like(variance), variance)


class WrongShape(BatchNorm):
    """Gives a table back for a map."""

    def forward(self, x: Array, *, update: bool = True) -> Array:
        """A reshape that is not undone."""
        return super().forward(x, update=update).reshape(-1, self.settings.channels)


class Noisy(BatchNorm):
    """Adds noise to the output, as a regularizer left on."""

    def __init__(self, configuration: Configuration) -> None:
        super().__init__(configuration)
        self.generator = np.random.default_rng(0)

    def normalize(self, x: Array, mean: Array, variance: Array) -> Array:
        """A millionth of the output."""
        y = super().normalize(x, mean, variance)
        return y + (1e-6 * self.generator.standard_normal(y.shape)).astype(y.dtype)


class NoEpsilonOfZero(BatchNorm):
    """Writes `epsilon or 1e-5` where it means `if epsilon is None`."""

    def __init__(self, settings: Configuration) -> None:
        """0 becomes 1e-5."""
        super().__init__(replace(settings, epsilon=settings.epsilon or 1e-5))


class PositiveGamma(BatchNorm):
    """Takes gamma for positive, as a layer does that keeps its logarithm."""

    def _scaled(self, xhat: Array) -> Array:
        return self._wide(np.abs(self.gamma)) * xhat + self._wide(self.beta)


class LeastEpsilon(BatchNorm):
    """Raises a small epsilon, as kernels did that had a least one."""

    def __init__(self, settings: Configuration) -> None:
        """A little above 1e-5, so that 1e-5 itself is raised."""
        super().__init__(replace(settings, epsilon=max(settings.epsilon, 1.001e-5)))


class EightAtOnce(BatchNorm):
    """Computes channels in blocks of eight, and forgets what is left."""

    def _scaled(self, xhat: Array) -> Array:
        y = super()._scaled(xhat)
        channels = self.settings.channels
        if channels > 8:
            np.moveaxis(y, self.settings.channel_axis, 0)[channels - channels % 8 :] = 0
        return y


EPSILON_MISSING = implementation(EpsilonMissing)
EPSILON_AS_FLOOR = implementation(EpsilonAsFloor)
EPSILON_WRITTEN_IN = implementation(EpsilonWrittenIn)
SWAPPED = implementation(Swapped)
ONE_PLUS_GAMMA = implementation(OnePlusGamma)
BETA_FORGOTTEN = implementation(BetaForgotten)
MOVING_IN_TRAINING = implementation(MovingInTraining)
UPDATES_BEFORE_USE = implementation(UpdatesBeforeUse)
PAIRS_ONLY = implementation(PairsOnly)
ONE_EXAMPLE_IS_SPECIAL = implementation(OneExampleIsSpecial)
HIDES_NAN = implementation(HidesNaN)
FIRST_CHANNEL_FOR_ALL = implementation(FirstChannelForAll)
BATCH_AXIS_ONLY = implementation(BatchAxisOnly)
ALWAYS_LAST = implementation(AlwaysLast)
FLOAT16_SUMS = implementation(Float16Sums)
FLOAT32_INSIDE = implementation(Float32Inside)
GIVES_FLOAT32 = implementation(GivesFloat32)
ONE_PASS = implementation(OnePass)
VARIANCE_OF_ONE = implementation(VarianceOfOne)
WRONG_SHAPE = implementation(WrongShape)
NOISY = implementation(Noisy)
NO_EPSILON_OF_ZERO = implementation(NoEpsilonOfZero)
POSITIVE_GAMMA = implementation(PositiveGamma)
LEAST_EPSILON = implementation(LeastEpsilon)
EIGHT_AT_ONCE = implementation(EightAtOnce)
