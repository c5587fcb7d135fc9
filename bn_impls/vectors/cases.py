"""Which cases the golden vectors have, and their inputs.

Every number that a reader is given (inputs, parameters, epsilon, decay) is a multiple of a power of two that float32
represents exactly, so that nothing is lost before a computation begins. The inputs come from a generator of our own
in integer arithmetic, because the streams of NumPy's may change between its versions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from bn_impls.interface import Array, Configuration, Conventions, Layout

EPSILON, SMALL_EPSILON = 2.0**-10, 2.0**-17  # about 1e-3 and 8e-6


@dataclass(frozen=True, kw_only=True)
class Case:
    """One case.

    Attributes:
        name: of its folder.
        about: what it is there for, in a few words.
        shape: of the input.
        layout: where the channels are.
        dtype: of inputs and computation; the limits are for it.
        epsilon: added to the variance.
        decay: weight of the old moving value.
        ddof: of the variance that enters the moving average.
        initial_mean: moving mean before the first step.
        initial_variance: moving variance before the first step.
        warm_up: whether the decay of step t is min(decay, (1 + t) / (10 + t)).
        steps: training calls.
        mean: of the inputs; their deviation is about 1.
        constant_channel: whether the first channel's values are all the same.
    """

    name: str
    about: str
    shape: tuple[int, ...] = (8, 4)
    layout: Layout = "channels_last"
    dtype: str = "float32"
    epsilon: float = EPSILON
    decay: float = 0.875
    ddof: int = 0
    initial_mean: float = 0.0
    initial_variance: float = 1.0
    warm_up: bool = False
    steps: int = 3
    mean: float = 0.0
    constant_channel: bool = False

    def configuration(self) -> Configuration:
        """The layer that the case is about."""
        conventions = Conventions(
            ddof=1 if self.ddof else 0,
            initial_mean=self.initial_mean,
            initial_variance=self.initial_variance,
            warm_up=self.warm_up,
            decay_in_float32=False,
        )
        return Configuration(
            input_shape=self.shape,
            layout=self.layout,
            dtype=self.dtype,
            decay=self.decay,
            epsilon=self.epsilon,
            center=True,
            scale=True,
            conventions=conventions,
            style="eager",
            device="cpu",
        )


MAPS = (3, 4, 5, 2)
CASES = (
    Case(name="plain", about="rank 2, float32, nothing special"),
    Case(name="plain-float64", about="the same in float64", dtype="float64"),
    Case(name="small-epsilon", about="epsilon 2^-17", epsilon=SMALL_EPSILON),
    Case(name="no-epsilon", about="epsilon 0", epsilon=0.0),
    Case(name="unbiased", about="moving variance over n - 1", ddof=1),
    Case(name="warm-up", about="decay min(decay, (1 + t) / (10 + t))", warm_up=True, steps=6),
    Case(name="starts-elsewhere", about="start values 1/4 and 2", initial_mean=0.25, initial_variance=2.0),
    Case(name="starts-at-zero", about="moving variance starts at 0", initial_variance=0.0),
    Case(name="no-memory", about="decay 0: the last batch's statistics", decay=0.0),
    Case(name="no-update", about="decay 1: the start values stay", decay=1.0),
    Case(name="one-example", about="batch of one: variance 0, every normalized value 0", shape=(1, 3)),
    Case(name="two-examples", about="batch of two", shape=(2, 3), ddof=1),
    Case(name="odd-sizes", about="7 x 5", shape=(7, 5)),
    Case(name="one-channel", about="13 x 1", shape=(13, 1)),
    Case(name="wide", about="more channels than examples", shape=(3, 17)),
    Case(name="constant-channel", about="one channel without variance", constant_channel=True),
    Case(name="far-from-zero", about="mean/std of 1,000", shape=(16, 3), mean=1000.0),
    Case(name="far-from-zero-float64", about="the same in float64", shape=(16, 3), mean=1000.0, dtype="float64"),
    Case(name="maps-last", about="rank 4, channels last", shape=MAPS),
    Case(name="maps-first", about="rank 4, channels first, the same values", shape=(3, 2, 4, 5),
         layout="channels_first"),
    Case(name="maps-unbiased", about="rank 4, n - 1 with n = 60", shape=MAPS, ddof=1),
    Case(name="maps-one-example", about="one map: n = 35", shape=(1, 5, 7, 3), ddof=1),
    Case(name="maps-float64", about="rank 4, float64, warm-up", shape=MAPS, dtype="float64", warm_up=True),
    Case(name="many-steps", about="20 updates", shape=(4, 2), steps=20),
)  # fmt: skip


def integers(seed: int) -> Iterator[int]:
    """64-bit integers by SplitMix64: Steele, Lea and Flood (2014), "Fast splittable pseudorandom number generators"."""
    mask = (1 << 64) - 1
    state = seed & mask
    while True:
        state = (state + 0x9E3779B97F4A7C15) & mask
        mixed = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & mask
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & mask
        yield mixed ^ (mixed >> 31)


def values(source: Iterator[int], shape: tuple[int, ...]) -> Array:
    """Bell-shaped values of mean 0 and deviation 1.15, multiples of 2^-9 from -4 to 4.

    Each is the sum of four of the 16-bit quarters of one integer, cut to 10 bits.
    """
    numbers = islice(source, int(np.prod(shape)))
    sums = [sum((number >> shift) & 0x3FF for shift in (0, 16, 32, 48)) - 2046 for number in numbers]
    return np.array(sums, np.float64).reshape(shape) / 512


@dataclass(frozen=True)
class Given:
    """What a reader feeds: x and dy (steps, *shape), gamma and beta (C,)."""

    x: Array
    dy: Array
    gamma: Array
    beta: Array


def given(case: Case) -> Given:
    """The inputs of a case, in float64 but representable in float32.

    Maps are drawn with the channels last, so that both layouts get the same values.
    """
    settings = case.configuration()
    source = integers(sum(case.shape) + case.steps)
    last = (*(case.shape[axis] for axis in settings.reduction_axes), settings.channels)
    x = values(source, (case.steps, *last))
    scales = 2.0 ** (np.arange(settings.channels) % 3 - 1)  # deviations of about 1/2, 1 and 2
    x = x * (scales if not case.mean else 1.0) + case.mean
    if case.constant_channel:
        x[..., 0] = 0.75
    dy = values(source, (case.steps, *last))
    gamma = 1 + values(source, (settings.channels,)) / 8
    beta = values(source, (settings.channels,)) / 2
    place = settings.channel_axis + 1
    return Given(np.moveaxis(x, -1, place), np.moveaxis(dy, -1, place), gamma, beta)
