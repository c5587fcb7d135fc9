"""Mistakes in the moving statistics and their counter."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bn_impls.interface import Array, Configuration
from bn_impls.numpy_reference import IMPLEMENTATION as GOOD
from bn_impls.numpy_reference import BatchNorm
from tests.axes.batch_norm_mutants import implementation


class AveragesDeviations(BatchNorm):
    """Moves the variance towards the batch's standard deviation."""

    def _update(self, mean: Array, variance: Array, count: int) -> None:
        super()._update(mean, np.sqrt(variance), count)


class NeverUpdates(BatchNorm):
    """Counts and moves nothing, as an update operation that nobody runs."""

    def _update(self, mean: Array, variance: Array, count: int) -> None:
        self.num_updates += 1


class IgnoresEverything(BatchNorm):
    """Neither counts nor moves."""

    def _update(self, mean: Array, variance: Array, count: int) -> None:
        pass


class Biased(BatchNorm):
    """Averages variances over n while its conventions say n - 1."""

    def _update(self, mean: Array, variance: Array, count: int) -> None:
        decay = self.settings.decay
        self.moving_mean = self.moving_mean * decay + mean * (1 - decay)
        self.moving_variance = self.moving_variance * decay + variance * (1 - decay)
        self.num_updates += 1


class DecayInFloat32(BatchNorm):
    """Rounds the decay, which moves statistics in float64 by a part in 10^8."""

    def __init__(self, settings: Configuration) -> None:
        """0.9 becomes 0.89999998."""
        super().__init__(replace(settings, decay=float(np.float32(settings.decay))))


class NoDecayOfZero(BatchNorm):
    """Writes `decay or 0.9` where it means `if decay is None`."""

    def __init__(self, settings: Configuration) -> None:
        """0 becomes 0.9."""
        super().__init__(replace(settings, decay=settings.decay or 0.9))


class CountsInFloat32(BatchNorm):
    """Keeps the counter in float32, which stays at 2^24 whatever is added."""

    def _update(self, mean: Array, variance: Array, count: int) -> None:
        super()._update(mean, variance, count)
        self.num_updates = int(np.float32(self.num_updates - 1) + np.float32(1))


class StopsAfter5000(BatchNorm):
    """Takes statistics that old for good."""

    def _update(self, mean: Array, variance: Array, count: int) -> None:
        if self.num_updates < 5000:
            super()._update(mean, variance, count)
        else:
            self.num_updates += 1


class CountsFirst(BatchNorm):
    """Counts the update before it asks for the decay of it."""

    def _update(self, mean: Array, variance: Array, count: int) -> None:
        self.num_updates += 1
        decay = min(self.settings.decay, (1 + self.num_updates) / (10 + self.num_updates))
        self.moving_mean = decay * self.moving_mean + (1 - decay) * mean
        self.moving_variance = decay * self.moving_variance + (1 - decay) * variance


class NoWarmUp(BatchNorm):
    """Keeps the decay constant while its conventions say that it warms up."""

    def _update(self, mean: Array, variance: Array, count: int) -> None:
        weight = 1 - self.settings.decay
        self.moving_mean = self.moving_mean + weight * (mean - self.moving_mean)
        self.moving_variance = self.moving_variance + weight * (variance - self.moving_variance)
        self.num_updates += 1


class StartsCountingAtOne(BatchNorm):
    """Says one update before there was any."""

    def __init__(self, configuration: Configuration) -> None:
        super().__init__(configuration)
        self.num_updates = 1


class StartsElsewhere(BatchNorm):
    """Starts the moving mean at 1."""

    def __init__(self, configuration: Configuration) -> None:
        super().__init__(configuration)
        self.moving_mean = np.ones_like(self.moving_mean)


class DecayWrittenIn(BatchNorm):
    """Uses 0.99 whatever is asked for."""

    def _update(self, mean: Array, variance: Array, count: int) -> None:
        self.moving_mean = 0.99 * self.moving_mean + 0.01 * mean
        self.moving_variance = 0.99 * self.moving_variance + 0.01 * variance
        self.num_updates += 1


class FirstBatchReplaces(BatchNorm):
    """Starts the averages with the first batch's statistics."""

    def _update(self, mean: Array, variance: Array, count: int) -> None:
        if self.num_updates == 0:
            self.moving_mean, self.moving_variance, self.num_updates = mean, variance, 1
        else:
            super()._update(mean, variance, count)


class CountsRows(BatchNorm):
    """Counts examples, not calls."""

    def _update(self, mean: Array, variance: Array, count: int) -> None:
        super()._update(mean, variance, count)
        self.num_updates += count - 1


class RoundsStatistics(BatchNorm):
    """Keeps the moving statistics in float16."""

    def _update(self, mean: Array, variance: Array, count: int) -> None:
        super()._update(mean, variance, count)
        self.moving_mean = self.moving_mean.astype(np.float16).astype(mean.dtype)
        self.moving_variance = self.moving_variance.astype(np.float16).astype(mean.dtype)


UNBIASED = replace(GOOD.conventions, ddof=1)
WARMING_UP = replace(GOOD.conventions, warm_up=True)

AVERAGES_DEVIATIONS = implementation(AveragesDeviations)
NEVER_UPDATES = implementation(NeverUpdates)
IGNORES_EVERYTHING = implementation(IgnoresEverything)
BIASED = implementation(Biased, UNBIASED)
COUNTS_FIRST = implementation(CountsFirst, WARMING_UP)
NO_WARM_UP = implementation(NoWarmUp, WARMING_UP)
STARTS_COUNTING_AT_ONE = implementation(StartsCountingAtOne)
STARTS_ELSEWHERE = implementation(StartsElsewhere)
DECAY_WRITTEN_IN = implementation(DecayWrittenIn)
FIRST_BATCH_REPLACES = implementation(FirstBatchReplaces)
COUNTS_ROWS = implementation(CountsRows)
ROUNDS_STATISTICS = implementation(RoundsStatistics)
NO_DECAY_OF_ZERO = implementation(NoDecayOfZero)
COUNTS_IN_FLOAT32 = implementation(CountsInFloat32)
DECAY_IN_FLOAT32 = implementation(DecayInFloat32)
STOPS_AFTER_5000 = implementation(StopsAfter5000)
