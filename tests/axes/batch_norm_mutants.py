"""Batch normalizations with one planted mistake each, and honest ones that merely compute in another way.

They are loaded by ``batch_norm_mutants:NAME``, as anybody's own implementation is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bn_impls.canonical import npz_format
from bn_impls.errors import BadCheckpoint
from bn_impls.interface import (
    Array,
    Configuration,
    Conventions,
    Format,
    Implementation,
    Layer,
    Trainer,
    TrainerConfiguration,
    Unsupported,
)
from bn_impls.networks.numpy_network import hosted_trainer
from bn_impls.numpy_boundary import identity, no_wait, observe
from bn_impls.numpy_reference import IMPLEMENTATION as GOOD
from bn_impls.numpy_reference import BatchNorm, refusal

# ---- layers ---------------------------------------------------------------------------------------------------------


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

# ---- checkpoints ----------------------------------------------------------------------------------------------------

Spoil = Callable[[Trainer, dict[str, Array], dict[str, Array]], None]
"""Restore: the trainer, the arrays that it exported when built, and those that were saved (weights and optimizer)."""


def load(trainer: Trainer, arrays: Mapping[str, Array]) -> None:
    """Import weights and optimizer."""
    prefix = "optimizer/"
    trainer.import_weights({name: array for name, array in arrays.items() if not name.startswith(prefix)})
    slots = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
    trainer.import_optimizer(slots)


def losing(spoil: Spoil) -> Implementation:
    """An implementation whose networks save everything, and restore it as ``spoil`` does."""

    def build_trainer(configuration: TrainerConfiguration) -> Trainer | Unsupported:
        trainer = hosted_trainer(configuration, GOOD.build)
        assert isinstance(trainer, Trainer)

        def everything() -> dict[str, Array]:
            slots = {f"optimizer/{name}": array for name, array in trainer.export_optimizer().items()}
            return trainer.export_weights() | slots

        fresh = everything()
        saved = npz_format(everything, lambda arrays: spoil(trainer, fresh, dict(arrays)))
        return replace(trainer, formats={"npz": saved})

    return replace(GOOD, build_trainer=build_trainer)


def all_but(*parts: str) -> Spoil:
    """Restore everything but the arrays whose names contain one of these."""

    def spoil(trainer: Trainer, fresh: dict[str, Array], saved: dict[str, Array]) -> None:
        lost = {name for name in saved if any(part in name for part in parts)}
        load(trainer, saved | {name: fresh[name] for name in lost})

    return spoil


def in_half_precision(trainer: Trainer, fresh: dict[str, Array], saved: dict[str, Array]) -> None:
    """Restore kernels as float16 kept them."""
    load(trainer, saved | {name: a.astype(np.float16).astype(a.dtype) for name, a in saved.items() if "kernel" in name})


def refuse(trainer: Trainer, fresh: dict[str, Array], saved: dict[str, Array]) -> None:
    """Restore nothing and say so."""
    raise BadCheckpoint("written on a Tuesday")


LOSES_NOTHING = losing(all_but())
LOSES_STATISTICS = losing(all_but("moving_"))
LOSES_THE_VARIANCE_OF_ONE_LAYER = losing(all_but("batch_norm_1/moving_variance"))
LOSES_THE_OPTIMIZER = losing(all_but("optimizer/"))
LOSES_THE_SLOTS = losing(all_but("/m", "/v"))
LOSES_THE_STEP = losing(all_but("optimizer/step"))
LOSES_THE_COUNTERS = losing(all_but("num_updates"))
LOSES_THE_SECOND_COUNTER = losing(all_but("batch_norm_1/num_updates"))
LOSES_EVERYTHING = losing(all_but(""))
LOSES_PRECISION = losing(in_half_precision)
REFUSES_ITS_OWN = losing(refuse)


def _stale(configuration: TrainerConfiguration) -> Trainer | Unsupported:
    """Exports what was restored, and predicts with what it was built with."""
    shown = hosted_trainer(configuration, GOOD.build)
    used = hosted_trainer(configuration, GOOD.build)
    assert isinstance(shown, Trainer)
    assert isinstance(used, Trainer)
    restoring: list[bool] = []

    def import_both(weights: Mapping[str, Array]) -> None:
        shown.load_weights(weights)
        if not restoring:
            used.load_weights(weights)

    def restore(directory: Path) -> None:
        restoring.append(True)
        shown.formats["npz"].restore(directory)

    def train(indices: Array, masks: Mapping[str, Array]) -> Array:
        losses = shown.train(indices, masks)
        if not restoring:
            used.load_weights(shown.export_weights())
        return losses

    return replace(
        shown, load_weights=import_both, predict=used.predict, train=train,
        formats={"npz": Format(shown.formats["npz"].save, restore)},
    )  # fmt: skip


def _hidden_rate(configuration: TrainerConfiguration) -> Trainer | Unsupported:
    """Restores all that it exports, and trains on at another learning rate, as after a lost schedule."""
    trainer = hosted_trainer(configuration, GOOD.build)
    slow = hosted_trainer(replace(configuration, optimizer=replace(configuration.optimizer, rate=1e-5)), GOOD.build)
    assert isinstance(trainer, Trainer)
    assert isinstance(slow, Trainer)
    restored: list[bool] = []

    def restore(directory: Path) -> None:
        restored.append(True)
        trainer.formats["npz"].restore(directory)

    def load_data(inputs: Array, labels: Array) -> None:
        trainer.load_data(inputs, labels)
        slow.load_data(inputs, labels)

    def train(indices: Array, masks: Mapping[str, Array]) -> Array:
        if not restored:
            return trainer.train(indices, masks)
        slow.load_weights(trainer.export_weights())
        slow.load_optimizer(trainer.export_optimizer())
        return slow.train(indices, masks)

    formats = {"npz": Format(trainer.formats["npz"].save, restore)}
    return replace(trainer, train=train, load_data=load_data, formats=formats)


PREDICTS_WITH_A_STALE_COPY = replace(GOOD, build_trainer=_stale)
TRAINS_ON_AT_ANOTHER_RATE = replace(GOOD, build_trainer=_hidden_rate)
