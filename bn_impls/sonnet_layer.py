"""The Sonnet 2 module ``snt.BatchNorm``: create, call with ``is_training``; variables appear at the first call.

What its user must remember:

- Its averages are debiased, as Adam's are: after the first update they *are* the batch's statistics. Before it they are
  0, and inference then divides by the root of epsilon.
- Maps of rank 4 with channels last go through the fused kernel: float32 only, and the moving variance then divides by
  n - 1; every other input goes through the moments, and divides by n.
- In a graph of float64 or 16 bits a Python float as ``decay_rate`` raises a TypeError at the first training call: it
  becomes float32 there, and its power is taken with a count of the input's dtype. Give it a number of that dtype.
- Parameters, moving averages and the decay have the input's dtype. In bfloat16 a decay above 0.998 is 1: the
  first update divides 0 by 0, and the averages are NaN.
- A checkpoint holds the hidden sums and the counter beside the averages; whoever sets the averages alone loses them at
  the next update.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import sonnet as snt
import tensorflow as tf

from bn_impls import tensorflow_boundary as boundary
from bn_impls.accuracy.dtypes import numpy_dtype
from bn_impls.interface import (
    Array,
    Configuration,
    Conventions,
    Implementation,
    Layer,
    OtherKernel,
    Trainer,
    TrainerConfiguration,
    Unsupported,
)
from bn_impls.networks.tensorflow_network import tensorflow_trainer
from bn_impls.state import CHANNEL_ARRAYS, State
from bn_impls.unbuilt import unbuilt_layer
from bn_impls.variants import found_in


def batch_norm(settings: Configuration) -> snt.BatchNorm:
    """The module as Sonnet's users write it."""
    return snt.BatchNorm(
        create_scale=settings.scale,
        create_offset=settings.center,
        decay_rate=decay_rate(settings),
        eps=settings.epsilon,
        data_format=settings.layout,
    )


def decay_rate(settings: Configuration) -> Any:
    """A Python float, or where a graph would take that for a float32 too many, a number of the input's dtype."""
    return settings.decay if settings.dtype == "float32" else numpy_dtype(settings.dtype).type(settings.decay)


# ---- the adapter ----------------------------------------------------------------------------------------------------

FUSED = OtherKernel(ranks=(4,), dtypes=("float32",), ddof=1, layouts=("channels_last",))
OWN = Conventions(
    ddof=0, initial_mean=0.0, initial_variance=0.0, warm_up=False, decay_in_float32=False, debias=True, fused=FUSED
)


def refusal(settings: Configuration) -> Unsupported | None:
    """Why snt.BatchNorm cannot do this, or None."""
    rank, conventions = len(settings.input_shape), settings.conventions
    if rank == 4 and settings.layout == "channels_last" and settings.dtype not in FUSED.dtypes:
        try:
            called(settings)
        except (tf.errors.InvalidArgumentError, ValueError) as error:
            return Unsupported(f"snt.BatchNorm refuses {settings.dtype} maps: {str(error).splitlines()[0]}")
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


def called(settings: Configuration) -> snt.BatchNorm:
    """The module after one call in inference, which creates the variables and changes none."""
    module = batch_norm(settings)
    module(tf.zeros(settings.input_shape, settings.dtype), is_training=False)
    return module


