"""What a network is, without a framework: layers in order, names, shapes, initial weights and dropout masks.

All of it stands in one module, because every builder is written against it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from bn_impls.errors import BadConfiguration

Array = npt.NDArray[Any]
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Dense:
    """``h W + b``; W has shape (inputs, units)."""

    units: int


@dataclass(frozen=True)
class Conv:
    """Two-dimensional cross-correlation, stride 1, zero padding to the same size, channels last; plus a bias.

    The kernel has shape (size, size, input channels, filters); ``size`` is odd.
    """

    filters: int
    size: int


@dataclass(frozen=True)
class MaxPool:
    """Maximum over windows of size x size with that stride; rows and columns that do not fill a window are dropped."""

    size: int


@dataclass(frozen=True)
class Flatten:
    """All axes but the batch become one."""


@dataclass(frozen=True)
class Activation:
    """An elementwise function; ELU has alpha 1."""

    function: Literal["relu", "elu", "tanh", "sigmoid"]


ACTIVATIONS = ("relu", "elu", "tanh", "sigmoid")


@dataclass(frozen=True)
class Dropout:
    """Multiply by a mask drawn in NumPy: 0 with probability ``rate``, otherwise 1 / (1 - rate). Off in inference."""

    rate: float


@dataclass(frozen=True, kw_only=True)
class BatchNorm:
    """The layer under test."""

    decay: float
    epsilon: float
    center: bool
    scale: bool


@dataclass(frozen=True)
class Unused:
    """A batch normalization beside the network: it is computed on what passes here, and nobody reads its output.

    Its moving statistics move as any other's; gamma and beta get no gradient and keep their values.
    """

    layer: BatchNorm


LayerDescription = Dense | Conv | MaxPool | Flatten | Activation | Dropout | BatchNorm | Unused
PREFIXES = {
    Dense: "dense",
    Conv: "conv",
    MaxPool: "max_pool",
    Flatten: "flatten",
    Activation: "activation",
    Dropout: "dropout",
    BatchNorm: "batch_norm",
    Unused: "batch_norm",
}


@dataclass(frozen=True)
class NamedLayer:
    """A layer at its place: its name (unique), and the shapes of one example before and after it."""

    name: str
    layer: LayerDescription
    input_shape: Shape
    output_shape: Shape

    @property
    def batch_norm(self) -> BatchNorm | None:
        """The batch normalization that stands here, also one whose output nobody reads."""
        match self.layer:
            case BatchNorm() as layer:
                return layer
            case Unused(layer=layer):
                return layer
            case _:
                return None


@dataclass(frozen=True)
class Glorot:
    """Uniform in +-sqrt(6 / (fan in + fan out)): Glorot and Bengio (2010); the default of TensorFlow's layers."""


@dataclass(frozen=True)
class He:
    """Normal with standard deviation sqrt(2 / fan in): He et al. (2015)."""


@dataclass(frozen=True)
class Normal:
    """Normal with a given standard deviation."""

    deviation: float


Initialization = Glorot | He | Normal


@dataclass(frozen=True)
class Biases:
    """Normal around ``start`` with a given standard deviation; 0 draws nothing."""

    start: float = 0.0
    deviation: float = 0.0


Loss = Literal["cross_entropy", "swapped_cross_entropy"]
LOSSES: tuple[Loss, ...] = ("cross_entropy", "swapped_cross_entropy")
CLIPPED = 1e-7
"""Keras clips what it takes for probabilities to [CLIPPED, 1 - CLIPPED] before the logarithm."""


def swapped_costs() -> tuple[float, float]:
    """What probability on the right and on a wrong class costs in ``swapped_cross_entropy``, both positive."""
    return -math.log1p(-CLIPPED), -math.log(CLIPPED)


