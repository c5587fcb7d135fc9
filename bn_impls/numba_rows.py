"""Loops over a matrix of which a row is one map of one example: channels first.

16 neighbouring values of a row are computed at once.
"""

from __future__ import annotations

from typing import Any

from bn_impls.numba_channels import channels_at_once
from bn_impls.numba_lanes import add_to, added, filled, finite, fused, load, same, store, zeros
from bn_impls.numba_terms import (
    CHANNELS,
    DY,
    DY_D,
    FACTOR,
    FLUSH,
    GROUPED,
    LANES,
    MEAN,
    MEAN_DY,
    OFFSET,
    PAST,
    PIECE,
    ROWS,
    SHIFT_ROWS,
    SHIFT_VALUES,
    SLOPE,
    SQUARES,
    WIDTH,
    D,
    inlined,
    plain,
)

# ---- pieces ---------------------------------------------------------------------------------------------------------


@inlined
def extent(plan, piece):
    """A piece is runs of rows: starts of the first run and past the last, the end of rows, their step."""
    first, last = piece * plan[PIECE], (piece + 1) * plan[PIECE]
    if plan[GROUPED]:
        return first, min(last, plan[CHANNELS]), plan[ROWS], plan[CHANNELS]
    return first, first + 1, min(last, plan[ROWS]), 1


def row_sums(lanes: int) -> Any:
    """The sums over so many values of a row at once."""

    @plain
    def add(x, dy, begin, end, shift, channel, sums):
        center, slot = same(shift, channel, lanes), channel * LANES
        for start in range(begin, end, FLUSH * lanes):
            stop = min(start + FLUSH * lanes, end)
            total, squares = zeros(x, lanes), zeros(x, lanes)
            if dy is not None:
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
    """The results of so many values of a row at once, written past the caches or not."""

    @plain
    def write(x, dy, begin, end, coefficients, channel, y, dx):
        mean, factor = same(coefficients[MEAN], channel, lanes), same(coefficients[FACTOR], channel, lanes)
        offset = same(coefficients[OFFSET], channel, lanes)
        if dy is not None:
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
def add_piece(x, dy, plan, piece, shift, sums):
    """Set the sums of a piece."""
    runs, runs_end, end, step = extent(plan, piece)
    for which in range(4):
        first, last = (runs, runs_end) if plan[GROUPED] else (0, plan[CHANNELS])
        for k in range(first * LANES, last * LANES):
            sums[which, k] = 0.0
    for run in range(runs, runs_end):
        for row in range(run, end, step):
            start, stop, channel = row * plan[WIDTH], (row + 1) * plan[WIDTH], row % plan[CHANNELS]
            whole = stop - plan[WIDTH] % LANES
            add_lanes(x, dy, start, whole, shift, channel, sums)
            add_rest(x, dy, whole, stop, shift, channel, sums)


@plain
def write_piece(x, dy, plan, piece, coefficients, y, dx):
    """The results of a piece, its last rows first: the caches hold these."""
    runs, runs_end, end, step = extent(plan, piece)
    for run in range(runs, runs_end):
        for row in range(run + (end - 1 - run) // step * step, run - 1, -step):
            start, stop, channel = row * plan[WIDTH], (row + 1) * plan[WIDTH], row % plan[CHANNELS]
            whole = stop - plan[WIDTH] % LANES
            if plan[PAST]:
                write_lanes_past(x, dy, start, whole, coefficients, channel, y, dx)
            else:
                write_lanes(x, dy, start, whole, coefficients, channel, y, dx)
                write_rest(x, dy, whole, stop, coefficients, channel, y, dx)


# ---- channels -------------------------------------------------------------------------------------------------------


@plain
def set_shift(x, shift, plan, first, last):
    """The mean of some of each channel's values, or 0 where that is not finite."""
    channels, width = plan[CHANNELS], plan[WIDTH]
    examples = plan[ROWS] // channels
    taken = min(max(examples // 8, 1), SHIFT_ROWS)
    apart = examples // taken * channels * width
    many = min(width, SHIFT_VALUES) // LANES * LANES  # of a row; where it is shorter than LANES, all
    few = width if many == 0 else 0
    for channel in range(first, last):
        total = 0.0
        for example in range(taken if apart else 0):
            start, some = example * apart + channel * width, zeros(x, LANES)
            for place in range(start, start + many, LANES):
                some = some + load(x, place, LANES)
            total += added(some)
            for place in range(start, start + few):
                total += added(load(x, place, 1))
        store(shift, channel, finite(filled(total / (1.0 * taken * (many + few)), 1)), 0)


@plain
def totals(sums, plan, channel):
    """The sums of a channel, over all pieces and slots."""
    total, squares, dy_sum, product = filled(0.0, 1), filled(0.0, 1), filled(0.0, 1), filled(0.0, 1)
    for piece in range(len(sums)):
        for k in range(channel * LANES, (channel + 1) * LANES):
            total = total + load(sums[piece, D], k, 1)
            squares = squares + load(sums[piece, SQUARES], k, 1)
            dy_sum = dy_sum + load(sums[piece, DY], k, 1)
            product = product + load(sums[piece, DY_D], k, 1)
    return total, squares, dy_sum, product


move, recall = channels_at_once(1, totals)
