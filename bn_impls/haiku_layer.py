"""The Haiku module ``hk.BatchNorm``: a function that calls it, transformed into two pure functions of its state.

What its user must remember:

- Its averages are debiased, as Adam's are: after the first update they *are* the batch's statistics, and no start value
  is ever part of them.
- Before the first update they are the statistics of the batch that ``init`` was given: an example of zeros leaves 0,
  and inference then divides by the root of epsilon.
- The variance is E[x^2] - E[x]^2 without a lower limit: wrong, or negative, where the mean is large beside the
  deviation.
- Parameters, moving averages and the decay itself have the input's dtype. In bfloat16 a decay above 0.998 is 1: the
  first update divides 0 by 0, and the averages are NaN.
- ``is_training`` and the state are arguments of every call, and the new state is a result that must be kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import haiku as hk
import jax
import numpy as np

from bn_impls import jax_boundary as boundary
from bn_impls.interface import (
    Array,
    Configuration,
    Conventions,
    Documented,
    Implementation,
    Layer,
    Trainer,
    TrainerConfiguration,
    Unsupported,
)
from bn_impls.jax_layer import HeldState, layer_of, start_of, unbuilt
from bn_impls.networks.jax_training import jax_trainer
from bn_impls.variants import found_in

NAME = "batch_norm"
MOST_COUNTED = 2**30  # the counter is an int32 that overflows; long before, nothing is left to debias


def batch_norm(settings: Configuration) -> hk.TransformedWithState:
    """``init`` and ``apply`` of one module, as Haiku's users make them."""

    def call(x: jax.Array, is_training: bool) -> jax.Array:
        layer = hk.BatchNorm(
            create_scale=settings.scale,
            create_offset=settings.center,
            decay_rate=settings.decay,
            eps=settings.epsilon,
            data_format=settings.layout,
            name=NAME,
        )
        return layer(x, is_training)

    return hk.without_apply_rng(hk.transform_with_state(call))


class PureBatchNorm:
    """The transformed functions in the three ways that they are called."""

    def __init__(self, transformed: hk.TransformedWithState) -> None:
        """Take both functions."""
        self.transformed = transformed

    def inference(self, parameters: Any, state: Any, x: jax.Array) -> jax.Array:
        """Output by the moving statistics."""
        y, _ = self.transformed.apply(parameters, state, x, False)
        return y

    def forward(self, parameters: Any, state: Any, x: jax.Array) -> tuple[jax.Array, Any]:
        """Output by the batch's statistics, and the new state."""
        y, moved = self.transformed.apply(parameters, state, x, True)
        return y, moved

    def gradients(self, parameters: Any, state: Any, x: jax.Array, dy: jax.Array) -> Any:
        """(output, gradient of the input, gradients of scale and offset), and the new state."""
        y, pull_back, moved = jax.vjp(lambda p, x: self.forward(p, state, x), parameters, x, has_aux=True)
        dparameters, dx = pull_back(dy)
        found = dparameters.get(NAME, {})
        parts = (found[name].reshape(-1) if name in found else None for name in ("scale", "offset"))
        return (y, dx, *parts), moved


# ---- the adapter ----------------------------------------------------------------------------------------------------

OWN = Conventions(
    ddof=0, initial_mean=0.0, initial_variance=0.0, warm_up=False, decay_in_float32=False, debias=True
)  # as initialized with an example of zeros
PARAMETERS = {"scale": "gamma", "offset": "beta"}
AVERAGES = {f"{NAME}/~/mean_ema": "moving_mean", f"{NAME}/~/var_ema": "moving_variance"}


def _refusal(settings: Configuration) -> Unsupported | None:
    if settings.conventions.ddof:
        return Unsupported("hk.BatchNorm divides by n; ddof 1 is not offered")
    mean, variance = settings.conventions.initial_mean, settings.conventions.initial_variance
    if settings.conventions != replace(OWN, initial_mean=mean, initial_variance=variance):
        return Unsupported("hk.BatchNorm debiases its averages and applies its decay as given; nothing else is offered")
    if settings.decay == 1:
        return Unsupported("hk.BatchNorm takes a decay below 1; a debiased average with 1 is 0 / 0")
    return None


Make = Callable[[Configuration], hk.TransformedWithState]


class HaikuLayer:
    """The transformed module, and its trees by canonical names."""

    def __init__(self, settings: Configuration, make: Make = batch_norm) -> None:
        """Transform."""
        self.settings, self.pure = settings, PureBatchNorm(make(settings))
        self.used = {"scale": settings.scale, "offset": settings.center}

    def start(self) -> tuple[Any, Any]:
        """What ``init`` gives for an example of zeros, or other statistics where the conventions say."""
        given: dict[str, Any] = {**start_of(self.settings)}
        return self.parameters_of(given), self.statistics_of(given)

    def _wide(self, array: Any) -> Array:
        return np.array(array, self.settings.dtype).reshape(self.settings.parameter_shape)

    def parameters_of(self, arrays: Mapping[str, Array]) -> Any:
        """The module's parameters; one that has none is not in the tree."""
        own = {name: self._wide(arrays[ours]) for name, ours in PARAMETERS.items() if self.used[name]}
        return {NAME: own} if own else {}

    def named_parameters(self, parameters: Any) -> dict[str, Any]:
        """Scale and offset, flat."""
        return {PARAMETERS[name]: array.reshape(-1) for name, array in parameters.get(NAME, {}).items()}

    def statistics_of(self, arrays: Mapping[str, Array]) -> Any:
        """Averages and counters; the hidden sums are those that the averages are made of."""
        count = int(arrays["num_updates"])
        share = 1 - self.settings.decay**count
        return {
            module: {
                "average": self._wide(arrays[ours]),
                "counter": np.array(min(count, MOST_COUNTED), np.int32),
                "hidden": self._wide(arrays[ours] * share if count else np.zeros(self.settings.channels)),
            }
            for module, ours in AVERAGES.items()
        }

    def named_statistics(self, statistics: Any) -> dict[str, Any]:
        """The debiased averages."""
        return {ours: statistics[module]["average"].reshape(-1) for module, ours in AVERAGES.items()}


def build(configuration: Configuration) -> Layer | Unsupported:
    """Build a layer."""
    reason = boundary.refusal(configuration.device, configuration.style, configuration.dtype, boundary.LAYER_DTYPES)
    if reason or (reason := _refusal(configuration)):
        return reason
    return layer_of(HeldState(configuration, HaikuLayer))


def build_trainer(configuration: TrainerConfiguration) -> Trainer | Unsupported:
    """Build a network on JAX around :func:`batch_norm`."""
    if reason := next(filter(None, map(_refusal, configuration.layer_configurations())), None):
        return reason
    return jax_trainer(configuration, HaikuLayer)


ONE_PASS = "hk.BatchNorm takes E[x^2] - E[x]^2, which loses digits where the mean is large beside the deviation"
IMPLEMENTATION = Implementation(
    conventions=OWN,
    packages=("dm-haiku", "jax", "jaxlib", "numpy"),
    build=build,
    build_trainer=build_trainer,
    narrow_statistics=True,
    variants=found_in("bn_impls.variants.haiku_layer"),
    unbuilt=unbuilt,
    documented={
        "mean_100": Documented("one_pass_variance", ONE_PASS),
        "mean_10000": Documented("one_pass_variance", ONE_PASS),
        "constant_channel": Documented("one_pass_variance", ONE_PASS),
    },
)
