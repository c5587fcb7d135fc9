"""Large inputs some channels at a time, so that what is computed of them on the way stays in the processor's cache.

Batch normalization treats each channel by itself, and so do its error bounds and figures. A bound of an input of six
million values takes some forty arrays of its size; through main memory that costs fifteen times as much as in tiles.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bn_impls.interface import Configuration

Array = npt.NDArray[Any]

TILE_VALUES = 2**17  # 1 MiB of float64; smaller inputs are one tile


@dataclass(frozen=True)
class Tile:
    """Some channels of a layer.

    Attributes:
        channels: which.
        settings: of a layer that has these channels only.
        axis: of the channels in an input.
    """

    channels: slice
    settings: Configuration
    axis: int

    def of(self, array: Array) -> Array:
        """The tile of an array, which has the shape of an input or (C,); a view."""
        return array[self.channels] if array.ndim == 1 else array[(slice(None),) * self.axis + (self.channels,)]


def channel_slices(shape: Sequence[int], axis: int) -> Iterator[slice]:
    """Channels in their order, so many at a time that they hold at most :data:`TILE_VALUES` values, or one.

    Args:
        shape: of an array.
        axis: of its channels.
    """
    count = shape[axis]
    step = max(1, TILE_VALUES // max(1, math.prod(shape) // max(1, count)))
    for first in range(0, max(1, count), step):
        yield slice(first, min(first + step, count))


def tiles(settings: Configuration) -> Iterator[Tile]:
    """The tiles of a layer's channels, in their order; one of them all where the input is small."""
    axis, shape = settings.channel_axis, settings.input_shape
    for channels in channel_slices(shape, axis):
        size = channels.stop - channels.start
        own = (
            replace(settings, input_shape=(*shape[:axis], size, *shape[axis + 1 :])) if size < shape[axis] else settings
        )
        yield Tile(channels, own, axis)


def joined(settings: Configuration, pieces: Sequence[Array]) -> Array:
    """The array whose tiles the pieces are, channel by channel in memory; a single piece as it is.

    Args:
        settings: of the whole layer.
        pieces: in the order of :func:`tiles`, in the shapes of an input or (C,).
    """
    if len(pieces) == 1:
        return pieces[0]
    axis = 0 if pieces[0].ndim == 1 else settings.channel_axis
    return np.moveaxis(np.concatenate([np.moveaxis(piece, axis, 0) for piece in pieces]), 0, axis)


def by_channel(settings: Configuration, array: Array) -> Array:
    """A copy; of a large array with the values in memory channel by channel, so that those of a tile lie together.

    Args:
        settings: of the layer.
        array: in the shape of its input.

    Returns:
        The same values in the same shape.
    """
    if array.size <= TILE_VALUES:
        return array.copy()
    return np.moveaxis(np.array(np.moveaxis(array, settings.channel_axis, 0), order="C"), 0, settings.channel_axis)