class Held(tf.Module):
    """A module whose variables exist, by canonical names; the averages keep Sonnet's shape, (1, ..., C)."""

    def __init__(self, settings: Configuration, make: Callable[[Configuration], Any] = called) -> None:
        """Take the variables by name, and set the averages to where the conventions say."""
        super().__init__()
        self.settings = settings
        self.module = make(settings)
        self.gamma, self.beta = self.module.scale, self.module.offset
        self.averages = (self.module.moving_mean, self.module.moving_variance)
        self.moving_mean, self.moving_variance = (average.average for average in self.averages)
        self.num_updates = self.averages[0]._counter  # Sonnet has no public name for it and for the hidden sum
        start, ones = settings.conventions, np.ones(settings.channels)
        mean, variance = start.initial_mean * ones, start.initial_variance * ones
        self.load(State(gamma=ones, beta=0 * ones, moving_mean=mean, moving_variance=variance, num_updates=0))

    def __call__(self, x: tf.Tensor, training: bool) -> tf.Tensor:
        """Normalize."""
        return self.module(x, is_training=training)

    def gradients(self, x: tf.Tensor, dy: tf.Tensor) -> tuple[tf.Tensor | None, ...]:
        """Output, and the gradients of input, scale and offset, each of shape (C,)."""
        settings = self.settings
        used = (self.gamma if settings.scale else None, self.beta if settings.center else None)
        y, dx, *found = boundary.gradients(lambda x: self(x, training=True), used)(x, dy)
        return y, dx, *(None if given is None else tf.reshape(given, [-1]) for given in found)

    def load(self, state: State) -> None:
        """Set the canonical state."""
        given: dict[str, Any] = {**state}
        for name in CHANNEL_ARRAYS:
            _assign(getattr(self, name), given[name])
        self.num_updates.assign(state["num_updates"])
        self.settle()

    def settle(self) -> None:
        """Set the hidden sums to what the averages are made of, and both counters to the first."""
        count = int(self.num_updates.numpy())
        share = 1 - self.settings.decay**count
        for average in self.averages:
            shown = average.average.numpy()
            _assign(average._hidden, shown * np.float64(share) if count else np.zeros_like(shown))
            average._counter.assign(count)

    def export(self) -> State:
        """The canonical state, with the debiased averages."""
        return State(
            gamma=_flat(self.gamma),
            beta=_flat(self.beta),
            moving_mean=_flat(self.moving_mean),
            moving_variance=_flat(self.moving_variance),
            num_updates=int(self.num_updates.numpy()),
        )


def _flat(variable: tf.Variable) -> Array:
    array: Array = variable.numpy().reshape(-1).copy()
    return array


def _assign(variable: tf.Variable, array: Array) -> None:
    variable.assign(array.reshape(variable.shape).astype(variable.dtype.as_numpy_dtype))


def build(configuration: Configuration) -> Layer | Unsupported:
    """Build a layer."""
    reason = boundary.refusal(configuration.device, configuration.style, configuration.dtype, boundary.LAYER_DTYPES)
    if reason or (reason := refusal(configuration)):
        return reason
    with boundary.placed(configuration.device):
        return layer_of(Held(configuration))


def layer_of(held: Held) -> Layer:
    """The layer of the interface around a module; built where the module is placed."""
    configuration = held.settings
    tensor, style = tf.TensorSpec(configuration.input_shape, configuration.dtype), configuration.style
    return Layer(
        configuration=configuration,
        inference=boundary.styled(lambda x: held.module(x, is_training=False), style, tensor),
        training_step=boundary.styled(lambda x: held.module(x, is_training=True), style, tensor),
        training_step_with_gradients=boundary.styled(held.gradients, style, tensor, tensor),
        to_native=boundary.to_native(configuration.device, configuration.dtype),
        to_numpy=boundary.to_numpy,
        synchronize=boundary.synchronize,
        export_state=held.export,
        load_state=held.load,
        observe=boundary.observe,
        formats=boundary.layer_formats({"layer": held.module}, lambda x: held.module(x, is_training=False), tensor),
    )


def unbuilt(configuration: Configuration) -> Layer | Unsupported:
    """A module whose variables are made by its first call, after the checkpoint was read, which waits for them."""

    def restore(directory: Path) -> Layer:
        module, held = batch_norm(configuration), Held(configuration)
        with boundary.deferred(tf.train.Checkpoint(layer=module), directory):
            module(tf.zeros(configuration.input_shape, configuration.dtype), is_training=False)
        for own, restored in zip(held.module.variables, module.variables, strict=True):
            own.assign(restored)
        return layer_of(held)

    return unbuilt_layer(build(configuration), {"tf-checkpoint": restore})


def build_trainer(configuration: TrainerConfiguration) -> Trainer | Unsupported:
    """Build a network of TensorFlow operations around :func:`batch_norm`."""
    if reason := next(filter(None, map(refusal, configuration.layer_configurations())), None):
        return reason
    return tensorflow_trainer(configuration, Held, Held.settle)


IMPLEMENTATION = Implementation(
    conventions=OWN,
    packages=("dm-sonnet", "tensorflow", "numpy"),
    build=build,
    build_trainer=build_trainer,
    narrow_statistics=True,
    variants=found_in("bn_impls.variants.sonnet_layer"),
    unbuilt=unbuilt,
)
