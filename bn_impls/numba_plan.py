"""How the kernel sees a tensor, and how its threads divide the work.

The figures below were found by measuring; ``docs/numba-terms.md`` says what each is for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bn_impls import numba_terms as terms
from bn_impls.accuracy.dtypes import numpy_dtype
from bn_impls.interface import Array, Configuration
from bn_impls.numba_lanes import LINE

SMALL = 1 << 17  # elements; fewer are computed before another thread is awake
WIDEST = 512  # columns of a row, if several positions make it
PIECES = 16  # of the rows
GROUP_ROWS, GROUP_VALUES = 1024, 1 << 14  # columns of at most so many rows are grouped, so many values together
GROUP_OF_MAPS = 1 << 16  # values of the channels of one group, by rows
PAST_CACHES = 1 << 21  # bytes of a result from which it is written past the caches


@dataclass(frozen=True)
class Plan:
    """What of the input's shape the kernel needs to know.

    Attributes:
        by_rows: a row is one map of one example (channels first); else a column is of one channel.
        rows: of the matrix.
        width: columns of the matrix.
        channels: C.
        grouped: a piece is some channels with all of their values; else it is some rows.
        piece: channels or rows of a piece.
        pieces: how many there are.
        past: results are written past the caches.
        threads: that share the pieces.
    """

    by_rows: bool
    rows: int
    width: int
    channels: int
    grouped: bool
    piece: int
    pieces: int
    past: bool
    threads: int

    @property
    def slots(self) -> int:
        """Of shift and coefficients; see the terms."""
        return self.channels if self.by_rows else self.width

    @property
    def sums(self) -> tuple[int, int, int]:
        """Shape of the array of sums."""
        return (1 if self.grouped else self.pieces, 4, self.slots * (terms.LANES if self.by_rows else 1))

    def numbers(self) -> Array:
        """The plan as the kernel reads it."""
        found = np.zeros(7, np.int64)
        found[terms.ROWS], found[terms.WIDTH] = self.rows, self.width
        found[terms.CHANNELS], found[terms.PIECES], found[terms.PIECE] = self.channels, self.pieces, self.piece
        found[terms.GROUPED], found[terms.PAST] = self.grouped, self.past
        return found


def plan_for(settings: Configuration, threads: int) -> Plan:
    """Choose matrix and pieces.

    Args:
        settings: whose input's shape, layout and dtype are planned for.
        threads: that there are; a small input uses one.

    Returns:
        The plan.
    """
    shape, channels = settings.input_shape, settings.channels
    size, by_rows = math.prod(shape), settings.channel_axis != len(shape) - 1
    width = math.prod(shape[2:]) if by_rows else channels * folds(size // max(channels, 1), channels)
    rows, threads = size // max(width, 1), threads if size >= SMALL else 1
    if by_rows:
        piece = max(1, GROUP_OF_MAPS * channels // max(size, 1))
    else:
        piece = max(1, GROUP_VALUES // max(rows, 1) // terms.WIDE) * terms.WIDE
    pieces = -(-channels // piece)
    fits = by_rows or (width == channels and rows <= GROUP_ROWS)
    grouped = fits and (threads == 1 or pieces >= 2 * threads)
    if not grouped:
        step = 1 if by_rows else terms.FLUSH
        piece = max(1, -(-rows // (step * (PIECES if threads > 1 else 1)))) * step
        pieces = max(1, -(-rows // piece))
    bytes_each = numpy_dtype(settings.dtype).itemsize
    past = size * bytes_each >= PAST_CACHES and width % terms.NARROW == 0 and width * bytes_each % LINE == 0
    return Plan(by_rows, rows, width, channels, grouped, piece, pieces, past, threads)


def folds(positions: int, channels: int) -> int:
    """How many positions make a row: so many that whole vectors do, if their number can be divided so."""
    wanted = terms.WIDE // math.gcd(terms.WIDE, channels)
    while wanted > 1 and wanted * channels > WIDEST:
        wanted //= 2
    return math.gcd(wanted, positions) if positions else 1
