"""The cases of a sweep: implementations x networks x settings x seeds."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from benchmarks.cases import Case
from benchmarks.datasets import Dataset
from benchmarks.networks import Options, optimizer, recipe
from bn_impls.errors import BadConfiguration, UnknownName
from bn_impls.registry import Descriptor


def _whole(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise ValueError
    return int(text)


def _number(text: str) -> float:
    value = float(text)
    if not abs(value) < float("inf"):  # NaN neither
        raise ValueError
    return value


def _at_least_0(text: str) -> float:
    return _within(_number(text), lambda value: value >= 0)


def _decay(text: str) -> float:
    return _within(_number(text), lambda value: 0 <= value <= 1)


def _rate(text: str) -> float:
    return _within(_number(text), lambda value: 0 <= value < 1)


def _within(value: float, fits: Callable[[float], bool]) -> float:
    if not fits(value):
        raise ValueError
    return value


def _yes_or_no(text: str) -> bool:
    return {"true": True, "false": False}[text]


def _kernels(text: str) -> str | float:
    return text if text in ("glorot", "he") else _at_least_0(text)


Read = Callable[[str], Any]
TRAINING: Mapping[str, tuple[Read, str]] = {
    "learning_rate": (_at_least_0, "a number of 0 or more"),
    "batch_size": (_whole, "a whole number above 0"),
    "epochs": (_whole, "a whole number above 0"),
    "optimizer": (str, "adam or sgd"),
    "dtype": (str, "float32 or float64"),
    "exact": (_yes_or_no, "true or false"),
}
"""What ``--set`` can vary of a training -> how a value is read, and what it must be."""
_READ: Mapping[str, tuple[Read, str]] = {
    "bool": (_yes_or_no, "true or false"),
    "float": (_number, "a number"),
    "tuple[int, ...]": (lambda text: [_whole(units) for units in text.split("x")], "units such as 300x100"),
    "Kernels": (_kernels, "glorot, he or a standard deviation"),
}
_RANGES: Mapping[str, tuple[Read, str]] = {
    "decay": (_decay, "a weight in [0, 1]"),
    "dropout": (_rate, "a rate in [0, 1)"),
    "epsilon": (_at_least_0, "a number of 0 or more"),
    "bias_deviation": (_at_least_0, "a number of 0 or more"),
}
NETWORK: Mapping[str, tuple[Read, str]] = {
    option.name: _RANGES.get(option.name) or _READ.get(str(option.type), (str, "one of this option's names"))
    for option in fields(Options)
}
"""The same for a network's options, as they are declared."""
VARIABLE = {**TRAINING, **NETWORK}


@dataclass(frozen=True, kw_only=True)
class Grid:
    """What is multiplied out.

    Attributes:
        networks: names of the documents' networks.
        seeds: how many, counted from 0; a seed fixes initial weights and batches, the same in every implementation.
        varied: name -> values, of a training or a network; what is not here keeps the document's value.
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

    def cases(self, descriptors: Sequence[Descriptor]) -> list[Case]:
        """One case for each combination, those of one implementation together; what is named twice counts once.

        Raises:
            UnknownName: there is no such network.
            BadConfiguration: a combination is impossible.
        """
        settings = [dict(zip(self.varied, values, strict=True)) for values in itertools.product(*self.varied.values())]
        combinations = itertools.product(self.networks, settings, range(self.seeds))
        planned = [self._parameters(*combination) for combination in combinations]
        cases = (self._case(descriptor, *one) for descriptor in descriptors for one in planned)
        return list({case.case_id: case for case in cases}.values())

    def _parameters(self, network: str, chosen: Mapping[str, Any], seed: int) -> tuple[str, dict[str, Any]]:
        found = recipe(network)
        options = {name: value for name, value in chosen.items() if name in NETWORK}
        found.options.overridden(options)  # raises what no network can have
        parameters = {
            **found.parameters(),
            "batch_norm": options.pop("batch_norm", found.options.batch_norm),
            "dataset": found.dataset_of(self.dataset),
            "epochs": self.epochs,
            "dtype": "float32",
            **{name: value for name, value in chosen.items() if name in TRAINING},
            "options": options,
            "seed": seed,
            "device": self.device,
        }
        optimizer(parameters)
        if parameters["dtype"] not in ("float32", "float64"):
            raise BadConfiguration(f"got --set dtype={parameters['dtype']}, but should be float32 or float64")
        words = [f"{name}={_shown(value)}" for name, value in chosen.items()]
        return "-".join([network, *words, f"seed={seed}", parameters["dataset"]]), parameters

    def _case(self, descriptor: Descriptor, words: str, parameters: Mapping[str, Any]) -> Case:
        style = recipe(parameters["network"]).style_of(descriptor.trainer_styles, self.device)
        label = f"{words}-{style}-{self.device}"
        return Case("convergence", descriptor.name, label, {**parameters, "style": style})


def refuse_untrainable(cases: Sequence[Case], data: Dataset) -> None:
    """Say before anything runs what this data set cannot train.

    Raises:
        BadConfiguration: a batch is larger than the training set, or a network does not fit the data.
    """
    for case in cases:
        size, rows = case.parameters["batch_size"], data.train.size
        if size > rows:
            raise BadConfiguration(
                f"got --set batch_size={size}, but {data.name} has {rows} rows to train on; give at most {rows}"
            )
        made = recipe(case.parameters["network"]).network(
            data.input_shape, data.class_count, batch_norm=case.parameters["batch_norm"], **case.parameters["options"]
        )
        list(made.named_layers())


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return "x".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def varied(texts: Sequence[str]) -> dict[str, list[Any]]:
    """Read ``NAME=VALUE,VALUE`` as the command line gives it; the values of a name that comes again are added.

    Raises:
        UnknownName: nothing of that name can be varied.
        BadConfiguration: a value is not one of that parameter.
    """
    found: dict[str, list[Any]] = {}
    for text in texts:
        name, values = _one(text)
        found.setdefault(name, []).extend(values)
    return found


def _one(text: str) -> tuple[str, list[Any]]:
    name, _, values = text.partition("=")
    if not values:
        raise BadConfiguration(f"got --set {text}, but should be NAME=VALUE,VALUE such as learning_rate=0.01,0.001")
    if name not in VARIABLE:
        raise UnknownName.among("parameter of --set", name, VARIABLE, "docs/networks.md says what each means.")
    read, expected = VARIABLE[name]
    found: list[Any] = []
    for value in values.split(","):
        try:
            found.append(read(value))
        except (ValueError, KeyError) as error:
            raise BadConfiguration(f"got --set {name}={value}, but should be {expected}") from error
    return name, found
