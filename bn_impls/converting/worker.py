"""The process of one side: restores or writes one implementation's checkpoints."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from bn_impls import canonical
from bn_impls.converting.manifest import Manifest
from bn_impls.errors import BadConfiguration
from bn_impls.interface import Array, Implementation, Trainer, Unsupported, build_trainer
from bn_impls.isolation.serving import serve

PROBES, SEED = 64, 12345
LOGITS = "logits"


class Server:
    """What a worker can be asked to do. Each method returns a reply."""

    implementation: Implementation

    def do_start(self, specification: str) -> dict[str, Any]:
        """Import the implementation (and with it its framework)."""
        from bn_impls.isolation.loading import load_alone

        self.implementation = load_alone(specification)
        return {"status": "ok"}

    def do_read(self, manifest: Mapping[str, Any], directory: str, path: str) -> dict[str, Any]:
        """Restore a checkpoint and leave everything of it, and the logits of the probes, in an NPZ."""
        told = Manifest.from_json(dict(manifest))
        trainer = self._trainer(told)
        _format(trainer, told).restore(Path(directory))
        canonical.write(Path(path), canonical.everything(trainer) | {LOGITS: trainer.predict(probes(told), "moving")})
        return {"status": "ok", "conventions": self._conventions(told)}

    def do_write(self, manifest: Mapping[str, Any], directory: str, given: str, path: str) -> dict[str, Any]:
        """Write arrays in a native format; restore them into a network of other weights and leave all of that.

        Args:
            manifest: of the checkpoint that is written.
            directory: an empty one, for it.
            given: NPZ of the arrays.
            path: of the NPZ of what came back.
        """
        told = Manifest.from_json(dict(manifest))
        trainer, other = self._trainer(told), self._trainer(told)
        canonical.load_everything(trainer, canonical.read(Path(given)))
        _format(trainer, told).save(Path(directory))
        drawn = told.network.initial_weights(SEED)
        other.import_weights({**other.export_weights(), **drawn})
        _format(other, told).restore(Path(directory))
        canonical.write(Path(path), canonical.everything(other) | {LOGITS: other.predict(probes(told), "moving")})
        return {"status": "ok", "conventions": self._conventions(told)}

    def do_formats(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """The formats that a network of this description has here, and the conventions."""
        told = Manifest.from_json(dict(manifest))
        return {"status": "ok", "formats": list(self._trainer(told).formats), "conventions": self._conventions(told)}

    def _conventions(self, manifest: Manifest) -> dict[str, Any]:
        return asdict(self.implementation.conventions.of_input(2, manifest.dtype))

    def _trainer(self, manifest: Manifest) -> Trainer:
        trainer = build_trainer(self.implementation, manifest.settings(self.implementation.conventions))
        if isinstance(trainer, Unsupported):
            raise BadConfiguration(f"{manifest.implementation} cannot hold this network: {trainer.reason}")
        return trainer


def _format(trainer: Trainer, manifest: Manifest) -> Any:
    if manifest.format not in trainer.formats:
        offered = ", ".join(trainer.formats)
        raise BadConfiguration(f"{manifest.implementation} has no format {manifest.format!r}; it offers {offered}")
    return trainer.formats[manifest.format]


def probes(manifest: Manifest) -> Array:
    """Inputs to compare logits on, (64, ...), drawn from N(0, 1) by a fixed seed."""
    drawn = np.random.default_rng(SEED).standard_normal((PROBES, *manifest.network.input_shape))
    return drawn.astype(manifest.dtype)


if __name__ == "__main__":
    serve(Server(), parent=int(sys.argv[1]))
