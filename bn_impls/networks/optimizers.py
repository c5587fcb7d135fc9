"""The optimizers, stated once so that every framework takes the same trajectory.

Let g be the gradient of a parameter p, and t = 1, 2, ... the step.

SGD::

    p <- p - rate g

Adam, in the form of the last paragraph of section 2 of Kingma and Ba (2015), "Adam: a method for stochastic
optimization", which TensorFlow and Keras use (epsilon is "epsilon hat": it is added to the root of the *uncorrected*
second moment)::

    m <- beta_1 m + (1 - beta_1) g
    v <- beta_2 v + (1 - beta_2) g^2
    p <- p - rate sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon)

PyTorch and optax by default use the other form, ``p <- p - rate m_hat / (sqrt(v_hat) + epsilon)`` with corrected
moments. Both are the same function with a different epsilon at each step: epsilon = epsilon_other sqrt(1 - beta_2^t).
A builder for such a framework implements the form above.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SGD:
    """Plain gradient descent; it holds no slots, only the step."""

    rate: float
    name: str = "sgd"
    slots: tuple[str, ...] = ()


@dataclass(frozen=True)
class Adam:
    """Adam with "epsilon hat"; slots ``m`` and ``v``. The defaults are those of the paper, epsilon that of Keras."""

    rate: float
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7
    name: str = "adam"
    slots: tuple[str, ...] = ("m", "v")


Optimizer = SGD | Adam
