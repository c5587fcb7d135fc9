"""From the sums of channels to coefficients, moving statistics and gradients: in float64, some channels at once."""

from __future__ import annotations

from typing import Any, NamedTuple

from bn_impls.numba_lanes import filled, in_double, load, not_negative, root, store
from bn_impls.numba_terms import (
    BETA,
    CHANNELS,
    FACTOR,
    GAMMA,
    MEAN,
    MEAN_DY,
    MOVING_MEAN,
    MOVING_VARIANCE,
    OFFSET,
    SLOPE,
    plain,
)


class Channels(NamedTuple):
    """Compiled functions for so many channels at once.

    Attributes:
        move: from sums to moving statistics, coefficients, and the gradients of gamma and beta.
        recall: from moving statistics to coefficients.
    """

    move: Any
    recall: Any


def channels_at_once(lanes: int, totals: Any) -> Channels:
    """The functions for some channels at once.

    Args:
        lanes: how many neighbouring channels.
        totals: compiled; ``totals(sums, plan, channel)`` are the four sums of so many channels over slots and pieces.

    Returns:
        The functions; the slots of their channels are ``channels`` apart.
    """

    @plain
    def move(state, gradients, shift, sums, coefficients, plan, first, last, share, decay, epsilon):
        one, part = filled(1.0, lanes), filled(share, lanes)
        old, new, small = filled(decay, lanes), filled(1.0 - decay, lanes), filled(epsilon, lanes)
        for c in range(first, last, lanes):
            total, squares, dbeta, product = totals(sums, plan, c)
            off = total * part
            mean = in_double(load(shift, c, lanes)) + off
            variance = not_negative(squares * part - off * off)  # less than 0 by rounding
            moving_mean = in_double(load(state[MOVING_MEAN], c, lanes))
            moving_variance = in_double(load(state[MOVING_VARIANCE], c, lanes))
            store(state[MOVING_MEAN], c, old * moving_mean + new * mean, 0)
            store(state[MOVING_VARIANCE], c, old * moving_variance + new * variance, 0)
            inverse = one / root(variance + small)
            dgamma = inverse * (product - off * dbeta)
            store(gradients[GAMMA], c, dgamma, 0)
            store(gradients[BETA], c, dbeta, 0)
            factor, beta = in_double(load(state[GAMMA], c, lanes)) * inverse, load(state[BETA], c, lanes)
            mean_dy, slope = dbeta * part, inverse * dgamma * part
            k = c
            while k < coefficients.shape[1]:  # a range with this step divides integers, which takes longer than this
                store(coefficients[MEAN], k, mean, 0)
                store(coefficients[FACTOR], k, factor, 0)
                store(coefficients[OFFSET], k, beta, 0)
                store(coefficients[MEAN_DY], k, mean_dy, 0)
                store(coefficients[SLOPE], k, slope, 0)
                k += plan[CHANNELS]

    @plain
    def recall(state, coefficients, plan, first, last, epsilon):
        small = filled(epsilon, lanes)
        for c in range(first, last, lanes):
            inverse = root(in_double(load(state[MOVING_VARIANCE], c, lanes)) + small)
            factor, beta = in_double(load(state[GAMMA], c, lanes)) / inverse, load(state[BETA], c, lanes)
            mean, k = load(state[MOVING_MEAN], c, lanes), c
            while k < coefficients.shape[1]:
                store(coefficients[MEAN], k, mean, 0)
                store(coefficients[FACTOR], k, factor, 0)
                store(coefficients[OFFSET], k, beta, 0)
                k += plan[CHANNELS]

    return Channels(move, recall)
