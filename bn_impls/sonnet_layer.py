"""The Sonnet 2 module ``snt.BatchNorm``: create, call with ``is_training``; variables appear at the first call.

What its user must remember:

- Its averages are debiased, as Adam's are: after the first update they *are* the batch's statistics. Before it they are
  0, and inference then divides by the root of epsilon.
- Maps of rank 4 with channels last go through the fused kernel: float32 only, and the moving variance then divides by
  n - 1; every other input goes through the moments, and divides by n.
- In a graph of float64 a Python float as ``decay_rate`` raises a TypeError at the first training call: it becomes
  float32 there, and its power is taken with a float64 count.
- A checkpoint holds the hidden sums and the counter beside the averages; whoever sets the averages alone loses them at
  the next update.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import sonnet as snt
import tensorflow as tf

from bn_impls import tensorflow_boundary as boundary
from bn_impls.canonical import npz_format
from bn_impls.interface import Array, Configuration, Conventions, Implementation, Layer, OtherKernel, Unsupported
from bn_impls.state import State


def batch_norm(settings: Configuration) -> snt.BatchNorm:
    """The module as Sonnet's users write it."""
    return snt.BatchNorm(
        create_scale=settings.scale,
        create_offset=settings.center,
        decay_rate=np.float64(settings.decay) if settings.dtype == "float64" else settings.decay,
        eps=settings.epsilon,
        data_format=settings.layout,
    )


# ---- the adapter ----------------------------------------------------------------------------------------------------

FUSED = OtherKernel(ranks=(4,), dtypes=("float32",), ddof=1, layouts=("channels_last",))
OWN = Conventions(
    ddof=0, initial_mean=0.0, initial_variance=0.0, warm_up=False, decay_in_float32=False, debias=True, fused=FUSED
)


def _refusal(settings: Configuration) -> Unsupported | None:
    rank, conventions = len(settings.input_shape), settings.conventions
    if rank == 4 and settings.layout == "channels_last" and settings.dtype not in FUSED.dtypes:
        return Unsupported(f"FusedBatchNormV2, which snt.BatchNorm calls for such maps, has no {settings.dtype}")
    own = OWN.of_input(rank, settings.dtype, settings.layout)
    if conventions.ddof != own.ddof:
        return Unsupported(f"snt.BatchNorm has ddof {own.ddof} for such inputs; ddof {conventions.ddof} is not offered")
    if conventions != replace(
        own, initial_mean=conventions.initial_mean, initial_variance=conventions.initial_variance
    ):
        return Unsupported(
            "snt.BatchNorm debiases its averages and applies its decay as given; nothing else is offered"
        )
    if settings.decay == 1:
        return Unsupported("snt.BatchNorm needs a decay below 1; a debiased average with 1 is 0 / 0")
    return None


class Held:
    """A module whose variables exist, with its state in canonical form."""

    def __init__(self, settings: Configuration) -> None:
        """Call it once in inference, which creates the variables and changes none."""
        self.settings = settings
        self.module = batch_norm(settings)
        self.module(tf.zeros(settings.input_shape, settings.dtype), is_training=False)
        start, ones = settings.conventions, np.ones(settings.channels)
        mean, variance = start.initial_mean * ones, start.initial_variance * ones
        self.load(State(gamma=ones, beta=0 * ones, moving_mean=mean, moving_variance=variance, num_updates=0))

    def gradients(self, x: tf.Tensor, dy: tf.Tensor) -> tuple[tf.Tensor | None, ...]:
        """Output, and the gradients of input, scale and offset, each of shape (C,)."""
        module, settings = self.module, self.settings
        used = (module.scale if settings.scale else None, module.offset if settings.center else None)
        y, dx, *found = boundary.gradients(lambda x: module(x, is_training=True), used)(x, dy)
        return y, dx, *(None if given is None else tf.reshape(given, [-1]) for given in found)

    def load(self, state: State) -> None:
        """Set the canonical state; the hidden sums are those that the averages are made of."""
        given: dict[str, Any] = {**state}
        averages = {"moving_mean": self.module.moving_mean, "moving_variance": self.module.moving_variance}
        count, zeros = state["num_updates"], np.zeros(self.settings.channels)
        share = 1 - self.settings.decay**count
        for name, average in averages.items():
            _assign(average.average, given[name])
            _assign(
                average._hidden, given[name] * share if count else zeros
            )  # Sonnet has no public name for it and for the counter
            average._counter.assign(count)
        for name, variable in (("gamma", self.module.scale), ("beta", self.module.offset)):
            _assign(variable, given[name])

    def export(self) -> State:
        """The canonical state, with the debiased averages."""
        module = self.module
        return State(
            gamma=_flat(module.scale),
            beta=_flat(module.offset),
            moving_mean=_flat(module.moving_mean.average),
            moving_variance=_flat(module.moving_variance.average),
            num_updates=int(module.moving_mean._counter.numpy()),
        )


def _flat(variable: tf.Variable) -> Array:
    array: Array = variable.numpy().reshape(-1).copy()
    return array


def _assign(variable: tf.Variable, array: Array) -> None:
    variable.assign(array.reshape(variable.shape).astype(variable.dtype.as_numpy_dtype))


def build(configuration: Configuration) -> Layer | Unsupported:
    """Build a layer."""
    reason = boundary.refusal(configuration.device, configuration.style, configuration.dtype)
    if reason or (reason := _refusal(configuration)):
        return reason
    tensor, style = tf.TensorSpec(configuration.input_shape, configuration.dtype), configuration.style
    with boundary.placed(configuration.device):
        held = Held(configuration)
        inference = boundary.styled(lambda x: held.module(x, is_training=False), style, tensor)
        training_step = boundary.styled(lambda x: held.module(x, is_training=True), style, tensor)
        with_gradients = boundary.styled(held.gradients, style, tensor, tensor)
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


IMPLEMENTATION = Implementation(
    conventions=OWN,
    packages=("dm-sonnet", "tensorflow", "numpy"),
    build=build,
    documented={
        "checkpoint": "Sonnet keeps a hidden average beside the debiased one; the canonical state holds the debiased "
        "one alone, and dividing back costs a rounding"
    },
)
