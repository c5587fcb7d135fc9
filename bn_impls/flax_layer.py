"""The Flax module ``nnx.BatchNorm``: a Python object outside, pure functions of its state inside ``jax.jit``.

What its user must remember:

- The variance is by default taken as E[x^2] - E[x]^2, clamped at 0: fast, and wrong where the mean is large beside the
  deviation. ``use_fast_variance=False`` takes two passes.
- ``nnx.jit`` walks over the module at every call. Split the module once and compile a pure function of its state: the
  new statistics are then a result, and forgetting to keep them means that nothing is learned.
- The moving statistics are float32 whatever ``param_dtype`` says; in a float64 network, replace them by your own.
- ``momentum`` is the weight of the *old* moving value, and there is no count of the updates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

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
from bn_impls.jax_layer import HeldState, layer_of, unbuilt
from bn_impls.networks.jax_training import jax_trainer
from bn_impls.variants import found_in


def batch_norm(settings: Configuration) -> nnx.BatchNorm:
    """The module as Flax's users write it."""
    layer = nnx.BatchNorm(
        settings.channels,
        axis=settings.channel_axis,
        momentum=settings.decay,
        epsilon=settings.epsilon,
        use_bias=settings.center,
        use_scale=settings.scale,
        dtype=settings.dtype,
        param_dtype=settings.parameter_dtype,
        rngs=nnx.Rngs(0),
    )
    start, shape = settings.conventions, (settings.channels,)
    layer.mean = nnx.BatchStat(jnp.full(shape, start.initial_mean, settings.parameter_dtype))
    layer.var = nnx.BatchStat(jnp.full(shape, start.initial_variance, settings.parameter_dtype))
    return layer


class PureBatchNorm:
    """The module taken apart: its structure, which stays, and its state, which goes through pure functions."""

    def __init__(self, layer: nnx.BatchNorm) -> None:
        """Split."""
        self.structure, self.parameters, self.statistics = nnx.split(layer, nnx.Param, nnx.BatchStat)

    def inference(self, parameters: nnx.State, statistics: nnx.State, x: jax.Array) -> jax.Array:
        """Output by the moving statistics."""
        layer = nnx.merge(self.structure, parameters, statistics)
        return layer(x, use_running_average=True)

    def forward(self, parameters: nnx.State, statistics: nnx.State, x: jax.Array) -> tuple[jax.Array, nnx.State]:
        """Output by the batch's statistics, and the new moving ones."""
        layer = nnx.merge(self.structure, parameters, statistics, copy=True)
        return layer(x, use_running_average=False), nnx.state(layer, nnx.BatchStat)

    def gradients(self, parameters: nnx.State, statistics: nnx.State, x: jax.Array, dy: jax.Array) -> Any:
        """(output, gradient of the input, gradients of the parameters), and the new moving statistics."""
        y, pull_back, moved = jax.vjp(lambda p, x: self.forward(p, statistics, x), parameters, x, has_aux=True)
        dparameters, dx = pull_back(dy)
        return (y, dx, *(dparameters[name].get_value() if name in dparameters else None for name in PARAMETERS)), moved


PARAMETERS = ("scale", "bias")

# ---- the adapter ----------------------------------------------------------------------------------------------------

OWN = Conventions(ddof=0, initial_mean=0.0, initial_variance=1.0, warm_up=False, decay_in_float32=False)
NAMES = {"scale": "gamma", "bias": "beta", "mean": "moving_mean", "var": "moving_variance"}


def _refusal(conventions: Conventions) -> Unsupported | None:
    if conventions.ddof:
        return Unsupported("flax.nnx.BatchNorm divides by n; ddof 1 is not offered")
    if conventions.warm_up:
        return Unsupported("flax.nnx.BatchNorm keeps its momentum constant; warm-up is not offered")
    mean, variance = conventions.initial_mean, conventions.initial_variance
    if conventions != replace(OWN, initial_mean=mean, initial_variance=variance):
        return Unsupported("flax.nnx.BatchNorm applies its momentum as given, not rounded to float32")
    return None


class FlaxLayer:
    """The module as pure functions, and its states by canonical names."""

    def __init__(self, settings: Configuration, make: Callable[[Configuration], nnx.BatchNorm] = batch_norm) -> None:
        """Make the module and take it apart."""
        self.dtype, self.pure = settings.parameter_dtype, PureBatchNorm(make(settings))

    def start(self) -> tuple[nnx.State, nnx.State]:
        """As the module was made."""
        return self.pure.parameters, self.pure.statistics

    def parameters_of(self, arrays: Mapping[str, Array]) -> nnx.State:
        """``scale`` and ``bias``."""
        return self._filled(self.pure.parameters, arrays)

    def named_parameters(self, parameters: nnx.State) -> dict[str, Any]:
        """Those that the module has."""
        return {NAMES[name]: variable.get_value() for name, variable in parameters.items()}

    def statistics_of(self, arrays: Mapping[str, Array]) -> nnx.State:
        """``mean`` and ``var``; the module keeps no count."""
        return self._filled(self.pure.statistics, arrays)

    named_statistics = named_parameters

    def _filled(self, state: nnx.State, arrays: Mapping[str, Array]) -> nnx.State:
        leaves = [np.array(arrays[NAMES[name]], self.dtype) for name in sorted(state)]
        filled: nnx.State = jax.tree.unflatten(jax.tree.structure(state), leaves)
        return filled


def build(configuration: Configuration) -> Layer | Unsupported:
    """Build a layer."""
    reason = boundary.refusal(configuration.device, configuration.style, configuration.dtype, boundary.LAYER_DTYPES)
    if reason or (reason := _refusal(configuration.conventions)):
        return reason
    return layer_of(HeldState(configuration, FlaxLayer))


def build_trainer(configuration: TrainerConfiguration) -> Trainer | Unsupported:
    """Build a network on JAX around :func:`batch_norm`."""
    if reason := _refusal(configuration.conventions):
        return reason
    return jax_trainer(configuration, FlaxLayer)


ONE_PASS = "use_fast_variance, on by default, takes E[x^2] - E[x]^2, which loses digits where the mean is large"
IMPLEMENTATION = Implementation(
    conventions=OWN,
    packages=("flax", "jax", "jaxlib", "orbax-checkpoint", "numpy"),
    build=build,
    build_trainer=build_trainer,
    narrow_statistics=False,
    variants=found_in("bn_impls.variants.flax_layer"),
    unbuilt=unbuilt,
    documented={name: Documented("one_pass_variance", ONE_PASS) for name in ("mean_100", "mean_10000")},
)
