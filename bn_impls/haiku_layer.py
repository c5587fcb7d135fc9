"""The Haiku module ``hk.BatchNorm``: a function that calls it, transformed into two pure functions of its state.

What its user must remember:

- Its averages are debiased, as Adam's are: after the first update they *are* the batch's statistics, and no start value
  is ever part of them.
- Before the first update they are the statistics of the batch that ``init`` was given: an example of zeros leaves 0,
  and inference then divides by the root of epsilon.
- The variance is E[x^2] - E[x]^2 without a lower limit: wrong, or negative, where the mean is large beside the
  deviation.
- ``is_training`` and the state are arguments of every call, and the new state is a result that must be kept.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np

from bn_impls import jax_boundary as boundary
from bn_impls.canonical import npz_format
from bn_impls.interface import Configuration, Conventions, Implementation, Layer, Unsupported
from bn_impls.jax_layer import callables
from bn_impls.state import State

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

    def __init__(self, settings: Configuration) -> None:
        """Transform."""
        self.transformed = batch_norm(settings)

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


class HeldState:
    """Parameters and state between calls."""

    def __init__(self, settings: Configuration) -> None:
        """Initialize with an example of zeros, and set the averages to where the conventions say."""
        self.settings, self.place = settings, boundary.placed(settings.device)
        self.pure = PureBatchNorm(settings)
        example = boundary.to_native(settings.device, settings.dtype)(np.zeros(settings.input_shape))
        self.parameters, self.statistics = self.pure.transformed.init(None, example, True)
        start, ones = settings.conventions, np.ones(settings.channels)
        mean, variance = start.initial_mean * ones, start.initial_variance * ones
        self.load(State(gamma=ones, beta=0 * ones, moving_mean=mean, moving_variance=variance, num_updates=0))

    def _wide(self, array: Any) -> jax.Array:
        return jax.device_put(np.array(array, self.settings.dtype).reshape(self.settings.parameter_shape), self.place)

    def load(self, state: State) -> None:
        """Set the canonical state; the hidden sums are those that the averages are made of."""
        given: dict[str, Any] = {**state}
        own = self.parameters.get(NAME, {})
        filled = {name: self._wide(given[ours]) for name, ours in PARAMETERS.items() if name in own}
        self.parameters = {NAME: filled} if own else self.parameters
        self.updates = count = state["num_updates"]
        ones = np.ones(self.settings.channels)
        share = 1 - self.settings.decay**count
        self.statistics = {
            module: {
                "average": self._wide(given[ours]),
                "counter": jax.device_put(jnp.int32(min(count, MOST_COUNTED)), self.place),
                "hidden": self._wide(given[ours] * share if count else 0 * ones),
            }
            for module, ours in AVERAGES.items()
        }

    def export(self) -> State:
        """The canonical state, with the debiased averages."""
        own, ones = self.parameters.get(NAME, {}), np.ones(self.settings.channels, self.settings.dtype)
        mean, variance = (np.array(self.statistics[module]["average"]).reshape(-1) for module in AVERAGES)
        return State(
            gamma=np.array(own["scale"]).reshape(-1) if "scale" in own else ones,
            beta=np.array(own["offset"]).reshape(-1) if "offset" in own else 0 * ones,
            moving_mean=mean,
            moving_variance=variance,
            num_updates=self.updates,
        )


def build(configuration: Configuration) -> Layer | Unsupported:
    """Build a layer."""
    reason = boundary.refusal(configuration.device, configuration.style, configuration.dtype)
    if reason or (reason := _refusal(configuration)):
        return reason
    held = HeldState(configuration)
    inference, training_step, with_gradients = callables(held, held.pure, configuration.style)
    built = Layer(
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
        formats={"npz": npz_format(held.export, lambda state: built.import_state(state))},
    )
    return built


ONE_PASS = "hk.BatchNorm takes E[x^2] - E[x]^2, which loses digits where the mean is large beside the deviation"
IMPLEMENTATION = Implementation(
    conventions=OWN,
    packages=("dm-haiku", "jax", "jaxlib", "numpy"),
    build=build,
    documented={name: ONE_PASS for name in ("mean_100", "mean_10000", "constant_channel")},
)
