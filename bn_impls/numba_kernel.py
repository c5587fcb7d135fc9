"""Batch normalization as two passes over memory, of which the second finds in the caches what they hold.

Every tensor is seen as a matrix. Channels last, a column is of one channel, and 64 neighbouring columns are computed
at once; where channels are fewer or no multiple of 64, several positions make a row. Channels first, a row is one map
of one example (``by_rows``), and 16 neighbouring values of it are computed at once. *Slot* k of a sum or a coefficient
is column k, of channel k modulo the channels; by rows, it is lane k modulo 16 of channel k // 16.

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
from typing import Any

import numba
import numpy as np
from numba import types

from bn_impls.numba_lanes import add_to, fetch_add, fused, load, same, store, zeros

# called by compiled code only, so that nothing is compiled for calls from Python
plain = numba.njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)

WIDE, NARROW = 64, 16  # lanes: as many as registers hold sums and coefficients of, and for what remains
LANES = NARROW  # slots of a channel by rows
FLUSH = 32  # terms of a lane that are added before their sum goes to float64
SHIFT_ROWS, SHIFT_VALUES = 16, 64  # rows, and values of a row, at most, whose mean is the shift
D, SQUARES, DY, DY_D = 0, 1, 2, 3  # the sums of one slot
MEAN, FACTOR, OFFSET, MEAN_DY, SLOPE = 0, 1, 2, 3, 4  # the coefficients of one slot
GAMMA, BETA, MOVING_MEAN, MOVING_VARIANCE = 0, 1, 2, 3  # the rows of the state
INFERENCE, STEP, GRADIENTS = 0, 1, 2  # the modes
BY_ROWS, ROWS, WIDTH, CHANNELS, PIECES, GROUPED, PIECE, PAST = range(8)  # the plan
STARTED, SHIFTED, CLAIMED, ADDED, READY, TAKEN, WRITTEN, BOARD = range(0, 64, 8)  # counters, a cache line each

give_way = types.ExternalFunction("SwitchToThread" if os.name == "nt" else "sched_yield", types.int32())


@numba.njit(error_model="numpy", nogil=True)
def work(mode, x, dy, y, dx, state, gradients, shift, sums, coefficients, plan, decay, epsilon, board):
    """One thread's part of a call; every thread that helps makes the same call.

    Args:
        mode: :data:`INFERENCE`, :data:`STEP` or :data:`GRADIENTS`.
        x: flat.
        dy: as x.
        y: as x.
        dx: as x.
        state: (4, channels).
        gradients: (2, channels), of gamma and beta.
        shift: (slots,).
        sums: (pieces or 1, 4, slots), float64.
        coefficients: (5, slots).
        plan: int64, by the names above.
        decay: weight of the old moving statistics.
        epsilon: added to the variance.
        board: (:data:`BOARD`,) counters, 0 before the call.
    """
    if plan[GROUPED] and mode != INFERENCE:
        group = fetch_add(board, CLAIMED, 1)
        while group < plan[PIECES]:
            whole_group(mode, x, dy, y, dx, state, gradients, shift, sums, coefficients, plan, decay, epsilon, group)
            fetch_add(board, WRITTEN, 1)
            group = fetch_add(board, CLAIMED, 1)
    else:
        take_sums(mode, x, dy, state, gradients, shift, sums, coefficients, plan, decay, epsilon, board)
        piece = fetch_add(board, TAKEN, 1)
        while piece < plan[PIECES]:
            write_piece(mode, x, dy, plan, plan[PIECES] - 1 - piece, coefficients, y, dx)
            fetch_add(board, WRITTEN, 1)
            piece = fetch_add(board, TAKEN, 1)
    await_count(board, WRITTEN, plan[PIECES])


@plain
def await_count(board, which, count):
    """Let other threads go on until a counter is there."""
    while fetch_add(board, which, 0) < count:
        give_way()


# ---- pieces ---------------------------------------------------------------------------------------------------------


@plain
def whole_group(mode, x, dy, y, dx, state, gradients, shift, sums, coefficients, plan, decay, epsilon, group):
    """Some channels, from the sums to the results."""
    first, last = group * plan[PIECE], min((group + 1) * plan[PIECE], plan[CHANNELS])
    set_shift(x, shift, sums, plan, first, last)
    clear(sums[0], plan, first, last)
    add_piece(mode, x, dy, plan, group, shift, sums[0])
    for channel in range(first, last):
        move(state, gradients, shift, sums, coefficients, plan, channel, plan[CHANNELS] / x.size, decay, epsilon)
    write_piece(mode, x, dy, plan, group, coefficients, y, dx)


@plain
def take_sums(mode, x, dy, state, gradients, shift, sums, coefficients, plan, decay, epsilon, board):
    """Help with the sums of all rows, and wait until the coefficients are there."""
    channels, share = plan[CHANNELS], plan[CHANNELS] / x.size
    pieces = 1 if mode == INFERENCE else plan[PIECES]
    if mode != INFERENCE:
        if fetch_add(board, STARTED, 1) == 0:
            set_shift(x, shift, sums[:1], plan, 0, len(shift))
            fetch_add(board, SHIFTED, 1)
        await_count(board, SHIFTED, 1)
    piece = fetch_add(board, CLAIMED, 1)
    while piece < pieces:
        if mode != INFERENCE:
            clear(sums[piece], plan, 0, len(shift))
            add_piece(mode, x, dy, plan, piece, shift, sums[piece])
        if fetch_add(board, ADDED, 1) == pieces - 1:
            for channel in range(channels):
                if mode == INFERENCE:
                    recall(state, coefficients, plan, channel, epsilon)
                else:
                    move(state, gradients, shift, sums, coefficients, plan, channel, share, decay, epsilon)
            fetch_add(board, READY, 1)
        piece = fetch_add(board, CLAIMED, 1)
    await_count(board, READY, 1)


@plain
def add_piece(mode, x, dy, plan, piece, shift, sums):
    """Add the terms of a piece to its sums."""
    first, last = piece * plan[PIECE], (piece + 1) * plan[PIECE]
    rows, channels, with_dy = plan[ROWS], plan[CHANNELS], mode == GRADIENTS
    if plan[BY_ROWS] and plan[GROUPED]:
        for channel in range(first, min(last, channels)):
            sum_rows(x, dy, with_dy, plan, channel, rows, channels, shift, sums)
    elif plan[BY_ROWS]:
        sum_rows(x, dy, with_dy, plan, first, min(last, rows), 1, shift, sums)
    elif plan[GROUPED]:
        sum_columns(x, dy, with_dy, plan[WIDTH], 0, rows, first, min(last, channels), shift, sums)
    else:
        sum_columns(x, dy, with_dy, plan[WIDTH], first, min(last, rows), 0, plan[WIDTH], shift, sums)


@plain
def write_piece(mode, x, dy, plan, piece, coefficients, y, dx):
    """Write the results of a piece."""
    first, last = piece * plan[PIECE], (piece + 1) * plan[PIECE]
    rows, channels, with_dy = plan[ROWS], plan[CHANNELS], mode == GRADIENTS
    if plan[BY_ROWS] and plan[GROUPED]:
        for channel in range(first, min(last, channels)):
            write_rows(x, dy, with_dy, plan, channel, rows, channels, coefficients, y, dx)
    elif plan[BY_ROWS]:
        write_rows(x, dy, with_dy, plan, first, min(last, rows), 1, coefficients, y, dx)
    elif plan[GROUPED]:
        write_columns(x, dy, with_dy, plan, 0, rows, first, min(last, channels), coefficients, y, dx)
    else:
        write_columns(x, dy, with_dy, plan, first, min(last, rows), 0, plan[WIDTH], coefficients, y, dx)


# ---- channels -------------------------------------------------------------------------------------------------------


@plain
def set_shift(x, shift, sums, plan, first, last):
    """The mean of some of each channel's values, or 0 where that is not finite; in every slot of it by columns."""
    channels, rows, width = plan[CHANNELS], plan[ROWS], plan[WIDTH]
    clear(sums[0], plan, first, last)
    shift[first:last] = 0.0
    examples = rows // channels if plan[BY_ROWS] else rows
    taken = min(max(examples // 8, 1), SHIFT_ROWS)
    apart = examples // taken
    if plan[BY_ROWS]:
        for row in range(0, apart * taken, max(apart, 1)):
            for channel in range(first, last):
                start = (row * channels + channel) * width
                sum_row(x, x, False, start, start + min(width, SHIFT_VALUES), shift, channel, sums[0])
    elif examples:
        sum_columns(x, x, False, apart * width, 0, taken, first, last, shift, sums[0])
    values = taken * (min(width, SHIFT_VALUES) if plan[BY_ROWS] else len(shift) // channels)
    for channel in range(first, min(last, channels)):
        mean = channel_sums(sums, plan, channel)[D] / values
        k = channel
        while k < len(shift):
            shift[k] = mean if np.isfinite(mean) else 0.0
            k += channels


@plain
def clear(sums, plan, first, last):
    """Set the sums of some slots by columns, or channels by rows, to 0."""
    scale = LANES if plan[BY_ROWS] else 1
    for which in range(4):
        for k in range(first * scale, last * scale):
            sums[which, k] = 0.0


@plain
def move(state, gradients, shift, sums, coefficients, plan, channel, share, decay, epsilon):
    """From a channel's sums to its moving statistics, its coefficients, and the gradients of gamma and beta."""
    total, squares, dbeta, product = channel_sums(sums, plan, channel)
    off = total * share
    mean, variance = np.float64(shift[channel]) + off, squares * share - off * off
    if variance < 0.0:  # by rounding, where it is next to 0
        variance = 0.0
    state[MOVING_MEAN, channel] = decay * state[MOVING_MEAN, channel] + (1.0 - decay) * mean
    state[MOVING_VARIANCE, channel] = decay * state[MOVING_VARIANCE, channel] + (1.0 - decay) * variance
    inverse = 1.0 / np.sqrt(variance + epsilon)
    dgamma = inverse * (product - off * dbeta)
    gradients[GAMMA, channel], gradients[BETA, channel] = dgamma, dbeta
    factor, slope = state[GAMMA, channel] * inverse, inverse * dgamma * share
    spread(coefficients, plan, channel, mean, factor, state[BETA, channel], dbeta * share, slope)


@plain
def recall(state, coefficients, plan, channel, epsilon):
    """A channel's coefficients from its moving statistics."""
    factor = state[GAMMA, channel] / np.sqrt(np.float64(state[MOVING_VARIANCE, channel]) + epsilon)
    spread(coefficients, plan, channel, np.float64(state[MOVING_MEAN, channel]), factor, state[BETA, channel], 0.0, 0.0)


@plain
def spread(coefficients, plan, channel, mean, factor, offset, mean_dy, slope):
    """Write a channel's coefficients into all of its slots."""
    k = channel
    while k < coefficients.shape[1]:  # a range with this step divides integers, which takes longer than all the rest
        coefficients[MEAN, k] = mean
        coefficients[FACTOR, k] = factor
        coefficients[OFFSET, k] = offset
        coefficients[MEAN_DY, k] = mean_dy
        coefficients[SLOPE, k] = slope
        k += plan[CHANNELS]


@plain
def channel_sums(sums, plan, channel):
    """The sums of a channel over its slots and all pieces."""
    total, squares, dy_sum, product = 0.0, 0.0, 0.0, 0.0
    begin, end, step = channel, sums.shape[2], plan[CHANNELS]
    if plan[BY_ROWS]:
        begin, end, step = channel * LANES, (channel + 1) * LANES, 1
    for piece in range(len(sums)):
        k = begin
        while k < end:
            total += sums[piece, D, k]
            squares += sums[piece, SQUARES, k]
            dy_sum += sums[piece, DY, k]
            product += sums[piece, DY_D, k]
            k += step
    return total, squares, dy_sum, product


# ---- loops over columns ---------------------------------------------------------------------------------------------


def column_loops(lanes: int) -> Any:
    """The loops for so many columns at once."""

    @plain
    def add(x, dy, with_dy, width, begin, end, first, last, shift, sums):
        for start in range(begin, end, FLUSH):
            stop = min(start + FLUSH, end) * width
            for k in range(first, last, lanes):
                center = load(shift, k, lanes)
                total, squares = zeros(x, lanes), zeros(x, lanes)
                if with_dy:
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
    """The loops for so many columns at once, that write past the caches or not."""

    @plain
    def write(x, dy, with_dy, width, begin, end, first, last, coefficients, y, dx):
        for block in range((end - begin + FLUSH - 1) // FLUSH):
            stop = end - block * FLUSH
            start = max(begin, stop - FLUSH)
            for k in range(first, last, lanes):
                mean, factor = load(coefficients[MEAN], k, lanes), load(coefficients[FACTOR], k, lanes)
                offset = load(coefficients[OFFSET], k, lanes)
                if with_dy:
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
def sum_columns(x, dy, with_dy, width, begin, end, first, last, shift, sums):
    """Add some rows of some columns to the sums."""
    wide, narrow = last - (last - first) % WIDE, last - (last - first) % NARROW
    add_wide(x, dy, with_dy, width, begin, end, first, wide, shift, sums)
    if wide < narrow:
        add_narrow(x, dy, with_dy, width, begin, end, wide, narrow, shift, sums)
    if narrow < last:
        add_single(x, dy, with_dy, width, begin, end, narrow, last, shift, sums)


@plain
def write_columns(x, dy, with_dy, plan, begin, end, first, last, coefficients, y, dx):
    """The results in some rows of some columns, the last rows first: the caches hold these."""
    width, wide, narrow = plan[WIDTH], last - (last - first) % WIDE, last - (last - first) % NARROW
    if plan[PAST]:
        write_wide_past(x, dy, with_dy, width, begin, end, first, wide, coefficients, y, dx)
        write_narrow_past(x, dy, with_dy, width, begin, end, wide, narrow, coefficients, y, dx)
        return
    write_wide(x, dy, with_dy, width, begin, end, first, wide, coefficients, y, dx)
    if wide < narrow:
        write_narrow(x, dy, with_dy, width, begin, end, wide, narrow, coefficients, y, dx)
    if narrow < last:
        write_single(x, dy, with_dy, width, begin, end, narrow, last, coefficients, y, dx)


# ---- loops along rows -----------------------------------------------------------------------------------------------


def row_sums(lanes: int) -> Any:
    """The loop over so many values of a row at once."""

    @plain
    def add(x, dy, with_dy, begin, end, shift, channel, sums):
        center, slot = same(shift, channel, lanes), channel * LANES
        for start in range(begin, end, FLUSH * lanes):
            stop = min(start + FLUSH * lanes, end)
            total, squares = zeros(x, lanes), zeros(x, lanes)
            if with_dy:
                dy_sum, product = zeros(x, lanes), zeros(x, lanes)
                for place in range(start, stop, lanes):
                    d, g = load(x, place, lanes) - center, load(dy, place, lanes)
                    total, squares = total + d, fused(d, d, squares)
                    dy_sum, product = dy_sum + g, fused(g, d, product)
                add_to(sums[DY], slot, dy_sum)
                add_to(sums[DY_D], slot, product)
            else:
                for place in range(start, stop, lanes):
                    d = load(x, place, lanes) - center
                    total, squares = total + d, fused(d, d, squares)
            add_to(sums[D], slot, total)
            add_to(sums[SQUARES], slot, squares)

    return add


def row_results(lanes: int, past: int) -> Any:
    """The loop over so many values of a row at once, that writes past the caches or not."""

    @plain
    def write(x, dy, with_dy, begin, end, coefficients, channel, y, dx):
        mean, factor = same(coefficients[MEAN], channel, lanes), same(coefficients[FACTOR], channel, lanes)
        offset = same(coefficients[OFFSET], channel, lanes)
        if with_dy:
            mean_dy, slope = same(coefficients[MEAN_DY], channel, lanes), same(coefficients[SLOPE], channel, lanes)
            for place in range(begin, end, lanes):
                d = load(x, place, lanes) - mean
                store(y, place, fused(d, factor, offset), past)
                g = load(dy, place, lanes) - mean_dy
                store(dx, place, factor * fused(-d, slope, g), past)
        else:
            for place in range(begin, end, lanes):
                store(y, place, fused(load(x, place, lanes) - mean, factor, offset), past)

    return write


add_lanes, add_rest = row_sums(LANES), row_sums(1)
write_lanes, write_rest, write_lanes_past = row_results(LANES, 0), row_results(1, 0), row_results(LANES, 1)


@plain
def sum_row(x, dy, with_dy, begin, end, shift, channel, sums):
    """Add a row, or a part of it, to the sums of its channel."""
    whole = end - (end - begin) % LANES
    add_lanes(x, dy, with_dy, begin, whole, shift, channel, sums)
    add_rest(x, dy, with_dy, whole, end, shift, channel, sums)


@plain
def sum_rows(x, dy, with_dy, plan, begin, end, step, shift, sums):
    """Add every ``step``-th row to the sums of its channel."""
    width = plan[WIDTH]
    for row in range(begin, end, step):
        sum_row(x, dy, with_dy, row * width, (row + 1) * width, shift, row % plan[CHANNELS], sums)


@plain
def write_rows(x, dy, with_dy, plan, begin, end, step, coefficients, y, dx):
    """The results in every ``step``-th row, the last row first: the caches hold it."""
    width, last = plan[WIDTH], begin + (end - 1 - begin) // step * step
    for row in range(last, begin - 1, -step):
        start, stop, channel = row * width, (row + 1) * width, row % plan[CHANNELS]
        whole = stop - width % LANES
        if plan[PAST]:
            write_lanes_past(x, dy, with_dy, start, whole, coefficients, channel, y, dx)
        else:
            write_lanes(x, dy, with_dy, start, whole, coefficients, channel, y, dx)
            write_rest(x, dy, with_dy, whole, stop, coefficients, channel, y, dx)
