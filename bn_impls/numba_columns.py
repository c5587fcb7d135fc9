"""Loops over a matrix of which a column is of one channel: channels last.

64 neighbouring columns are computed at once; where channels are fewer or no multiple of 64, several positions make a
row.
"""

from __future__ import annotations

from typing import Any

from bn_impls.numba_channels import channels_at_once
from bn_impls.numba_lanes import add_to, filled, finite, fused, in_double, load, store, zeros
from bn_impls.numba_terms import (
    CHANNELS,
    DY,
    DY_D,
    FACTOR,
    FLUSH,
    GROUPED,
    MEAN,
    MEAN_DY,
    NARROW,
    OFFSET,
    PAST,
    PIECE,
    ROWS,
    SHIFT_ROWS,
    SLOPE,
    SQUARES,
    WIDE,
    WIDTH,
    D,
    inlined,
    plain,
)

# ---- pieces ---------------------------------------------------------------------------------------------------------


@inlined
def extent(plan, piece):
    """First and last row, and first and last column, of a piece."""
    first, last = piece * plan[PIECE], (piece + 1) * plan[PIECE]
    if plan[GROUPED]:
        return 0, plan[ROWS], first, min(last, plan[CHANNELS])
    return first, min(last, plan[ROWS]), 0, plan[WIDTH]


def column_loops(lanes: int) -> Any:
    """The sums of so many columns at once."""

    @plain
    def add(x, dy, width, begin, end, first, last, shift, sums):
        for start in range(begin, end, FLUSH):
            stop = min(start + FLUSH, end) * width
            for k in range(first, last, lanes):
                center = load(shift, k, lanes)
                total, squares = zeros(x, lanes), zeros(x, lanes)
                if dy is not None:
                    dy_sum, product = zeros(x, lanes), zeros(x, lanes)
                    for place in range(start * width + k, stop, width):
                        d, g = load(x, place, lanes) - center, load(dy, place, lanes)
                        total, squares = total + d, fused(d, d, squares)
                        dy_sum, product = dy_sum + g, fused(g, d, product)
                    add_to(sums[DY], k, dy_sum)
                    add_to(sums[DY_D], k, product)
                else:
                    for place in range(start * width + k, stop, width):
                        d = load(x, place, lanes) - center
                        total, squares = total + d, fused(d, d, squares)
                add_to(sums[D], k, total)
                add_to(sums[SQUARES], k, squares)

    return add


