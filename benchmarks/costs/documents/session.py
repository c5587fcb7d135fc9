"""What the documents in TensorFlow 1's style share beside the session."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import tensorflow as tf
import tensorflow.compat.v1 as v1

from bn_impls.interface import Array


@contextmanager
def drawing() -> Iterator[tf.Graph]:
    """A graph of one's own as the default one, without the warnings that ``tf.layers`` is deprecated."""
    with tf.Graph().as_default() as graph, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield graph


def started(weights: Mapping[str, Array]) -> v1.Session:
    """A session on the default graph whose trainable variables, in the order they were made, have these values."""
    variables = v1.trainable_variables()
    fed = [v1.placeholder(variable.dtype.base_dtype, variable.shape) for variable in variables]
    assign = [variable.assign(value) for variable, value in zip(variables, fed, strict=True)]
    session = v1.Session()
    session.run(v1.global_variables_initializer())
    session.run(assign, dict(zip(fed, weights.values(), strict=True)))
    return session


def nothing_of(fed: Sequence[tf.Tensor]) -> tf.Operation:
    """An operation that takes what is fed and computes nothing."""
    return tf.group(*(tf.identity(one) for one in fed))
