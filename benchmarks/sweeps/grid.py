"""The cases of a sweep: implementations x networks x settings x seeds."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.cases import TRAINING_CONSTANTS, Case
from benchmarks.networks import NETWORKS
from bn_impls.errors import BadConfiguration, UnknownName
from bn_impls.registry import Descriptor

WHOLE = ("epochs", "batch_size")
KINDS: Mapping[str, str] = {
    "batch_norm": "true or false",
    "batch_size": "a whole number above 0",
    "epochs": "a whole number above 0",
    "learning_rate": "a number above 0",
    "optimizer": "adam or sgd",
    "dtype": "float32 or float64",
}
"""What ``--set`` can vary -> what a value must be."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """What is multiplied out.

    Attributes:
        networks: names of the documents' networks.
        seeds: how many, counted from 0; a seed fixes initial weights and batches, the same in every implementation.
        varied: parameter -> its values; a parameter that is not here keeps the documents' value.
        dataset: name of the data set.
        epochs: of each training, where ``varied`` has none.
        device: where networks compute.
    """

    networks: Sequence[str]
    seeds: int
    varied: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    dataset: str
    epochs: int
    device: str

    def cases(self, descriptors: Sequence[Descriptor]) -> Iterator[Case]:
        """One case for each combination, those of one implementation together.

        Raises:
            UnknownName: there is no such network.
        """
        for name in self.networks:
            if name not in NETWORKS:
                raise UnknownName.among("network", name, NETWORKS, "They are named after the source documents.")
        settings = [dict(zip(self.varied, values, strict=True)) for values in itertools.product(*self.varied.values())]
        for descriptor, network, chosen, seed in itertools.product(
            descriptors, self.networks, settings, range(self.seeds)
        ):
            yield self._case(descriptor, network, chosen, seed)

    def _case(self, descriptor: Descriptor, network: str, chosen: Mapping[str, Any], seed: int) -> Case:
        style = descriptor.trainer_styles[0]
        parameters = {
            **TRAINING_CONSTANTS,
            "network": network,
            "batch_norm": True,
            "dataset": self.dataset,
            "epochs": self.epochs,
            "dtype": "float32",
            **chosen,
            "seed": seed,
            "style": style,
            "device": self.device,
        }
        words = [f"{name}={_shown(value)}" for name, value in chosen.items()]
        label = "-".join([network, *words, f"seed={seed}", self.dataset, style, self.device])
        return Case("convergence", descriptor.name, label, parameters)


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def varied(texts: Sequence[str]) -> dict[str, list[Any]]:
    """Read ``NAME=VALUE,VALUE`` as the command line gives it.

    Raises:
        UnknownName: nothing of that name can be varied.
        BadConfiguration: a value is not one of that parameter.
    """
    found: dict[str, list[Any]] = {}
    for text in texts:
        name, equals, values = text.partition("=")
        if not equals or not values:
            raise BadConfiguration(f"got --set {text}, but should be NAME=VALUE,VALUE such as learning_rate=0.01,0.001")
        if name not in KINDS:
            raise UnknownName.among("parameter of --set", name, KINDS, "`bn-bench sweep --help` shows examples.")
        found[name] = list(dict.fromkeys(_value(name, value) for value in values.split(",")))
    return found


def _value(name: str, text: str) -> Any:
    wrong = BadConfiguration(f"got --set {name}={text}, but should be {KINDS[name]}")
    if KINDS[name] == "a number above 0" or name in WHOLE:
        try:
            value = int(text) if name in WHOLE else float(text)
        except ValueError:
            raise wrong from None
        if not 0 < value < float("inf"):
            raise wrong
        return value
    if text not in KINDS[name].split(" or "):
        raise wrong
    return {"true": True, "false": False}.get(text, text)
