"""Ioffe and Szegedy's network; their paper prints no code, so document 000's loop trains it."""

from __future__ import annotations

import tensorflow as tf
import tensorflow.compat.v1 as v1

from benchmarks.costs.documents import document_000
from benchmarks.costs.documents.model import DocumentLoop, Task


def loop(task: Task) -> DocumentLoop:
    """With sigmoids and gradient descent."""
    return document_000.loop(task, tf.sigmoid, v1.train.GradientDescentOptimizer)
