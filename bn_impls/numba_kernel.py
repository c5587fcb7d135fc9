"""Batch normalization as two passes over memory, compiled for the CPU by Numba.

Every tensor is seen as a matrix. Channels last, a row holds several positions of all channels one after the other, so
that a column is of one channel and the inner loop runs along many columns, also where channels are few. Channels first,
a row is one map of one example (``by_rows``), and the inner loop runs along it. *Slot* k of a sum or a coefficient is a
column, or a row modulo the channels; it belongs to channel k modulo the channels.

Sums are taken in float64, of d = x - shift, where the shift is the mean of a channel's first m values::

    sums     sum d,  sum d^2,  sum dy,  sum dy d         reads x (and dy) once
    apply    y, and dx from the sums                     reads x (and dy) once, writes y (and dx) once

    mean = shift + sum d / n            variance = sum d^2 / n - (mean - shift)^2
    dbeta = sum dy                      dgamma = (sum dy d - (mean - shift) sum dy) / sqrt(variance + epsilon)

As the first m values are among the n of which the variance is taken, (mean - shift)^2 <= variance (n - m) / m, so what
cancels is bounded whatever the mean is, and no pass for the mean alone is needed.

All compiled functions stand in this file, because Numba's cache on disk looks at the age of the caller's file only.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numba
import numpy as np


def cache_folder() -> str:
    """Where compiled code is kept: a folder for this source and this Numba alone.

    Numba gives the files of an older source's code to the new one. A process that is killed between writing the index
    and the file would leave an index that names old code of another signature, and whoever calls that crashes.
    """
    caches = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    chosen = os.environ.get("NUMBA_CACHE_DIR") or os.path.join(caches, "bn-bench", "numba")
    source = Path(__file__).read_bytes() + numba.__version__.encode()
    return os.path.join(chosen, sha256(source).hexdigest()[:16])


numba.config.CACHE_DIR = cache_folder()


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Numba's decorator with a cache on disk, or without one where no folder for it can be written."""

    def compile_function(function: Callable[..., Any]) -> Any:
        try:
            return numba.njit(cache=True, error_model="numpy", **options)(function)
        except RuntimeError:  # "no locator available": neither this folder nor the user's cache folder is writable
            return numba.njit(error_model="numpy", **options)(function)

    return compile_function


plain = compiled(fastmath={"contract"})  # a * b + c may be rounded once
reordered = compiled(fastmath={"contract", "reassoc"})  # and sums along a row may be taken in lanes
threaded = compiled(parallel=True)

SHIFT_VALUES = 64  # so many of a channel's values make its shift, or all that there are
BLOCK_ROWS, BLOCK_VALUES = 256, 4096  # summed one after the other before their sum is added to that of others
DY_D, DY, SQUARES, D = 3, 2, 1, 0  # the sums of one thread; the first pass keeps four more, of a block
MEAN, FACTOR, OFFSET, MEAN_DY, SLOPE = 0, 1, 2, 3, 4  # the coefficients of one slot
GAMMA, BETA, MOVING_MEAN, MOVING_VARIANCE = 0, 1, 2, 3  # the rows of the state


@plain
def inference(state, count, shift, sums, coefficients, by_rows, shape, decay, epsilon, x):
    """y by the moving statistics."""
    y = np.empty_like(x)
    for channel in range(state.shape[1]):
        mean, variance = np.float64(state[MOVING_MEAN, channel]), np.float64(state[MOVING_VARIANCE, channel])
        factor = state[GAMMA, channel] / np.sqrt(variance + epsilon)
        spread(coefficients, channel, state.shape[1], mean, factor, state[BETA, channel], 0.0, 0.0)
    flat, flat_y = x.reshape(shape), y.reshape(shape)
    take_results(flat, flat, False, by_rows, coefficients, len(sums), flat_y, flat_y)
    return y


