"""What can be varied in a document's network, as plain values that a record carries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_args

from bn_impls.errors import BadConfiguration
from bn_impls.networks.description import (
    ACTIVATIONS,
    LOSSES,
    BatchNorm,
    Biases,
    Glorot,
    He,
    Initialization,
    Loss,
    Normal,
)

Order = Literal["layer-norm-activation", "layer-activation-norm", "norm-activation-layer"]
Logits = Literal["plain", "unused", "normalized"]
Function = Literal["relu", "elu", "tanh", "sigmoid"]
Kernels = Literal["glorot", "he"] | float


@dataclass(frozen=True, kw_only=True)
class Options:
    """The settings of one network; every recipe states its document's, and a case overrides some.

    Attributes:
        batch_norm: whether hidden layers are normalized.
        order: what follows what in a hidden block; without batch normalization the norm is left out.
        logits: batch normalization of the logits: none (``plain``), computed and read by nobody (``unused``), or
            read by the loss (``normalized``). Needs ``batch_norm``.
        hidden: units of each hidden dense layer: their number is the depth.
        activation: after each hidden layer.
        dropout: rate after each hidden dense layer's activation; 0 for none.
        kernels: how kernels start: ``glorot``, ``he``, or the standard deviation of a normal.
        bias: where biases start; on the logits it changes nothing, as it is the same for all classes.
        bias_deviation: standard deviation around it.
        decay: of the moving statistics.
        epsilon: under the root.
        center: whether batch normalization has beta.
        scale: whether it has gamma.
        loss: what a training step minimizes.
    """

    batch_norm: bool = True
    order: Order = "layer-norm-activation"
    logits: Logits = "plain"
    hidden: tuple[int, ...]
    activation: Function = "relu"
    dropout: float = 0.0
    kernels: Kernels = "glorot"
    bias: float = 0.0
    bias_deviation: float = 0.0
    decay: float = 0.99
    epsilon: float = 1e-3
    center: bool = True
    scale: bool = True
    loss: Loss = "cross_entropy"

    def __post_init__(self) -> None:
        """Refuse what no network can have; a layer's own numbers are checked where it is described."""
        object.__setattr__(self, "hidden", tuple(self.hidden))  # a record holds a list
        known: tuple[tuple[str, Any, tuple[Any, ...]], ...] = (
            ("order", self.order, get_args(Order)),
            ("logits", self.logits, get_args(Logits)),
            ("activation", self.activation, ACTIVATIONS),
            ("loss", self.loss, LOSSES),
        )
        for name, got, expected in known:
            if got not in expected:
                raise BadConfiguration(f"option {name} is {got!r}, but should be one of {', '.join(expected)}")
        if isinstance(self.kernels, str) and self.kernels not in ("glorot", "he"):
            raise BadConfiguration(f"option kernels is {self.kernels!r}, but should be glorot, he or a deviation")
        if self.logits != "plain" and not self.batch_norm:
            raise BadConfiguration(f"option logits is {self.logits!r} without batch_norm, but should be 'plain' then")

    def overridden(self, overrides: Mapping[str, Any]) -> Options:
        """The same with some options replaced.

        Raises:
            BadConfiguration: there is no such option, or a value is impossible.
        """
        names = [field.name for field in fields(self)]
        for name in overrides:
            if name not in names:
                raise BadConfiguration(f"unknown option {name!r} of a network, but should be one of {', '.join(names)}")
        return replace(self, **overrides)

    @property
    def norm(self) -> BatchNorm:
        """Each batch normalization layer."""
        return BatchNorm(decay=self.decay, epsilon=self.epsilon, center=self.center, scale=self.scale)

    @property
    def initialization(self) -> Initialization:
        """How kernels start, as the description has it."""
        if isinstance(self.kernels, str):
            return Glorot() if self.kernels == "glorot" else He()
        return Normal(float(self.kernels))

    @property
    def biases(self) -> Biases:
        """How biases start, as the description has it."""
        return Biases(self.bias, self.bias_deviation)
