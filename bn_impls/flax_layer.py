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
    Configuration,
    Conventions,
    Implementation,
    Layer,
    Trainer,
    TrainerConfiguration,
    Unsupported,
)
from bn_impls.networks.jax_network import flax_trainer
from bn_impls.state import State
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


class HeldState:
    """The state between calls, and how often it was updated."""

    def __init__(self, settings: Configuration, make: Callable[[Configuration], nnx.BatchNorm] = batch_norm) -> None:
        """Build the module on the device and take it apart."""
        self.settings, self.place = settings, boundary.placed(settings.device)
        with jax.default_device(self.place):
            self.pure = PureBatchNorm(make(settings))
        self.parameters, self.statistics, self.updates = self.pure.parameters, self.pure.statistics, 0

    def callables(self) -> tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]:
        """Inference, training step and training step with gradients: each a pure function and one assignment."""
        functions = (self.pure.inference, self.pure.forward, self.pure.gradients)
        infers, forward, gradients = (boundary.styled(function, self.settings.style) for function in functions)

        def inference(x: jax.Array) -> Any:
            return infers(self.parameters, self.statistics, x)

        def training_step(x: jax.Array) -> Any:
            y, self.statistics = forward(self.parameters, self.statistics, x)
            self.updates += 1
            return y

        def with_gradients(x: jax.Array, dy: jax.Array) -> Any:
            results, self.statistics = gradients(self.parameters, self.statistics, x, dy)
            self.updates += 1
            return results

        return inference, training_step, with_gradients

    def arrays(self) -> dict[str, Any]:
        """Copies of what the module holds, under its own names, and the count."""
        variables = {**self.parameters, **self.statistics}
        found = {name: np.array(variable.get_value()) for name, variable in variables.items()}
        return {**found, "num_updates": np.array(self.updates, np.int64)}

    def load_arrays(self, arrays: Mapping[str, Any]) -> None:
        """Set all of it."""
        self.parameters, self.statistics = (
            jax.tree.unflatten(jax.tree.structure(state), [self._on_device(arrays[name]) for name in sorted(state)])
            for state in (self.parameters, self.statistics)
        )
        self.updates = int(arrays["num_updates"])

    def _on_device(self, array: Any) -> jax.Array:
        return jax.device_put(np.array(array, self.settings.parameter_dtype), self.place)

    def export(self) -> State:
        """The canonical state."""
        found = {NAMES.get(name, name): array for name, array in self.arrays().items()}
        ones = np.ones(self.settings.channels, self.settings.parameter_dtype)
        return State(
            gamma=found.get("gamma", ones),
            beta=found.get("beta", 0 * ones),
            moving_mean=found["moving_mean"],
            moving_variance=found["moving_variance"],
            num_updates=self.updates,
        )

    def load(self, state: State) -> None:
        """Set the canonical state; a parameter that is off has no place to go."""
        given: dict[str, Any] = {**state}
        self.load_arrays({"num_updates": given["num_updates"]} | {ours: given[name] for ours, name in NAMES.items()})


def build(configuration: Configuration) -> Layer | Unsupported:
    """Build a layer."""
    reason = boundary.refusal(configuration.device, configuration.style, configuration.dtype, boundary.LAYER_DTYPES)
    if reason or (reason := _refusal(configuration.conventions)):
        return reason
    return layer_of(HeldState(configuration))


def layer_of(held: HeldState) -> Layer:
    """The layer of the interface around a state."""
    configuration = held.settings
    inference, training_step, with_gradients = held.callables()
    return Layer(
        configuration=configuration,
        inference=inference,
        training_step=training_step,
        training_step_with_gradients=with_gradients,
        to_native=boundary.to_native(configuration.device, configuration.dtype),
        to_numpy=boundary.to_numpy,
        synchronize=boundary.synchronize,
        export_state=held.export,
        load_state=held.load,
        observe=boundary.observe,
        formats={"orbax": boundary.orbax_format(held.arrays, held.load_arrays)},
    )


def build_trainer(configuration: TrainerConfiguration) -> Trainer | Unsupported:
    """Build a network of Flax modules around :func:`batch_norm`."""
    if reason := _refusal(configuration.conventions):
        return reason
    return flax_trainer(configuration, batch_norm)


ONE_PASS = "use_fast_variance, on by default, takes E[x^2] - E[x]^2, which loses digits where the mean is large"
IMPLEMENTATION = Implementation(
    conventions=OWN,
    packages=("flax", "jax", "jaxlib", "orbax-checkpoint", "numpy"),
    build=build,
    build_trainer=build_trainer,
    variants=found_in("bn_impls.variants.flax_layer"),
    documented={name: ONE_PASS for name in ("mean_100", "mean_10000")},
)
