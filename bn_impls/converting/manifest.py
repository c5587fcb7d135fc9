"""What a checkpoint's own files do not say: whose they are, in which format, and of which network and optimizer.

``bn-bench.json`` lies beside the files of the format. It is JSON of plain values; reading it builds nothing but
descriptions.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bn_impls.errors import BadCheckpoint, BnBenchError
from bn_impls.interface import Conventions, TrainerConfiguration
from bn_impls.networks.description import PREFIXES, BatchNorm, Glorot, LayerDescription, Network, Unused
from bn_impls.networks.optimizers import SGD, Adam, Optimizer

FILE, SCHEMA = "bn-bench.json", 1
KINDS: Mapping[str, type] = {kind.__name__: kind for kind in PREFIXES}
OPTIMIZERS: Mapping[str, type] = {"sgd": SGD, "adam": Adam}
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
        layers = [{"kind": type(layer).__name__, **asdict(layer)} for layer in self.network.layers]
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
        """
        if not isinstance(stored, dict) or stored.get("schema") != SCHEMA:
            raise ValueError(f"it has no schema {SCHEMA}")
        try:
            described = stored["network"]
            layers = tuple(_layer(entry) for entry in described["layers"])
            shape = tuple(int(size) for size in described["input_shape"])
            optimizer = dict(stored["optimizer"])
            return cls(
                implementation=str(stored["implementation"]), format=str(stored["format"]),
                network=Network(str(described["name"]), shape, layers, Glorot()),
                optimizer=OPTIMIZERS[optimizer["name"]](**optimizer), batch_size=int(stored["batch_size"]),
                dtype=str(stored["dtype"]), style=str(stored["style"]),
            )  # fmt: skip
        except (KeyError, TypeError) as error:  # whatever somebody else's JSON brings about
            raise ValueError(f"it has no usable {error}") from error


def _layer(entry: Mapping[str, Any]) -> LayerDescription:
    fields = {key: value for key, value in entry.items() if key != "kind"}
    if entry["kind"] == Unused.__name__:
        return Unused(BatchNorm(**fields["layer"]))
    made: LayerDescription = KINDS[entry["kind"]](**fields)
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
        manifest = Manifest.from_json(json.loads(path.read_bytes()))
        list(manifest.network.named_layers())
        return manifest
    except FileNotFoundError as error:
        raise BadCheckpoint(
            f"{directory} has no {FILE}, which says whose checkpoint it is and of which network; {WAY_OUT}"
        ) from error
    except (OSError, ValueError, RecursionError, BnBenchError) as error:
        raise BadCheckpoint(f"{path} describes no checkpoint ({error}); {WAY_OUT}") from error