@plain
def training_step(state, count, shift, sums, coefficients, by_rows, shape, decay, epsilon, x):
    """y by the batch's statistics, which move the moving ones."""
    y = np.empty_like(x)
    flat, flat_y = x.reshape(shape), y.reshape(shape)
    take_sums(flat, flat, False, by_rows, state.shape[1], shift, sums)
    for channel in range(state.shape[1]):
        move(state, shift, sums, coefficients, channel, x.size // state.shape[1], decay, epsilon)
    count[0] += 1
    take_results(flat, flat, False, by_rows, coefficients, len(sums), flat_y, flat_y)
    return y


@plain
def training_step_with_gradients(state, count, shift, sums, coefficients, by_rows, shape, decay, epsilon, x, dy):
    """The same, and the gradients of input, gamma and beta."""
    y, dx = np.empty_like(x), np.empty_like(x)
    dgamma, dbeta = np.empty_like(state[GAMMA]), np.empty_like(state[BETA])
    flat, flat_dy, flat_y, flat_dx = x.reshape(shape), dy.reshape(shape), y.reshape(shape), dx.reshape(shape)
    take_sums(flat, flat_dy, True, by_rows, state.shape[1], shift, sums)
    for channel in range(state.shape[1]):
        found = move(state, shift, sums, coefficients, channel, x.size // state.shape[1], decay, epsilon)
        dgamma[channel], dbeta[channel] = found
    count[0] += 1
    take_results(flat, flat_dy, True, by_rows, coefficients, len(sums), flat_y, flat_dx)
    return y, dx, dgamma, dbeta


@plain
def move(state, shift, sums, coefficients, channel, values, decay, epsilon):
    """From a channel's sums to its moving statistics, its coefficients, and the gradients of gamma and beta."""
    total, squares, dbeta, product = channel_sums(sums, channel, state.shape[1])
    off = total / values
    mean, variance = shift[channel] + off, squares / values - off * off
    if variance < 0.0:  # by rounding, where it is next to 0
        variance = 0.0
    state[MOVING_MEAN, channel] = decay * state[MOVING_MEAN, channel] + (1.0 - decay) * mean
    state[MOVING_VARIANCE, channel] = decay * state[MOVING_VARIANCE, channel] + (1.0 - decay) * variance
    inverse = 1.0 / np.sqrt(variance + epsilon)
    dgamma = inverse * (product - off * dbeta)
    factor, slope = state[GAMMA, channel] * inverse, inverse * dgamma / values
    spread(coefficients, channel, state.shape[1], mean, factor, state[BETA, channel], dbeta / values, slope)
    return dgamma, dbeta


@plain
def spread(coefficients, channel, channels, mean, factor, offset, mean_dy, slope):
    """Write a channel's coefficients into all of its slots."""
    for k in range(channel, coefficients.shape[1], channels):
        coefficients[MEAN, k] = mean
        coefficients[FACTOR, k] = factor
        coefficients[OFFSET, k] = offset
        coefficients[MEAN_DY, k] = mean_dy
        coefficients[SLOPE, k] = slope


# ---- the first pass -------------------------------------------------------------------------------------------------


@plain
def take_sums(x, dy, gradients, by_rows, channels, shift, sums):
    """Set the shift, and the sums of every thread."""
    set_shift(x, by_rows, channels, shift)
    if len(sums) == 1:  # starting threads for a small input takes longer than the input
        sum_share(x, dy, gradients, by_rows, shift, sums, 0)
    else:
        sum_in_threads(x, dy, gradients, by_rows, shift, sums)


@plain
def set_shift(x, by_rows, channels, shift):
    """The mean of each channel's first values, or 0 where that is not finite."""
    columns = x.shape[1]
    of_each = columns if by_rows else columns // max(channels, 1)  # values of a channel in ``height`` rows
    height, values, row = (channels if by_rows else 1), 0, 0
    shift[:] = 0.0
    while values < SHIFT_VALUES and row < len(x) and of_each:
        for channel in range(channels):
            for place in range(of_each):
                shift[channel] += x[row + channel, place] if by_rows else x[row, place * channels + channel]
        values, row = values + of_each, row + height
    for channel in range(channels):
        mean = shift[channel] / values
        shift[channel] = mean if np.isfinite(mean) else 0.0
    for k in range(channels, len(shift)):
        shift[k] = shift[k % channels]


@threaded
def sum_in_threads(x, dy, gradients, by_rows, shift, sums):
    """Every thread's share."""
    for thread in numba.prange(len(sums)):
        sum_share(x, dy, gradients, by_rows, shift, sums, thread)


@plain
def sum_share(x, dy, gradients, by_rows, shift, sums, thread):
    """The sums over one thread's rows."""
    begin, end = len(x) * thread // len(sums), len(x) * (thread + 1) // len(sums)
    sums[thread] = 0.0
    if by_rows:
        for row in range(begin, end):
            sum_row(x[row], dy[row], gradients, shift, row % len(shift), sums[thread])
    else:
        for start in range(begin, end, BLOCK_ROWS):
            sum_block(x, dy, gradients, shift, start, min(start + BLOCK_ROWS, end), sums[thread])


@plain
def sum_block(x, dy, gradients, shift, begin, end, sums):
    """Add some rows; every column is of one channel."""
    block = sums[4:]
    block[:] = 0.0
    for row in range(begin, end):
        if gradients:
            for k in range(x.shape[1]):
                d, g = np.float64(x[row, k]) - shift[k], np.float64(dy[row, k])
                block[D, k] += d
                block[SQUARES, k] += d * d
                block[DY, k] += g
                block[DY_D, k] += g * d
        else:
            for k in range(x.shape[1]):
                d = np.float64(x[row, k]) - shift[k]
                block[D, k] += d
                block[SQUARES, k] += d * d
    for which in range(4):
        for k in range(x.shape[1]):
            sums[which, k] += block[which, k]


@plain
def sum_row(x, dy, gradients, shift, k, sums):
    """Add one row, which is of one channel, in pieces."""
    for start in range(0, len(x), BLOCK_VALUES):
        stop = min(start + BLOCK_VALUES, len(x))
        if gradients:
            total, squares, dy_sum, product = sum_x_and_dy(x, dy, shift[k], start, stop)
            sums[DY, k] += dy_sum
            sums[DY_D, k] += product
        else:
            total, squares = sum_x(x, shift[k], start, stop)
        sums[D, k] += total
        sums[SQUARES, k] += squares


@reordered
def sum_x(x, shift, begin, end):
    """The sums without a gradient."""
    total, squares = 0.0, 0.0
    for k in range(begin, end):
        d = np.float64(x[k]) - shift
        total += d
        squares += d * d
    return total, squares


@reordered
def sum_x_and_dy(x, dy, shift, begin, end):
    """All four sums."""
    total, squares, dy_sum, product = 0.0, 0.0, 0.0, 0.0
    for k in range(begin, end):
        d, g = np.float64(x[k]) - shift, np.float64(dy[k])
        total += d
        squares += d * d
        dy_sum += g
        product += g * d
    return total, squares, dy_sum, product


@plain
def channel_sums(sums, channel, channels):
    """The sums of a channel over its slots and all threads."""
    total, squares, dy_sum, product = 0.0, 0.0, 0.0, 0.0
    for thread in range(len(sums)):
        for k in range(channel, sums.shape[2], channels):
            total += sums[thread, D, k]
            squares += sums[thread, SQUARES, k]
            dy_sum += sums[thread, DY, k]
            product += sums[thread, DY_D, k]
    return total, squares, dy_sum, product


# ---- the second pass ------------------------------------------------------------------------------------------------


@plain
def take_results(x, dy, gradients, by_rows, coefficients, threads, y, dx):
    """Write y, and dx where there is a gradient."""
    if threads == 1:
        share_results(x, dy, gradients, by_rows, coefficients, 0, 1, y, dx)
    else:
        results_in_threads(x, dy, gradients, by_rows, coefficients, threads, y, dx)


@threaded
def results_in_threads(x, dy, gradients, by_rows, coefficients, threads, y, dx):
    """Every thread's share."""
    for thread in numba.prange(threads):
        share_results(x, dy, gradients, by_rows, coefficients, thread, threads, y, dx)


@plain
def share_results(x, dy, gradients, by_rows, coefficients, thread, threads, y, dx):
    """The results in one thread's rows."""
    for row in range(len(x) * thread // threads, len(x) * (thread + 1) // threads):
        if by_rows:
            one_channel(x[row], dy[row], gradients, coefficients, row % coefficients.shape[1], y[row], dx[row])
        elif gradients:
            many_channels_and_gradient(x[row], dy[row], coefficients, y[row], dx[row])
        else:
            many_channels(x[row], coefficients, y[row])


@plain
def many_channels(x, coefficients, y):
    """y of a row whose every column has coefficients of its own."""
    mean, factor, offset = coefficients[MEAN], coefficients[FACTOR], coefficients[OFFSET]
    for k in range(len(x)):
        y[k] = (x[k] - mean[k]) * factor[k] + offset[k]


@plain
def many_channels_and_gradient(x, dy, coefficients, y, dx):
    """y and dx of such a row."""
    mean, factor, offset = coefficients[MEAN], coefficients[FACTOR], coefficients[OFFSET]
    mean_dy, slope = coefficients[MEAN_DY], coefficients[SLOPE]
    for k in range(len(x)):
        d = x[k] - mean[k]
        y[k] = d * factor[k] + offset[k]
        dx[k] = factor[k] * ((dy[k] - mean_dy[k]) - d * slope[k])


@plain
def one_channel(x, dy, gradients, coefficients, slot, y, dx):
    """y, and dx, of a row of one channel."""
    mean, factor, offset = coefficients[MEAN, slot], coefficients[FACTOR, slot], coefficients[OFFSET, slot]
    mean_dy, slope = coefficients[MEAN_DY, slot], coefficients[SLOPE, slot]
    if gradients:
        for k in range(len(x)):
            d = x[k] - mean
            y[k] = d * factor + offset
            dx[k] = factor * ((dy[k] - mean_dy) - d * slope)
    else:
        for k in range(len(x)):
            y[k] = (x[k] - mean) * factor + offset