@dataclass(frozen=True)
class Network:
    """A network from input to logits.

    Attributes:
        name: short name that records carry.
        input_shape: shape of one example.
        layers: in order; the last one gives the logits.
        initialization: how kernels start.
        biases: how biases start.
        loss: what a training step minimizes, a mean over the batch: ``cross_entropy`` is ``-log p[label]`` with p the
            softmax of the logits; ``swapped_cross_entropy`` is Keras' ``categorical_crossentropy(p, one_hot)``, its
            arguments swapped as in document 003: ``-sum_k p[k] log(clip(one_hot[k]))``, which is linear in p.
    """

    name: str
    input_shape: Shape
    layers: tuple[LayerDescription, ...]
    initialization: Initialization
    biases: Biases = Biases()
    loss: Loss = "cross_entropy"

    def named_layers(self) -> Iterator[NamedLayer]:
        """Walk the layers with their names (``dense_0``, ``batch_norm_0``, ``dense_1``, ...) and shapes.

        Raises:
            BadConfiguration: a layer has an impossible setting, or does not fit the shape before it.
        """
        counts: dict[str, int] = {}
        shape = self.input_shape
        for layer in self.layers:
            prefix = PREFIXES[type(layer)]
            number = counts.get(prefix, 0)
            counts[prefix] = number + 1
            where = f"{prefix}_{number} of network {self.name}"
            _refuse_impossible(layer, where)
            after = _output_shape(layer, shape, where)
            yield NamedLayer(f"{prefix}_{number}", layer, shape, after)
            shape = after

    def parameter_shapes(self) -> dict[str, Shape]:
        """Every trainable parameter by ``layer/parameter``, in order."""
        return {
            f"{named.name}/{parameter}": shape
            for named in self.named_layers()
            for parameter, shape in _parameters(named).items()
        }

    def initial_weights(self, seed: int) -> dict[str, Array]:
        """Draw the initial weights, batch normalization's gamma at 1 and beta at 0.

        Args:
            seed: of NumPy's default generator.

        Returns:
            Trainable parameters by name, in float64 with values that float32 represents exactly, so that every
            precision starts from the same point.
        """
        generator = np.random.default_rng(seed)
        weights: dict[str, Array] = {}
        for name, shape in self.parameter_shapes().items():
            parameter = name.rsplit("/", 1)[1]
            match parameter:
                case "kernel":
                    drawn = _draw_kernel(generator, shape, self.initialization)
                case "bias":
                    drawn = _draw_bias(generator, shape, self.biases)
                case _:
                    drawn = np.ones(shape) if parameter == "gamma" else np.zeros(shape)
            weights[name] = drawn.astype(np.float32).astype(np.float64)
        return weights

    def dropout_shapes(self) -> dict[str, Shape]:
        """Name of each dropout layer -> shape of its mask for one example."""
        return {named.name: named.input_shape for named in self.named_layers() if isinstance(named.layer, Dropout)}

    def dropout_masks(self, generator: np.random.Generator, steps: int, batch_size: int) -> Mapping[str, Array]:
        """Draw the masks of ``steps`` batches.

        Returns:
            Layer name -> float32 mask (steps, batch, ...), already scaled by 1 / (1 - rate).
        """
        masks = {}
        for named in self.named_layers():
            if isinstance(named.layer, Dropout):
                kept = generator.random((steps, batch_size, *named.input_shape)) >= named.layer.rate
                masks[named.name] = (kept / (1 - named.layer.rate)).astype(np.float32)
        return masks


def _refuse_impossible(layer: LayerDescription, where: str) -> None:
    match layer:
        case Dense(units=size) | Conv(filters=size) if size < 1:
            raise BadConfiguration(f"{where} has {size} outputs, but should have 1 or more")
        case Conv(size=size) if size < 1 or size % 2 == 0:
            raise BadConfiguration(f"{where} has a kernel of size {size}, but should have an odd one, as 3")
        case MaxPool(size=size) if size < 1:
            raise BadConfiguration(f"{where} has windows of size {size}, but should have 1 or more")
        case Dropout(rate=rate) if not 0 <= rate < 1:
            raise BadConfiguration(f"{where} has rate {rate}, but should have one in [0, 1)")
        case Activation(function=function) if function not in ACTIVATIONS:
            raise BadConfiguration(f"{where} is {function!r}, but should be one of {', '.join(ACTIVATIONS)}")


def _parameters(named: NamedLayer) -> dict[str, Shape]:
    channels = named.input_shape[-1]
    match named.layer:
        case Dense(units=units):
            return {"kernel": (channels, units), "bias": (units,)}
        case Conv(filters=filters, size=size):
            return {"kernel": (size, size, channels, filters), "bias": (filters,)}
        case BatchNorm(center=center, scale=scale) | Unused(layer=BatchNorm(center=center, scale=scale)):
            return {name: (channels,) for name, used in (("gamma", scale), ("beta", center)) if used}
        case _:
            return {}


def _output_shape(layer: LayerDescription, shape: Shape, where: str) -> Shape:
    if isinstance(layer, Conv | MaxPool) and len(shape) != 3:
        raise BadConfiguration(f"{where} gets shape {shape}, but should get (height, width, channels); drop Flatten?")
    if isinstance(layer, Dense) and len(shape) != 1:
        raise BadConfiguration(f"{where} gets shape {shape}, but should get (units,); put Flatten() before it")
    match layer:
        case Dense(units=units):
            return (units,)
        case Conv(filters=filters):
            return (*shape[:2], filters)
        case MaxPool(size=size):
            if size > min(shape[:2]):
                raise BadConfiguration(f"{where} gets maps of {shape[0]} x {shape[1]}, but windows of {size} need more")
            return (shape[0] // size, shape[1] // size, shape[2])
        case Flatten():
            return (math.prod(shape),)
        case _:
            return shape


def _draw_bias(generator: np.random.Generator, shape: Shape, biases: Biases) -> Array:
    if biases.deviation == 0:
        return np.full(shape, biases.start)
    return generator.normal(biases.start, biases.deviation, shape)


def _draw_kernel(generator: np.random.Generator, shape: Shape, initialization: Initialization) -> Array:
    receptive = math.prod(shape[:-2])
    fan_in, fan_out = receptive * shape[-2], receptive * shape[-1]
    match initialization:
        case Glorot():
            limit = math.sqrt(6 / (fan_in + fan_out))
            return generator.uniform(-limit, limit, shape)
        case He():
            return generator.normal(0.0, math.sqrt(2 / fan_in), shape)
        case Normal(deviation=deviation):
            return generator.normal(0.0, deviation, shape)
