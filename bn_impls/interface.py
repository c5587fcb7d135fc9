"""The one interface behind which every batch normalization API sits.

An implementation is built from a frozen configuration and hands out *bare callables* in its framework's own tensors.
Nothing of ours stands between the timer and the framework: what can be checked is checked when a layer is built and
when a state is imported, never in a step. Conversion and closing form the boundary and are never timed;
synchronization ends a timed sample. This form is forced by graphs that must be built before they run, and it is what
keeps the others fast.

The module is long because a contract is read in one place; most of it is docstrings. Importing it needs NumPy only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from bn_impls.errors import BadConfiguration, BadState
from bn_impls.networks.description import BatchNorm, Network
from bn_impls.networks.optimizers import Optimizer
from bn_impls.state import State, validated_arrays, validated_state

Array = npt.NDArray[Any]
Native = Any  # a tensor of the framework
Style = Literal["eager", "graph", "xla", "session", "subclassed"]
Layout = Literal["channels_last", "channels_first"]
Device = Literal["cpu", "gpu"]
Statistics = Literal["moving", "batch"]

STYLES: tuple[Style, ...] = ("eager", "graph", "xla", "session", "subclassed")


@dataclass(frozen=True)
class Unsupported:
    """A part that an implementation does not offer, and why. A value, never an exception or a missing method."""

    reason: str


@dataclass(frozen=True)
class NoDevice(Unsupported):
    """A device that this machine, or this build of the framework, does not have."""


@dataclass(frozen=True, kw_only=True)
class OtherKernel:
    """Inputs for which an API calls another kernel, whose variance has a ddof of its own.

    Attributes:
        ranks: of the inputs.
        dtypes: of the inputs.
        ddof: of that kernel.
        layouts: of the inputs; of rank 2 there is one only, which counts as either.
    """

    ranks: tuple[int, ...]
    dtypes: tuple[str, ...]
    ddof: Literal[0, 1]
    layouts: tuple[Layout, ...] = ("channels_last", "channels_first")


@dataclass(frozen=True, kw_only=True)
class Conventions:
    """What APIs of the same name do differently, so that the reference can be set to match.

    Attributes:
        ddof: 0 if the variance that enters the moving average divides by n, 1 if by n - 1. The variance that
            normalizes divides by n in every API known to us.
        initial_mean: value of the moving mean before the first update.
        initial_variance: value of the moving variance before the first update.
        warm_up: whether the decay of update t is min(decay, (1 + t) / (10 + t)), with t = 0 for the first update.
        decay_in_float32: whether decay and 1 - decay are rounded to float32 even where the statistics are float64,
            as ``tf.train.ExponentialMovingAverage`` does; a float64 average is then off by up to 1e-8.
        complement_in_float32: whether 1 - decay alone is rounded to float32, after an exact subtraction, as the layers
            of Keras 2 do.
        debias: whether the average starts at 0 and is divided by 1 - decay^t after t updates, as Sonnet's and Haiku's:
            it weighs all batches so far and no start value. Such an average is the one that is exported; it moves
            with a decay of its own, which is 0 at the first update.
        fused: where another ddof holds; None in the conventions of one layer, whose rank and dtype are known.
    """

    ddof: Literal[0, 1]
    initial_mean: float
    initial_variance: float
    warm_up: bool
    decay_in_float32: bool
    complement_in_float32: bool = False
    debias: bool = False
    fused: OtherKernel | None = None

    def of_input(self, rank: int, dtype: str, layout: Layout = "channels_last") -> Conventions:
        """What holds for inputs of one rank, dtype and layout."""
        if self.fused is None:
            return self
        fused = rank in self.fused.ranks and dtype in self.fused.dtypes and layout in self.fused.layouts
        return replace(self, ddof=self.fused.ddof if fused else self.ddof, fused=None)

    def of_dtype(self, dtype: str) -> Conventions:
        """What holds for inputs of one dtype, said for every dtype: a reference in float64 can follow it."""
        if self.fused is None or dtype not in self.fused.dtypes:
            return replace(self, fused=None)
        return replace(self, fused=replace(self.fused, dtypes=FLOATS))

    def decay_of(self, decay: float, updates: int) -> float:
        """The decay that an update really applies.

        Args:
            decay: the configured one.
            updates: number of updates before this one.

        Returns:
            The weight of the old moving value: ``decay (1 - decay^t) / (1 - decay^(t + 1))`` where t updates debias.
        """
        if self.debias and decay < 1:  # h <- d h + (1 - d) new, average = h / (1 - d^t), with h eliminated
            return decay * (1 - decay**updates) / (1 - decay ** (updates + 1))
        if not self.decay_in_float32:
            exact = min(decay, (1 + updates) / (10 + updates)) if self.warm_up else decay
            return 1.0 - float(np.float32(1.0 - exact)) if self.complement_in_float32 else exact
        rounded = np.float32(decay)
        if self.warm_up:
            rounded = min(rounded, np.float32(1 + updates) / np.float32(10 + updates))
        return 1.0 - float(np.float32(1) - rounded)


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """Everything that determines one layer; nothing contested has a default.

    Attributes:
        input_shape: shape of every input of this layer, batch first, such as (32, 56, 56, 64).
        layout: whether the channels are the last axis or the second.
        dtype: name of the NumPy dtype of inputs and outputs, and of parameters unless the API keeps wider ones.
        decay: weight of the old moving value, in [0, 1].
        epsilon: added to the variance under the root, positive or 0.
        center: whether beta is added.
        scale: whether gamma multiplies.
        conventions: what the moving statistics do; once built, what they do for inputs of this rank and dtype.
        style: how the framework is called.
        device: where it computes.
    """

    input_shape: tuple[int, ...]
    layout: Layout
    dtype: str
    decay: float
    epsilon: float
    center: bool
    scale: bool
    conventions: Conventions
    style: Style
    device: Device

    def __post_init__(self) -> None:
        """Refuse what no implementation could mean."""
        start = self.conventions.initial_variance
        checks = (
            (len(self.input_shape) >= 2, "input_shape", self.input_shape, "at least (batch, channels)"),
            (all(size >= 0 for size in self.input_shape), "input_shape", self.input_shape, "sizes of 0 or more"),
            (self.layout in ("channels_last", "channels_first"), "layout", self.layout, "a known layout"),
            (self.dtype in FLOATS, "dtype", self.dtype, f"one of {', '.join(FLOATS)}"),
            (0 <= self.decay <= 1, "decay", self.decay, "a weight in [0, 1]"),
            (self.epsilon >= 0, "epsilon", self.epsilon, "0 or more"),
            (self.style in STYLES, "style", self.style, f"one of {', '.join(STYLES)}"),
            (self.device in ("cpu", "gpu"), "device", self.device, "cpu or gpu"),
            (self.conventions.ddof in (0, 1), "ddof", self.conventions.ddof, "0 or 1"),
            (not start < 0, "initial_variance", start, "0 or more"),
        )
        for passed, name, got, expected in checks:
            if not passed:
                raise BadConfiguration(f"{name} is {got!r}, but should be {expected} [Configuration]")
        resolved = self.conventions.of_input(len(self.input_shape), self.dtype, self.layout)
        object.__setattr__(self, "conventions", resolved)  # so that nobody downstream can forget to ask

    @property
    def channel_axis(self) -> int:
        """Index of the channel axis: the last, or 1."""
        return len(self.input_shape) - 1 if self.layout == "channels_last" else 1

    @property
    def usual_axis(self) -> int:
        """The channel axis as users write it: -1 where the channels are last, the default of most APIs, or 1."""
        return -1 if self.channel_axis == len(self.input_shape) - 1 else 1

    @property
    def channels(self) -> int:
        """Number of channels C."""
        return self.input_shape[self.channel_axis]

    @property
    def parameter_dtype(self) -> str:
        """The dtype of parameters and statistics in mixed precision: float32 for 16 bits, otherwise the inputs' own."""
        return "float32" if self.dtype in ("float16", "bfloat16") else self.dtype

    @property
    def reduction_axes(self) -> tuple[int, ...]:
        """The axes over which mean and variance are taken: all but the channel axis."""
        return tuple(axis for axis in range(len(self.input_shape)) if axis != self.channel_axis)

    @property
    def parameter_shape(self) -> tuple[int, ...]:
        """Shape in which a (C,) parameter broadcasts against the input."""
        return tuple(s if axis == self.channel_axis else 1 for axis, s in enumerate(self.input_shape))


