"""``tf.train.ExponentialMovingAverage`` itself, update by update, beside document 004's formula of its decay.

With ``num_updates`` n the formula is ``decay_n = min(decay, (1 + n) / (10 + n))`` and
``average <- decay_n average + (1 - decay_n) value``. As long as (1 + n) / (10 + n) is the smaller one, the share of the
start value after t updates is ``prod (1 + n) / (10 + n) = 1 / binomial(t + 9, 9)``; with a constant decay it is
``decay^t``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow.compat.v1 as v1

from benchmarks.axes.outcome import Outcome, Surroundings
from bn_impls.accuracy.bounds import UNIT_ROUNDOFF
from bn_impls.interface import Array, Implementation

UPDATES = 1000


def run(implementation: Implementation, parameters: Mapping[str, Any], surroundings: Surroundings) -> Outcome:
    """Average two series: the number 0 from a start of 1, which leaves the share of the start, and noise.

    Args:
        implementation: not used; its worker has TensorFlow.
        parameters: ``decay``, ``num_updates`` (whether the step is given), ``dtype`` and ``seed``.
        surroundings: not needed.

    Returns:
        Arrays (updates,) with the share of the start value; errors over two bounds, see :func:`error_bounds`.
    """
    decay, given, dtype = parameters["decay"], parameters["num_updates"], parameters["dtype"]
    values = np.zeros((UPDATES, 2))
    values[:, 1] = np.random.default_rng(parameters["seed"]).normal(3.0, 1.0, UPDATES).astype(np.float32)
    start = np.array([1.0, 0.0])
    seen = averaged_by_tensorflow(values, start, decay, given, dtype)
    exact, bound, coarse = error_bounds(values, start, decay, given, dtype)
    error = np.abs(seen - exact)
    return Outcome(
        metrics={
            "error_abs": float(error.max()),
            "error_over_bound": float((error / coarse).max()),
            "error_over_bound_of_dtype": float((error / bound).max()),
        },
        arrays={"share_of_start": seen[:, 0], "share_of_start_expected": exact[:, 0]},
    )


def averaged_by_tensorflow(values: Array, start: Array, decay: float, given: bool, dtype: str) -> Array:
    """What a graph of TensorFlow 1 gives after each update.

    Args:
        values: (updates, k).
        start: (k,).
        decay: of the average.
        given: whether the step is given as ``num_updates``, 0 for the first update.
        dtype: of the averaged variable.
    """
    found = np.empty(values.shape)
    with tf.Graph().as_default(), v1.Session() as session:
        step, fed = v1.placeholder(tf.int64, []), v1.placeholder(dtype, start.shape)
        variable = v1.get_variable("value", initializer=tf.constant(start, dtype))  # so does its shadow begin
        averages = tf.train.ExponentialMovingAverage(decay, num_updates=step if given else None)
        put = variable.assign(fed)
        with tf.control_dependencies([put]):
            update = averages.apply([variable])
        session.run(v1.global_variables_initializer())
        run = session.make_callable([update], [step, fed])
        read = session.make_callable(averages.average(variable))
        for number, value in enumerate(values):
            run(number, value)
            found[number] = read()
    return found


def formula_decay(decay: float, given: bool, updates: int) -> float:
    """Document 004's."""
    return min(decay, (1 + updates) / (10 + updates)) if given else decay


def error_bounds(values: Array, start: Array, decay: float, given: bool, dtype: str) -> tuple[Array, Array, Array]:
    """The formula in float64, and how far an evaluation may be from it.

    ``average -= (average - value) (1 - decay)`` costs u |average| for the subtraction and 2 u |average - value|
    (1 - decay) for difference and product. The decay, rounded once, costs v decay |average - value|, the subtraction
    from 1 and its quotient 2 v (1 - decay) |average - value|. Errors shrink by the decay at each update.

    Returns:
        Exact averages (updates, k); bounds with u = v of the dtype; bounds with v of float32, in which the decay is
        kept whatever the dtype of the variable.
    """
    u, coarse = UNIT_ROUNDOFF[dtype], UNIT_ROUNDOFF["float32"]
    averages, bounds, wider = np.empty((3, *values.shape))
    average, bound, wide = start.copy(), np.zeros_like(start), np.zeros_like(start)
    for number, value in enumerate(values):
        d = formula_decay(decay, given, number)
        apart = np.abs(average - value)
        average = d * average + (1 - d) * value
        own = u * np.abs(average) + 2 * u * apart * (1 - d)
        bound = d * bound + own + u * apart * (d + 2 * (1 - d))
        wide = d * wide + own + coarse * apart * (d + 2 * (1 - d))
        averages[number], bounds[number], wider[number] = average, bound, wide
    tiny = np.finfo(np.float64).tiny
    return averages, np.maximum(bounds, tiny), np.maximum(wider, tiny)
