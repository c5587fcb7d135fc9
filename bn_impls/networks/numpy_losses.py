"""The losses of :data:`bn_impls.networks.description.LOSSES` in NumPy, each with its gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bn_impls.interface import Array
from bn_impls.networks.description import Loss, swapped_costs


def softmax_cross_entropy(logits: Array, labels: Array) -> tuple[Any, Array]:
    """Mean of ``-log softmax(logits)[label]``, and its gradient ``(softmax - one hot) / n``.

    Args:
        logits: (n, classes).
        labels: (n,) integers.

    Returns:
        The loss, and the gradient (n, classes).
    """
    rows = np.arange(len(labels))
    log_probabilities = _log_softmax(logits)
    gradient = np.exp(log_probabilities)
    gradient[rows, labels] -= 1
    return -log_probabilities[rows, labels].mean(), gradient / len(labels)


def swapped_cross_entropy(logits: Array, labels: Array) -> tuple[Any, Array]:
    """Mean of ``wrong - (wrong - right) p[label]`` with p the softmax, and its gradient.

    ``right`` and ``wrong`` are :func:`bn_impls.networks.description.swapped_costs`; ``dp[label]/dz = p[label] (one hot
    - p)``.

    Args:
        logits: (n, classes).
        labels: (n,) integers.

    Returns:
        The loss, and the gradient (n, classes).
    """
    right, wrong = (logits.dtype.type(cost) for cost in swapped_costs())
    rows = np.arange(len(labels))
    probabilities = np.exp(_log_softmax(logits))
    chosen = probabilities[rows, labels]
    one_hot = np.zeros_like(probabilities)
    one_hot[rows, labels] = 1
    gradient = -(wrong - right) * chosen[:, None] * (one_hot - probabilities)
    return (wrong - (wrong - right) * chosen).mean(), gradient / len(labels)


def _log_softmax(logits: Array) -> Array:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


FUNCTIONS: dict[Loss, Callable[[Array, Array], tuple[Any, Array]]] = {
    "cross_entropy": softmax_cross_entropy,
    "swapped_cross_entropy": swapped_cross_entropy,
}