FLOATS = ("float64", "float32", "float16", "bfloat16")


@dataclass(frozen=True)
class Observation:
    """What was seen of a label, and how."""

    observed: str
    evidence: str


class Observe(Protocol):
    """Look at what a callable of a layer really is and does: its device, dtype and style."""

    def __call__(self, function: Callable[..., Any], *inputs: Native) -> Mapping[str, Observation]:
        """Call ``function(*inputs)`` once and return an observation for ``device``, ``dtype`` and ``style``."""


@dataclass(frozen=True)
class Format:
    """One checkpoint format: writing a directory that exists and is empty, and reading it back.

    ``restore`` raises :class:`bn_impls.errors.BadCheckpoint` for anything that is missing, damaged or does not fit;
    what it was restoring is then to be thrown away, because frameworks notice some misfits only half way through.
    ``names`` tells under which names a saved directory holds its arrays, where the format can tell.
    """

    save: Callable[[Path], None]
    restore: Callable[[Path], None]
    names: Callable[[Path], Sequence[str]] = lambda directory: ()


@dataclass(frozen=True)
class Export:
    """A file that holds what inference needs and no more: written by the framework, read by another program.

    Attributes:
        save: writes it into a directory that exists and is empty.
        infer: (the directory, inputs (n, ...)) -> logits (n, classes), without the framework that wrote it; raises
            ``ModuleNotFoundError`` where the program that reads it is not installed.
        names: under which names it holds its arrays.
    """

    save: Callable[[Path], None]
    infer: Callable[[Path, Array], Array]
    names: Callable[[Path], Sequence[str]] = lambda directory: ()


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One built batch normalization layer: bare callables and the boundary around them.

    Attributes:
        configuration: what it was built from.
        inference: input -> output, normalized by the moving statistics; changes nothing.
        training_step: input -> output, normalized by the batch; updates the moving statistics exactly once.
        training_step_with_gradients: (input, gradient of the output) -> (output, gradient of input, of gamma, of
            beta); updates the moving statistics exactly once. A parameter that is off has the gradient None. An API
            that computes no gradients has the reason instead.
        to_native: array to the framework's tensor on the device, not timed.
        to_numpy: tensor to array, which also waits for it, not timed.
        synchronize: wait until a callable's result is computed.
        export_state: the canonical state.
        load_state: set the state; receives only states that passed :func:`bn_impls.state.validated_state`.
        observe: look at the real device, dtype and style.
        formats: checkpoint formats by name, the framework's usual one first.
        close: release what the layer holds.
    """

    configuration: Configuration
    inference: Callable[[Native], Native]
    training_step: Callable[[Native], Native]
    training_step_with_gradients: (
        Callable[[Native, Native], tuple[Native, Native, Native | None, Native | None]] | Unsupported
    )
    to_native: Callable[[Array], Native]
    to_numpy: Callable[[Native], Array]
    synchronize: Callable[[Any], None]
    export_state: Callable[[], State]
    load_state: Callable[[State], None]
    observe: Observe
    formats: Mapping[str, Format]
    close: Callable[[], None] = lambda: None

    def differentiated(self, *inputs: Native) -> tuple[Any, ...]:
        """Call ``training_step_with_gradients`` of a layer that is known to have it; never timed.

        Raises:
            BadConfiguration: the API computes no gradients.
        """
        if isinstance(self.training_step_with_gradients, Unsupported):
            raise BadConfiguration(f"no gradients can be asked for: {self.training_step_with_gradients.reason}")
        return self.training_step_with_gradients(*inputs)

    def import_state(self, state: Mapping[str, Any]) -> None:
        """Check a canonical state, then set it.

        Args:
            state: ``gamma``, ``beta``, ``moving_mean``, ``moving_variance`` (each (C,)) and ``num_updates``.

        Raises:
            BadState: before anything is changed.
        """
        valid, settings = validated_state(state, self.configuration.channels), self.configuration
        if not settings.scale and np.any(valid["gamma"] != 1):
            raise BadState("gamma is not 1, but should be: this layer does not scale [import_state]; build with scale")
        if not settings.center and np.any(valid["beta"] != 0):
            raise BadState("beta is not 0, but should be: this layer has no offset [import_state]; build with center")
        self.load_state(valid)


@dataclass(frozen=True, kw_only=True)
class TrainerConfiguration:
    """Everything that determines a network in training.

    Attributes:
        network: the framework-free description.
        optimizer: which optimizer, with its constants.
        conventions: what the batch normalization layers do with their moving statistics.
        batch_size: rows of a step.
        dtype: of weights and activations.
        style: how the framework is called.
        device: where it computes.
    """

    network: Network
    optimizer: Optimizer
    conventions: Conventions
    batch_size: int
    dtype: str
    style: Style
    device: Device

    def exact(self) -> TrainerConfiguration:
        """The same for the float64 reference, which keeps the conventions that hold in this dtype."""
        conventions = self.conventions.of_dtype(self.dtype)
        return replace(self, dtype="float64", style="eager", device="cpu", conventions=conventions)

    def layer_configuration(self, layer: BatchNorm, input_shape: tuple[int, ...]) -> Configuration:
        """The configuration of one batch normalization layer of the network.

        Args:
            layer: its description.
            input_shape: shape of one example at this place, without the batch axis.

        Returns:
            A configuration for ``batch_size`` examples.
        """
        return Configuration(
            input_shape=(self.batch_size, *input_shape),
            layout="channels_last",
            dtype=self.dtype,
            decay=layer.decay,
            epsilon=layer.epsilon,
            center=layer.center,
            scale=layer.scale,
            conventions=self.conventions,
            style=self.style,
            device=self.device,
        )

    def layer_configurations(self) -> Iterator[Configuration]:
        """The configuration of each batch normalization layer of the network, in order."""
        for named in self.network.named_layers():
            if named.batch_norm is not None:
                yield self.layer_configuration(named.batch_norm, named.input_shape)


@dataclass(frozen=True, kw_only=True)
class Trainer:
    """A whole network in training: many steps in one call.

    Attributes:
        configuration: what it was built from.
        load_data: (inputs (n, ...), integer labels (n,)) to the device; training batches index into it.
        train: (indices (k, batch), dropout masks by layer name, each (k, batch, ...)) -> k losses, float; runs k steps
            in one call. The loss is the mean softmax cross-entropy of the batch, before that step's update.
        predict: (inputs, which statistics normalize) -> logits (n, classes); changes nothing.
        export_weights: every weight, moving statistic and ``num_updates`` by ``layer/name``.
        load_weights: set them; receives only arrays that were validated.
        export_optimizer: the optimizer's slots and step by name.
        load_optimizer: set them; receives only arrays that were validated.
        observe: look at the real device, dtype and style of the training call.
        formats: checkpoint formats by name (weights, statistics and optimizer), the framework's usual one first.
        close: release what the trainer holds.
        partial_formats: ways in which users save a part only, as ``format:part``; the checkpoint axis shows what each
            of them loses.
        exports: files to infer from elsewhere, by format.
    """

    configuration: TrainerConfiguration
    load_data: Callable[[Array, Array], None]
    train: Callable[[Array, Mapping[str, Array]], Array]
    predict: Callable[[Array, Statistics], Array]
    export_weights: Callable[[], dict[str, Array]]
    load_weights: Callable[[Mapping[str, Array]], None]
    export_optimizer: Callable[[], dict[str, Array]]
    load_optimizer: Callable[[Mapping[str, Array]], None]
    observe: Callable[[], Mapping[str, Observation]]
    formats: Mapping[str, Format]
    close: Callable[[], None] = lambda: None
    partial_formats: Mapping[str, Format] = field(default_factory=dict)
    exports: Mapping[str, Export] = field(default_factory=dict)

    def import_weights(self, weights: Mapping[str, Any]) -> None:
        """Check weights against the network's own names and shapes, then set them.

        Raises:
            BadState: before anything is changed.
        """
        self.load_weights(validated_arrays(weights, self.export_weights(), "import_weights"))

    def import_optimizer(self, slots: Mapping[str, Any]) -> None:
        """Check the optimizer's slots and step, then set them.

        Raises:
            BadState: before anything is changed.
        """
        self.load_optimizer(validated_arrays(slots, self.export_optimizer(), "import_optimizer"))


VARIANTS = {
    "defaults": "a layer with the API's own epsilon, decay and start values; those of the configuration are ignored",
    "frozen": "a layer frozen as the API's users freeze it; its training calls are the ones that users then make",
    "evaluating": "a layer whose training calls are made in the API's inference mode, as eval() or training=False, and "
    "differentiated for its parameters all the same",
    "masked": "a layer whose training_step takes (x, mask); mask is an array (batch,), True where a row is valid",
    "tensor_flag": "a layer whose training_step takes (x, flag); flag is a bool that it makes a tensor of the "
    "framework before it hands it to the API as the training flag",
    "second_order": "a layer whose training_step_with_gradients takes (x, dy, v) and returns (dx, gradient of "
    "sum(v dx) for x, the same for dy); it updates the statistics as any training call",
    "inference_gradient": "a layer whose training_step_with_gradients takes (x, dy), normalizes by the moving "
    "statistics, and returns (y, gradient of x, gradient of the moving mean or None)",
    "verbatim": "a layer whose API is given the configuration's decay and epsilon as they are, in its own parameters: "
    "nothing is converted or refused, and it starts with the API's own statistics",
    "forward_only": "a layer whose training_step is the API's training forward call and nothing beside it: no update "
    "operation is run and no returned statistic kept",
    "replicas": "a layer whose training_step and inference take a batch and run its halves on two replicas",
    "replicas_synchronized": "the same, with statistics over both replicas",
}
"""The names of probe variants, and what the layer of each is; what is not said is as in any layer."""


@dataclass(frozen=True)
class Documented:
    """What an API does on purpose and a check finds.

    Attributes:
        cause: the name that the kit gives to it (`cause` of a failed check); it excuses no other mistake.
        behaviour: in a sentence.
    """

    cause: str
    behaviour: str


@dataclass(frozen=True, kw_only=True)
class Implementation:
    """One registered way to batch-normalize.

    Attributes:
        conventions: what this API does where APIs differ.
        packages: distributions whose versions belong into a record.
        narrow_statistics: whether a layer of 16 bits keeps parameters and moving statistics in its input's 16 bits, or
            in float32, as mixed precision does; None where there is none, or where nothing is said.
        build: a layer, or why there is none for this configuration.
        build_trainer: a network in training; left out, the NumPy network hosts the layer through its gradients.
        variants: what explicit callables cannot show, by a name of :data:`VARIANTS`; a name left out is not offered.
        documented: checks of the conformance kit that find what this API does on purpose -> that behaviour; the kit
            shows it beside what it found, and fails where it finds nothing or something else.
        unbuilt: a layer without variables before a checkpoint is restored into it; left out where variables are there
            as soon as a layer is made.
        checkpoint_probes: what only this API's checkpoints can be asked, by name: an experiment in an empty folder that
            returns figures by name; the ones named ``..._bitwise`` should be true.
    """

    conventions: Conventions
    packages: tuple[str, ...]
    build: Callable[[Configuration], Layer | Unsupported]
    build_trainer: Callable[[TrainerConfiguration], Trainer | Unsupported] | None = field(default=None)
    variants: Mapping[str, Callable[[Configuration], Layer | Unsupported]] = field(default_factory=dict)
    documented: Mapping[str, Documented] = field(default_factory=dict)
    narrow_statistics: bool | None = None
    unbuilt: Callable[[Configuration], Layer | Unsupported] | None = None
    checkpoint_probes: Mapping[str, Callable[[Path], Mapping[str, Any]]] = field(default_factory=dict)


def build_trainer(implementation: Implementation, configuration: TrainerConfiguration) -> Trainer | Unsupported:
    """Build a network around an implementation's layer, in its own framework or hosted by NumPy.

    Args:
        implementation: whose layer is used.
        configuration: which network, optimizer and conventions.

    Returns:
        The trainer, or why there is none.
    """
    if implementation.build_trainer is not None:
        return implementation.build_trainer(configuration)
    from bn_impls.networks.numpy_network import hosted_trainer  # framework-free, but only needed here

    return hosted_trainer(configuration, implementation.build)
