"""Inputs from well- to ill-conditioned, a few channels each, side by side in one array.

Batch normalization treats its channels separately, so that one array holds all conditions: one layer is built, traced
and compiled for them, and a condition that spoils its neighbours' channels is found out as well. The first condition
is always the normal one; it is judged, the others are graded.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bn_impls.accuracy.dtypes import numpy_dtype
from bn_impls.interface import Configuration

Array = npt.NDArray[Any]
CHANNELS_EACH = 4
SIGNS = (1.0, -1.0)  # of the mean, by channel
AROUND_EPSILON = (0.1, 0.5, 1.0, 5.0)  # deviations over sqrt(epsilon), by channel: variances of 0.01 to 25 epsilon
HUGE = {"float64": 1e120, "float32": 1e15, "bfloat16": 1e15, "float16": 1e4}  # squares and their sums stay finite


@dataclass(frozen=True, kw_only=True)
class Condition:
    """How the values of a channel are distributed.

    Attributes:
        name: as it stands in records.
        mean: of the values, with the sign of the channel.
        deviation: standard deviation; None for the ones of :data:`AROUND_EPSILON`.
        one_value: a value that takes the place of one value of each channel, such as NaN; None for none.
    """

    name: str
    mean: float = 0.0
    deviation: float | None = 1.0
    one_value: float | None = None


NORMAL = Condition(name="normal")


def conditions(dtype: str) -> tuple[Condition, ...]:
    """All conditions that a dtype's numbers can express, the normal one first."""
    large = (
        Condition(name=f"mean_1e{power}", mean=10.0**power)
        for power in (2, 3, 4, 6)
        if dtype != "float16" or power < 5  # whose largest number is 65504
    )
    return (
        NORMAL,
        *large,
        Condition(name="variance_near_epsilon", deviation=None),
        Condition(name="constant", mean=3.7, deviation=0.0),
        Condition(name="huge", deviation=HUGE[dtype]),
        Condition(name="nan", one_value=math.nan),
        Condition(name="infinity", one_value=math.inf),
    )


def channels_of(chosen: tuple[Condition, ...], channels: int) -> dict[str, slice]:
    """Which channels belong to which condition: equal shares, in order; all of them where there is one condition."""
    share = channels // len(chosen)
    last = len(chosen) - 1
    return {
        condition.name: slice(place * share, channels if place == last else (place + 1) * share)
        for place, condition in enumerate(chosen)
    }


def conditioned(noise: Array, settings: Configuration, chosen: tuple[Condition, ...]) -> Array:
    """Give the channels of a normally distributed array their conditions.

    Args:
        noise: standard normal values, in the input's shape.
        settings: shape, layout, dtype and epsilon.
        chosen: the conditions.

    Returns:
        The input, in the settings' dtype.
    """
    dtype = numpy_dtype(settings.dtype)
    if chosen == (NORMAL,):
        return noise.astype(dtype)
    values = np.moveaxis(noise.astype(np.float64), settings.channel_axis, -1).copy()
    by_name = channels_of(chosen, settings.channels)
    for condition in chosen:
        part = values[..., by_name[condition.name]]  # a view
        width = part.shape[-1]
        around = math.sqrt(settings.epsilon) * np.resize(AROUND_EPSILON, width)
        part *= around if condition.deviation is None else condition.deviation
        part += condition.mean * np.resize(SIGNS, width)
        if condition.one_value is not None and values.size:
            part[(0,) * (part.ndim - 1)] = condition.one_value
    return np.moveaxis(values, -1, settings.channel_axis).astype(dtype)
