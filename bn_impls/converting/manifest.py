"""What a checkpoint's own files do not say: whose they are, in which format, and of which network and optimizer.

``bn-bench.json`` lies beside the files of the format. It is JSON of plain values; reading it builds nothing but
descriptions.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bn_impls.converting.fields import Fields
from bn_impls.errors import BadCheckpoint, BnBenchError
from bn_impls.interface import FLOATS, STYLES, Conventions, TrainerConfiguration
from bn_impls.networks.description import (
    ACTIVATIONS,
    PREFIXES,
    Activation,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    Glorot,
    LayerDescription,
    MaxPool,
    Network,
    Unused,
)
from bn_impls.networks.optimizers import SGD, Adam, Optimizer

FILE, SCHEMA = "bn-bench.json", 1
NAMES: dict[type, str] = {**PREFIXES, Unused: "unused"}
KINDS = {name: kind for kind, name in NAMES.items()} | {kind.__name__: kind for kind in NAMES}
"""What a manifest calls the kinds of layer; some of schema 1 were written with the names of the classes."""
LAYERS, DIMENSIONS = 10_000, 3
VALUES, PARAMETERS = 2**24, 2**30
"""Most values of one example between two layers, and most trainable parameters: what a small machine can hold."""
WAY_OUT = "docs/cross-restore.md describes the file"


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What is needed to build the network that a checkpoint belongs to.

    Attributes:
        implementation: name or ``module:OBJECT``.
        format: of :attr:`bn_impls.interface.Trainer.formats`.
        network: framework-free description; how it was initialized is not kept.
        optimizer: with its constants.
        batch_size: of its training.
        dtype: of its weights.
        style: how its framework was called.
    """

    implementation: str
    format: str
    network: Network
    optimizer: Optimizer
    batch_size: int
    dtype: str
    style: str

    @classmethod
    def of(cls, implementation: str, format_name: str, settings: TrainerConfiguration) -> Manifest:
        """That of a trainer's checkpoint."""
        return cls(
            implementation=implementation, format=format_name, network=settings.network, optimizer=settings.optimizer,
            batch_size=settings.batch_size, dtype=settings.dtype, style=settings.style,
        )  # fmt: skip

    def settings(self, conventions: Conventions, style: str | None = None) -> TrainerConfiguration:
        """The configuration of a trainer for it, on the CPU."""
        chosen: Any = style or self.style
        return TrainerConfiguration(
            network=self.network, optimizer=self.optimizer, conventions=conventions, batch_size=self.batch_size,
            dtype=self.dtype, style=chosen, device="cpu",
        )  # fmt: skip

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        layers = [{"kind": NAMES[type(layer)], **asdict(layer)} for layer in self.network.layers]
        network = {"name": self.network.name, "input_shape": list(self.network.input_shape), "layers": layers}
        return {
            "schema": SCHEMA, "implementation": self.implementation, "format": self.format, "network": network,
            "optimizer": {key: value for key, value in asdict(self.optimizer).items() if key != "slots"},
            "batch_size": self.batch_size, "dtype": self.dtype, "style": self.style,
        }  # fmt: skip

    @classmethod
    def from_json(cls, stored: Any) -> Manifest:
        """Read back what :meth:`as_json` gave.

        Raises:
            ValueError: it is something else.
            BadConfiguration: the layers do not fit each other.
        """
        if not isinstance(stored, dict) or stored.get("schema") != SCHEMA:
            raise ValueError(f"it has no schema {SCHEMA}")
        fields = Fields({name: value for name, value in stored.items() if name != "schema"}, "the manifest")
        made = cls(
            implementation=fields.text("implementation"), format=fields.text("format"),
            network=_network(fields.inside("network")), optimizer=_optimizer(fields.inside("optimizer")),
            batch_size=fields.whole("batch_size", VALUES), dtype=fields.text("dtype", FLOATS),
            style=fields.text("style", STYLES),
        )  # fmt: skip
        fields.end()
        return made


def _network(fields: Fields) -> Network:
    """The network, whose sizes fit each other and a machine."""
    entries = enumerate(fields.items("layers", LAYERS))
    layers = tuple(_layer(Fields(entry, f"layer {number}")) for number, entry in entries)
    made = Network(fields.text("name"), fields.sizes("input_shape", DIMENSIONS, VALUES), layers, Glorot())
    fields.end()
    for named in made.named_layers():
        for shape in (named.input_shape, named.output_shape):
            if (values := math.prod(shape)) > VALUES:
                raise ValueError(f"{named.name} meets {values:,} values of one example, but should at most {VALUES:,}")
    if (parameters := sum(math.prod(shape) for shape in made.parameter_shapes().values())) > PARAMETERS:
        raise ValueError(f"the network has {parameters:,} parameters, but should have at most {PARAMETERS:,}")
    return made


def _layer(fields: Fields) -> LayerDescription:
    kind = KINDS[fields.text("kind", KINDS)]
    if kind is Unused:
        made: LayerDescription = Unused(_norm(fields.inside("layer")))
    elif kind is BatchNorm:
        return _norm(fields)
    else:
        made = _plain(kind, fields)
    fields.end()
    return made


def _plain(kind: type, fields: Fields) -> LayerDescription:
    if kind is Dense:
        return Dense(fields.whole("units", VALUES))
    if kind is Conv:
        return Conv(fields.whole("filters", VALUES), fields.whole("size", VALUES))
    if kind is MaxPool:
        return MaxPool(fields.whole("size", VALUES))
    if kind is Activation:
        function: Any = fields.text("function", ACTIVATIONS)
        return Activation(function)
    return Dropout(fields.number("rate", 0, 1, open_at=(1,))) if kind is Dropout else Flatten()


def _norm(fields: Fields) -> BatchNorm:
    made = BatchNorm(
        decay=fields.number("decay", 0, 1), epsilon=fields.number("epsilon", 0),
        center=fields.truth("center"), scale=fields.truth("scale"),
    )  # fmt: skip
    fields.end()
    return made


def _optimizer(fields: Fields) -> Optimizer:
    name, rate = fields.text("name", ("sgd", "adam")), fields.number("rate", 0)
    if name == "sgd":
        made: Optimizer = SGD(rate)
    else:
        betas = fields.number("beta_1", 0, 1, open_at=(1,)), fields.number("beta_2", 0, 1, open_at=(1,))
        made = Adam(rate, *betas, fields.number("epsilon", 0))
    fields.end()
    return made


def write(directory: Path, manifest: Manifest) -> None:
    """Write it beside a checkpoint's files."""
    (directory / FILE).write_text(json.dumps(manifest.as_json(), indent=1))


def read(directory: Path) -> Manifest:
    """Read the one that lies beside a checkpoint's files.

    Raises:
        BadCheckpoint: there is none, or none that describes a network.
    """
    path = directory / FILE
    try:
        return Manifest.from_json(json.loads(path.read_bytes()))
    except FileNotFoundError as error:
        raise BadCheckpoint(
            f"{directory} has no {FILE}, which says whose checkpoint it is and of which network; {WAY_OUT}"
        ) from error
    except (OSError, ValueError, RecursionError, BnBenchError) as error:
        raise BadCheckpoint(f"{path} describes no checkpoint ({error}); {WAY_OUT}") from error
