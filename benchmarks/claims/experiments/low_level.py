"""The low-level function: what it takes, what it keeps, and what an average of moments starts from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow.compat.v1 as v1

from benchmarks.axes.outcome import Outcome, Surroundings
from benchmarks.claims.experiments.probing import exact_inference_bound, worst_over
from bn_impls.interface import Array, Implementation
from bn_impls.semantics.asking import Subject

SHAPE, EPSILON = (256, 4), 1e-3
DEVIATIONS = np.array([0.1, 0.5, 2.0, 10.0])
STARTS = np.array([0.25, -1.5, 3.0, 8.0])  # of a variable that is averaged


def run(implementation: Implementation, parameters: Mapping[str, Any], surroundings: Surroundings) -> Outcome:
    """Feed ``tf.nn.batch_normalization`` a variance and a standard deviation; look at the variables in its graph.

    Args:
        implementation: tells the dtype's bound; its worker has TensorFlow.
        parameters: ``style`` and ``seed``.
        surroundings: not needed.

    Returns:
        The output's standard deviation in either case; the number of variables that the function made; the start
        values of averages of a tensor and of a variable.
    """
    generator = np.random.default_rng(parameters["seed"])
    x = (1.0 + DEVIATIONS * generator.standard_normal(SHAPE)).astype(np.float32)
    return Outcome(metrics=_moments(implementation, parameters, x) | _state(x))


def _normalized(x: Array, mean: Array, second: Array) -> Array:
    with tf.Graph().as_default(), v1.Session() as session:
        y = tf.nn.batch_normalization(x, mean.astype(x.dtype), second.astype(x.dtype), None, None, EPSILON)
        return np.asarray(session.run(y))


def _moments(implementation: Implementation, parameters: Mapping[str, Any], x: Array) -> dict[str, Any]:
    mean, variance = x.astype(np.float64).mean(axis=0), x.astype(np.float64).var(axis=0)
    by_variance = _normalized(x, mean, variance)
    by_deviation = _normalized(x, mean, np.sqrt(variance))
    settings = Subject(implementation, parameters["style"]).configuration(SHAPE, epsilon=EPSILON)
    bound = exact_inference_bound(settings, x, mean, variance, np.ones(SHAPE[1]), np.zeros(SHAPE[1]))
    exact = (x.astype(np.float64) - mean) / np.sqrt(variance + EPSILON)
    sizes = by_deviation.astype(np.float64).std(axis=0)
    return {
        "given_variance_error_over_bound": worst_over(by_variance, exact, bound),
        "given_deviation_smallest_output_std": float(sizes.min()),
        "given_deviation_largest_output_std": float(sizes.max()),
        "input_smallest_std": float(np.sqrt(variance).min()),
        "input_largest_std": float(np.sqrt(variance).max()),
    }


def _state(x: Array) -> dict[str, Any]:
    with tf.Graph().as_default() as graph, v1.Session() as session:
        moments = tf.nn.moments(v1.placeholder(x.dtype, SHAPE), [0])
        before = len(v1.global_variables())
        tf.nn.batch_normalization(x, *moments, None, None, EPSILON)
        made = len(v1.global_variables()) - before
        variable = v1.get_variable("value", initializer=tf.constant(STARTS, x.dtype))
        averages = tf.train.ExponentialMovingAverage(0.99)
        averages.apply([*moments, variable])
        session.run(v1.global_variables_initializer())
        mean, second, shadow = session.run([averages.average(v) for v in (*moments, variable)])
        kinds = {operation.type for operation in graph.get_operations()}
    return {
        "variables_made_by_the_function": made,
        "average_of_mean_start": float(np.abs(mean).max()),
        "average_of_variance_start": float(np.abs(second).max()),
        "average_of_variable_start_is_its_value": bool(np.array_equal(shadow, STARTS.astype(x.dtype))),
        "random_operations": sum("Random" in kind for kind in kinds),
    }