def column_results(lanes: int, past: int) -> Any:
    """The results of so many columns at once, written past the caches or not."""

    @plain
    def write(x, dy, width, begin, end, first, last, coefficients, y, dx):
        for block in range((end - begin + FLUSH - 1) // FLUSH):
            stop = end - block * FLUSH
            start = max(begin, stop - FLUSH)
            for k in range(first, last, lanes):
                mean, factor = load(coefficients[MEAN], k, lanes), load(coefficients[FACTOR], k, lanes)
                offset = load(coefficients[OFFSET], k, lanes)
                if dy is not None:
                    mean_dy, slope = load(coefficients[MEAN_DY], k, lanes), load(coefficients[SLOPE], k, lanes)
                    for place in range(start * width + k, stop * width, width):
                        d = load(x, place, lanes) - mean
                        store(y, place, fused(d, factor, offset), past)
                        g = load(dy, place, lanes) - mean_dy
                        store(dx, place, factor * fused(-d, slope, g), past)
                else:
                    for place in range(start * width + k, stop * width, width):
                        store(y, place, fused(load(x, place, lanes) - mean, factor, offset), past)

    return write


add_wide, add_narrow, add_single = column_loops(WIDE), column_loops(NARROW), column_loops(1)
write_wide, write_narrow, write_single = column_results(WIDE, 0), column_results(NARROW, 0), column_results(1, 0)
write_wide_past, write_narrow_past = column_results(WIDE, 1), column_results(NARROW, 1)


@plain
def add_piece(x, dy, plan, piece, shift, sums):
    """Set the sums of a piece."""
    begin, end, first, last = extent(plan, piece)
    for which in range(4):
        for k in range(first, last):
            sums[which, k] = 0.0
    width, wide, narrow = plan[WIDTH], last - (last - first) % WIDE, last - (last - first) % NARROW
    add_wide(x, dy, width, begin, end, first, wide, shift, sums)
    add_narrow(x, dy, width, begin, end, wide, narrow, shift, sums)
    add_single(x, dy, width, begin, end, narrow, last, shift, sums)


@plain
def write_piece(x, dy, plan, piece, coefficients, y, dx):
    """The results of a piece, its last rows first: the caches hold these."""
    begin, end, first, last = extent(plan, piece)
    width, wide, narrow = plan[WIDTH], last - (last - first) % WIDE, last - (last - first) % NARROW
    if plan[PAST]:
        write_wide_past(x, dy, width, begin, end, first, wide, coefficients, y, dx)
        write_narrow_past(x, dy, width, begin, end, wide, narrow, coefficients, y, dx)
    else:
        write_wide(x, dy, width, begin, end, first, wide, coefficients, y, dx)
        write_narrow(x, dy, width, begin, end, wide, narrow, coefficients, y, dx)
        write_single(x, dy, width, begin, end, narrow, last, coefficients, y, dx)


# ---- channels -------------------------------------------------------------------------------------------------------


def totals_of(lanes: int) -> Any:
    """The sums of so many channels at once, over all pieces and slots."""

    @plain
    def totals(sums, plan, channel):
        total, squares, dy_sum, product = filled(0.0, lanes), filled(0.0, lanes), filled(0.0, lanes), filled(0.0, lanes)
        for piece in range(len(sums)):
            k = channel
            while k < sums.shape[2]:
                total = total + load(sums[piece, D], k, lanes)
                squares = squares + load(sums[piece, SQUARES], k, lanes)
                dy_sum = dy_sum + load(sums[piece, DY], k, lanes)
                product = product + load(sums[piece, DY_D], k, lanes)
                k += plan[CHANNELS]
        return total, squares, dy_sum, product

    return totals


def shift_of(lanes: int) -> Any:
    """The mean of some values of so many channels at once, or 0 where that is not finite; in every slot of them."""

    @plain
    def set_shift(x, shift, plan, first, last):
        rows, width = plan[ROWS], plan[WIDTH]
        taken = min(max(rows // 8, 1), SHIFT_ROWS)
        apart = rows // taken * width
        values = filled(1.0 * taken * (len(shift) // plan[CHANNELS]), lanes)
        for c in range(first, last, lanes):
            total, k = filled(0.0, lanes), c
            while k < len(shift):
                some = zeros(x, lanes)
                for row in range(taken if apart else 0):
                    some = some + load(x, row * apart + k, lanes)
                total = total + in_double(some)
                k += plan[CHANNELS]
            mean, k = finite(total / values), c
            while k < len(shift):
                store(shift, k, mean, 0)
                k += plan[CHANNELS]

    return set_shift


shift_narrow, shift_single = shift_of(NARROW), shift_of(1)
narrow_channels, single_channels = channels_at_once(NARROW, totals_of(NARROW)), channels_at_once(1, totals_of(1))
move_narrow, move_single = narrow_channels.move, single_channels.move
recall_narrow, recall_single = narrow_channels.recall, single_channels.recall


@inlined
def set_shift(x, shift, plan, first, last):
    """The mean of some of each channel's values, in every slot of it."""
    whole = last - (last - first) % NARROW
    shift_narrow(x, shift, plan, first, whole)
    shift_single(x, shift, plan, whole, last)


@inlined
def move(state, gradients, shift, sums, coefficients, plan, first, last, share, decay, epsilon):
    """Use the sums of some channels."""
    whole = last - (last - first) % NARROW
    move_narrow(state, gradients, shift, sums, coefficients, plan, first, whole, share, decay, epsilon)
    move_single(state, gradients, shift, sums, coefficients, plan, whole, last, share, decay, epsilon)


@inlined
def recall(state, coefficients, plan, first, last, epsilon):
    """Use the moving statistics of some channels."""
    whole = last - (last - first) % NARROW
    recall_narrow(state, coefficients, plan, first, whole, epsilon)
    recall_single(state, coefficients, plan, whole, last, epsilon)
