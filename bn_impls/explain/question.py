"""What is asked of both sides, and the inputs that both are given."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from bn_impls.errors import BadConfiguration
from bn_impls.interface import Array, Configuration, Conventions, Layout, Style

WITHOUT_GRADIENTS = 2  # the last steps: an API may do otherwise in a call that takes no gradients


@dataclass(frozen=True, kw_only=True)
class Question:
    """The circumstances of a comparison.

    Attributes:
        shape: of every input, batch first.
        layout: where the channels are.
        dtype: of inputs, outputs and parameters.
        decay: weight of the old moving value.
        epsilon: added to the variance.
        steps: training calls; the last two take no gradients.
        offset: mean of the inputs in units of their deviation; large ones show how a variance is computed.
        scale: factor of the inputs; at 0.01 most variances are smaller than an epsilon of 1e-3.
        defaults: whether each API's own epsilon, decay and start values are asked for in place of these.
        seed: of the inputs.
    """

    shape: tuple[int, ...] = (32, 8)
    layout: Layout = "channels_last"
    dtype: str = "float32"
    decay: float = 0.9
    epsilon: float = 1e-3
    steps: int = 6
    offset: float = 0.0
    scale: float = 1.0
    defaults: bool = False
    seed: int = 0

    def check(self) -> None:
        """Refuse what no layer could be asked, before any process is started.

        Raises:
            BadConfiguration: a shape, dtype, decay or epsilon that means nothing, or inputs without a value.
        """
        anything = Conventions(ddof=0, initial_mean=0.0, initial_variance=1.0, warm_up=False, decay_in_float32=False)
        self.configuration(anything, "eager")
        if 0 in self.shape:
            raise BadConfiguration(f"shape is {self.shape!r}, but should have sizes of 1 or more [explain]")

    def configuration(self, conventions: Conventions, style: Style) -> Configuration:
        """A layer of these circumstances."""
        return Configuration(
            input_shape=self.shape,
            layout=self.layout,
            dtype=self.dtype,
            decay=self.decay,
            epsilon=self.epsilon,
            center=True,
            scale=True,
            conventions=conventions,
            style=style,
            device="cpu",
        )


@dataclass(frozen=True)
class Inputs:
    """What both sides get, in float64 but representable in the dtype of the question.

    Attributes:
        x: training inputs, (steps, *shape).
        dy: gradients of the training outputs, (steps, *shape).
        z: inference inputs, (steps, *shape).
        gamma: (C,).
        beta: (C,).
    """

    x: Array
    dy: Array
    z: Array
    gamma: Array
    beta: Array


def draw(question: Question, settings: Configuration) -> Inputs:
    """Inputs that tell semantics apart: each channel has a mean and a deviation of its own.

    Variances go down to 4e-4, so that the place of an epsilon of 1e-3 matters; no gamma and no beta is near 0 or 1.

    Args:
        question: the circumstances.
        settings: a layer of them.

    Returns:
        Drawn arrays.
    """
    generator = np.random.default_rng(question.seed)
    channels, wide = settings.channels, settings.parameter_shape
    deviation = question.scale * (np.geomspace(0.02, 2.0, channels) if channels > 1 else np.array([0.5]))
    mean = generator.uniform(0.3, 1.0, channels) * deviation * generator.choice([-1.0, 1.0], channels)
    mean = mean + question.offset * deviation

    def inputs() -> Array:
        normal = generator.standard_normal((question.steps, *question.shape))
        return rounded(mean.reshape(wide) + deviation.reshape(wide) * normal, question.dtype)

    x, z = inputs(), inputs()
    dy = rounded(generator.standard_normal(x.shape), question.dtype)
    gamma = rounded(generator.uniform(1.2, 2.0, channels), question.dtype)
    beta = rounded(generator.uniform(-0.9, -0.3, channels), question.dtype)
    return Inputs(x, dy, z, gamma, beta)


def rounded(values: Array, dtype: str) -> Array:
    """The nearest values that a dtype represents, in float64; bfloat16, which NumPy lacks, is half a float32."""
    if dtype != "bfloat16":
        return values.astype(dtype).astype(np.float64)
    bits = values.astype(np.float32).view(np.uint32)
    nearest = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) & np.uint32(0xFFFF0000)
    back: Array = nearest.view(np.float32).astype(np.float64)
    return back


def plain(question: Question) -> dict[str, Any]:
    """The question as JSON says it."""
    return asdict(question) | {"shape": list(question.shape)}


def understood(plain_question: dict[str, Any]) -> Question:
    """The question back from JSON."""
    return Question(**plain_question | {"shape": tuple(plain_question["shape"])})
