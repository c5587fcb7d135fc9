"""Batch normalization as two passes over memory, of which the second finds in the caches what they hold.

Every tensor is seen as a matrix, of which a column is of one channel (:mod:`bn_impls.numba_columns`), or a row
(:mod:`bn_impls.numba_rows`). Here its pieces are shared among threads.

Sums are taken of d = x - shift, where the shift is the mean of a channel's first m values::

    sums     sum d,  sum d^2,  sum dy,  sum dy d         reads x (and dy)
    results  y, and dx from the sums                     reads x (and dy) again, writes y (and dx)

    mean = shift + sum d / n            variance = sum d^2 / n - (mean - shift)^2
    dbeta = sum dy                      dgamma = (sum dy d - (mean - shift) sum dy) / sqrt(variance + epsilon)

As the first m values are among the n of which the variance is taken, (mean - shift)^2 <= variance (n - m) / m, so what
cancels is bounded whatever the mean is, and no pass for the mean alone is needed. :data:`FLUSH` terms of a lane are
added in the dtype of the arithmetic, and such partial sums in float64.

Threads take the work in pieces: whoever comes late finds less. Where there are many channels, a piece is some channels
with all of their values, from the sums to the results, so that the second reading is from the cache (``grouped``);
else it is some rows, first for the sums, then, in the opposite order, for the results.
"""

from __future__ import annotations

import os
from types import ModuleType
from typing import Any, NamedTuple

import numba
import numpy as np
from numba import types

from bn_impls import numba_columns, numba_rows
from bn_impls.numba_lanes import fetch_add
from bn_impls.numba_terms import (
    ADDED,
    CHANNELS,
    CLAIMED,
    GROUPED,
    PIECE,
    PIECES,
    READY,
    SHIFTED,
    STARTED,
    TAKEN,
    WRITTEN,
    inlined,
)

give_way = types.ExternalFunction("SwitchToThread" if os.name == "nt" else "sched_yield", types.int32())


@inlined
def await_count(board, which, count):
    """Let other threads go on until a counter is there."""
    while fetch_add(board, which, 0) < count:
        give_way()


class Kernel(NamedTuple):
    """One thread's part of a call; every thread that helps makes the same call.

    A call without gradients has None for dy and dx. What is None is not computed, and no code is compiled for it.

    Attributes:
        train: ``(x, dy, y, dx, state, gradients, shift, sums, coefficients, plan, decay, epsilon, board)``, by the
            batch's statistics: tensors flat; state (4, channels); gradients (2, channels), of gamma and beta; shift
            (slots,); sums (pieces or 1, 4, slots), float64; coefficients (5, slots); plan int64, by the names of
            :mod:`bn_impls.numba_terms`; decay the weight of the old moving statistics; board (``BOARD``,) counters, 0
            before the call.
        infer: by the moving statistics; takes the same, with None for the gradients.
    """

    train: Any
    infer: Any


def kernel_of(matrix: ModuleType) -> Kernel:
    """The kernel for one way to see a tensor.

    Args:
        matrix: :mod:`bn_impls.numba_columns` or :mod:`bn_impls.numba_rows`.

    Returns:
        Functions that are compiled when that is asked for.
    """
    add_piece, write_piece, set_shift = matrix.add_piece, matrix.write_piece, matrix.set_shift
    move, recall = matrix.move, matrix.recall

    @numba.njit(error_model="numpy", nogil=True)
    def train(x, dy, y, dx, state, gradients, shift, sums, coefficients, plan, decay, epsilon, board):
        channels, pieces, share = plan[CHANNELS], plan[PIECES], plan[CHANNELS] / x.size
        if not plan[GROUPED]:
            if fetch_add(board, STARTED, 1) == 0:
                set_shift(x, shift, plan, np.int64(0), channels)
                fetch_add(board, SHIFTED, 1)
            await_count(board, SHIFTED, 1)
        piece = fetch_add(board, CLAIMED, 1)
        while piece < pieces:
            first, last = np.int64(0), channels
            if plan[GROUPED]:
                first, last = piece * plan[PIECE], min((piece + 1) * plan[PIECE], channels)
                set_shift(x, shift, plan, first, last)
            add_piece(x, dy, plan, piece, shift, sums[0 if plan[GROUPED] else piece])
            if plan[GROUPED] or fetch_add(board, ADDED, 1) == pieces - 1:
                move(state, gradients, shift, sums, coefficients, plan, first, last, share, decay, epsilon)
                if plan[GROUPED]:
                    write_piece(x, dy, plan, piece, coefficients, y, dx)
                    fetch_add(board, WRITTEN, 1)
                else:
                    fetch_add(board, READY, 1)
            piece = fetch_add(board, CLAIMED, 1)
        if not plan[GROUPED]:
            await_count(board, READY, 1)
            piece = fetch_add(board, TAKEN, 1)
            while piece < pieces:
                write_piece(x, dy, plan, pieces - 1 - piece, coefficients, y, dx)
                fetch_add(board, WRITTEN, 1)
                piece = fetch_add(board, TAKEN, 1)
        await_count(board, WRITTEN, pieces)

    @numba.njit(error_model="numpy", nogil=True)
    def infer(x, dy, y, dx, state, gradients, shift, sums, coefficients, plan, decay, epsilon, board):
        if fetch_add(board, STARTED, 1) == 0:
            recall(state, coefficients, plan, np.int64(0), plan[CHANNELS], epsilon)
            fetch_add(board, READY, 1)
        await_count(board, READY, 1)
        piece = fetch_add(board, TAKEN, 1)
        while piece < plan[PIECES]:
            write_piece(x, dy, plan, plan[PIECES] - 1 - piece, coefficients, y, dx)
            fetch_add(board, WRITTEN, 1)
            piece = fetch_add(board, TAKEN, 1)
        await_count(board, WRITTEN, plan[PIECES])

    return Kernel(train, infer)


by_columns, by_rows = kernel_of(numba_columns), kernel_of(numba_rows)
