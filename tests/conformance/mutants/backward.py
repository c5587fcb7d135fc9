"""Mistakes in the gradients."""

from __future__ import annotations

from bn_impls.interface import Array
from bn_impls.numpy_reference import BatchNorm
from tests.axes.batch_norm_mutants import implementation

Gradients = tuple[Array, Array | None, Array | None]


class ScaleOnly(BatchNorm):
    """Passes the gradient through as if the statistics were constants."""

    def backward(self, dy: Array) -> Gradients:
        """``gamma / s dy``."""
        _, dgamma, dbeta = super().backward(dy)
        return dy * self._wide(self.inverse_deviation * self.gamma), dgamma, dbeta


class NoGamma(BatchNorm):
    """Forgets gamma in the input's gradient."""

    def backward(self, dy: Array) -> Gradients:
        """Right as long as gamma is 1."""
        axes, count = self.settings.reduction_axes, self._count(dy)
        dbeta, dgamma = dy.sum(axis=axes), (dy * self.xhat).sum(axis=axes)
        inner = count * dy - self._wide(dbeta) - self.xhat * self._wide(dgamma)
        dx = self._wide(self.inverse_deviation / count) * inner
        return dx, dgamma if self.settings.scale else None, dbeta if self.settings.center else None


class Centered(BatchNorm):
    """Forgets the deviation in gamma's gradient."""

    def backward(self, dy: Array) -> Gradients:
        """``sum dy (x - mean)``."""
        dx, dgamma, dbeta = super().backward(dy)
        centred = self.xhat / self._wide(self.inverse_deviation)
        return dx, None if dgamma is None else (dy * centred).sum(axis=self.settings.reduction_axes), dbeta


class MeansOfBoth(BatchNorm):
    """Averages both parameters' gradients over the batch."""

    def backward(self, dy: Array) -> Gradients:
        """A mean where a sum should be."""
        dx, dgamma, dbeta = super().backward(dy)
        axes = self.settings.reduction_axes
        return (
            dx,
            None if dgamma is None else (dy * self.xhat).mean(axis=axes),
            None if dbeta is None else dy.mean(axis=axes),
        )


class KeepsTheFirst(BatchNorm):
    """Keeps what the first forward pass left for the backward pass."""

    def normalize(self, x: Array, mean: Array, variance: Array) -> Array:
        """A cache that is never renewed."""
        kept = getattr(self, "cache", None)
        y = super().normalize(x, mean, variance)
        self.cache = kept or (self.xhat, self.inverse_deviation)
        return y

    def backward(self, dy: Array) -> Gradients:
        """From the cache, where it fits."""
        if self.cache[0].shape == dy.shape:
            self.xhat, self.inverse_deviation = self.cache
        return super().backward(dy)


class ScalesTheGradient(BatchNorm):
    """Multiplies the incoming gradient by gamma in place."""

    def backward(self, dy: Array) -> Gradients:
        """Right, but for the caller."""
        result = super().backward(dy)
        dy *= self._wide(self.gamma)
        return result


class DividesByCountLessOne(BatchNorm):
    """Divides the gradient's terms by n - 1."""

    def backward(self, dy: Array) -> Gradients:
        """``dy - (dbeta + xhat dgamma) / (n - 1)``."""
        axes, count = self.settings.reduction_axes, max(self._count(dy) - 1, 1)
        dbeta, dgamma = dy.sum(axis=axes), (dy * self.xhat).sum(axis=axes)
        inner = dy - self._wide(dbeta / count) - self.xhat * self._wide(dgamma / count)
        factor = self.gamma * self.inverse_deviation if self.settings.scale else self.inverse_deviation
        dx = self._wide(factor) * inner
        return dx, dgamma if self.settings.scale else None, dbeta if self.settings.center else None


SCALE_ONLY = implementation(ScaleOnly)
NO_GAMMA = implementation(NoGamma)
CENTERED = implementation(Centered)
MEANS_OF_BOTH = implementation(MeansOfBoth)
KEEPS_THE_FIRST = implementation(KeepsTheFirst)
SCALES_THE_GRADIENT = implementation(ScalesTheGradient)
FORGETS_TO_UPDATE = implementation(
    BatchNorm,
    training_step_with_gradients=lambda layer: lambda x, dy: (layer.forward(x, update=False), *layer.backward(dy)),
)
DIVIDES_BY_COUNT_LESS_ONE = implementation(DividesByCountLessOne)
