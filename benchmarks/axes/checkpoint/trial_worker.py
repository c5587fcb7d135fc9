"""The process that damaged checkpoints are restored in: if one of them kills it, that costs this trial and no other."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.checkpoints.damages import IDENTICAL, REFUSED, WRONG
from bn_impls import canonical
from bn_impls.canonical import layer_format
from bn_impls.errors import BadCheckpoint
from bn_impls.interface import Array, Configuration, Conventions, Format, Layer, Unsupported
from bn_impls.isolation.loading import load_alone
from bn_impls.isolation.serving import serve
from bn_impls.isolation.variables import OUTER_TMPDIR

CHANNELS = 256
VARIANTS = ("plain", "other_shape", "other_dtype", "without_gamma")
NOBODY = 65534


def configuration(conventions: Conventions, style: Any, variant: str) -> Configuration:
    """Of the layer whose checkpoint is damaged, or of one that differs in a point.

    Args:
        conventions: of the implementation.
        style: how the layer is called.
        variant: one of :data:`VARIANTS`.
    """
    plain = Configuration(
        input_shape=(4, CHANNELS), layout="channels_last", dtype="float32", decay=0.9, epsilon=1e-3, center=True,
        scale=True, conventions=conventions, style=style, device="cpu",
    )  # fmt: skip
    changes: dict[str, dict[str, Any]] = {
        "other_shape": {"input_shape": (4, CHANNELS // 2)},
        "other_dtype": {"dtype": "float64"},
        "without_gamma": {"scale": False},
    }
    return replace(plain, **changes.get(variant, {}))


class NotEnterable(Exception):
    """A trial of permissions would be refused for the permissions of another folder."""


class Server:
    """Saves and restores layers of one implementation."""

    def __init__(self) -> None:
        """Nothing is imported before ``do_start``."""
        self.layers: dict[str, Layer | Unsupported] = {}
        self.in_order: dict[str, dict[str, Array]] = {}
        self.half_restored: set[str] = set()

    def do_start(self, specification: str, style: str, format: str) -> dict[str, Any]:
        """Import the implementation."""
        self.implementation = load_alone(specification)
        self.style, self.format = style, format
        return {"status": "ok"}

    def _layer(self, variant: str) -> Layer | Unsupported:
        if variant not in self.layers:
            settings = configuration(self.implementation.conventions, self.style, variant)
            self.layers[variant] = self.implementation.build(settings)
        return self.layers[variant]

    def _in_order(self, variant: str) -> Layer | Unsupported:
        """A layer of drawn values; a new one if a refused restore left the last one in any other state."""
        layer = self._layer(variant)
        if isinstance(layer, Unsupported):
            return layer
        _draw(layer, -1)
        if variant not in self.in_order:
            self.in_order[variant] = _seen(layer)
        elif variant in self.half_restored:
            self.half_restored.remove(variant)
            if not _equal(_seen(layer), self.in_order[variant]):
                del self.layers[variant]
                return self._in_order(variant)
        return layer

    def _format(self, layer: Layer) -> Format:
        return {"npz": layer_format(layer), **layer.formats}[self.format]

    def do_save(
        self, folder: str, variant: str, seed: int, times: int = 1, limit: int | None = None, at_most_s: float = 600
    ) -> dict[str, Any]:
        """Save a layer of drawn values.

        Args:
            folder: where.
            variant: which layer.
            seed: of the values.
            times: how often.
            limit: the most bytes that a file may have, as on a full disk.
            at_most_s: after so long, no further time.
        """
        layer = self._layer(variant)
        if isinstance(layer, Unsupported) or self.format not in {"npz": None, **layer.formats}:
            return {"status": "unsupported", "reason": getattr(layer, "reason", "the layer has no such format")}
        _draw(layer, seed)
        until = time.monotonic() + at_most_s
        for number in range(times):
            if number and time.monotonic() > until:
                break
            try:
                with _limited(limit):
                    self._format(layer).save(Path(folder))
            except Exception as error:  # a full disk, or another writer: what is left is the question
                return {"status": "ok", "saved": False, "error": _said(error)}
        return {"status": "ok", "saved": True}

    def do_export(self, path: str, variant: str, folder: str) -> dict[str, Any]:
        """Write what an undamaged checkpoint brings back; a count that the API does not keep stays as it was."""
        layer = self._layer(variant)
        assert isinstance(layer, Layer)
        _draw(layer, -1)
        self._format(layer).restore(Path(folder))
        canonical.write(Path(path), _seen(layer))
        return {"status": "ok"}

    def do_restore(self, folder: str, variant: str, expected: list[str]) -> dict[str, Any]:
        """Restore into a layer of other values, and say how that ended."""
        layer = self._in_order(variant)
        if isinstance(layer, Unsupported):
            return {"status": "unsupported", "reason": layer.reason}
        before = self.in_order[variant]
        try:
            with _readable_by_right(Path(folder)) as place:
                self._format(layer).restore(place)
            found = _seen(layer)
        except NotEnterable as error:
            return {"status": "unsupported", "reason": str(error)}
        except Exception as error:  # any error is a refusal; one of another kind is shown as such
            self.half_restored.add(variant)
            return {"status": "ok", "end": REFUSED, "error": _said(error), "named": isinstance(error, BadCheckpoint)}
        wanted = [canonical.read(Path(path)) for path in expected]
        if any(_equal(found, one) for one in wanted):
            return {"status": "ok", "end": IDENTICAL}
        return {"status": "ok", "end": WRONG, "error": _differing(found, before, wanted[0])}


def _draw(layer: Layer, seed: int) -> None:
    """Set a state drawn from a seed; a layer without gamma keeps ones there."""
    settings, generator = layer.configuration, np.random.default_rng(seed + 1000)
    size, dtype = settings.channels, settings.parameter_dtype
    gamma = generator.normal(1.0, 0.3, size).astype(dtype)
    layer.import_state(
        {
            "gamma": gamma if settings.scale else np.ones(size, dtype),
            "beta": generator.normal(0.0, 0.3, size).astype(dtype),
            "moving_mean": generator.normal(2.0, 1.0, size).astype(dtype),
            "moving_variance": generator.uniform(0.5, 4.0, size).astype(dtype),
            "num_updates": 40 + seed,
        }
    )


def _seen(layer: Layer) -> dict[str, Array]:
    """State and inference."""
    x = np.linspace(-3, 3, int(np.prod(layer.configuration.input_shape)), dtype=layer.configuration.dtype)
    y = layer.inference(layer.to_native(x.reshape(layer.configuration.input_shape)))
    state = {name: np.array(value) for name, value in layer.export_state().items()}
    return {**state, "inference": layer.to_numpy(y)}


def _equal(found: dict[str, Array], expected: dict[str, Array]) -> bool:
    return all(np.array_equal(found[name], array) for name, array in expected.items())


def _differing(found: dict[str, Array], before: dict[str, Array], wanted: dict[str, Array]) -> str:
    names = [name for name, array in wanted.items() if not np.array_equal(found[name], array)]
    untouched = all(np.array_equal(found[name], before[name]) for name in names)
    return f"{', '.join(names)} {'as before the restore' if untouched else 'at other values'}"


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error)[:200]}"


@contextlib.contextmanager
def _limited(size: int | None) -> Iterator[None]:
    """Files of this process may not grow beyond a size: writing more fails as it does on a full disk."""
    if size is None:
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextlib.contextmanager
def _readable_by_right(folder: Path) -> Iterator[Path]:
    """The folder, in which a file without permissions cannot be read.

    They do not stop the superuser, who therefore steps down for the time, in a copy of the folder that everybody may
    enter: the scratch folder is the superuser's own, and would be refused as a whole.

    Raises:
        NotEnterable: the copy lies where nobody else may go.
    """
    barred = any(path.is_file() and not path.stat().st_mode & 0o444 for path in folder.rglob("*"))
    if not barred or os.geteuid() != 0:
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="bn-bench-", dir=os.environ.get(OUTER_TMPDIR)) as enterable:
        copy = shutil.copytree(folder, Path(enterable) / folder.name)
        for place in (Path(enterable), copy, *(path for path in copy.rglob("*") if path.is_dir())):
            place.chmod(0o755)
        os.seteuid(NOBODY)
        try:
            if not os.access(copy, os.R_OK | os.X_OK, effective_ids=True):
                raise NotEnterable(f"only the superuser may enter {enterable}: set TMPDIR to a folder for everybody")
            yield copy
        finally:
            os.seteuid(0)


if __name__ == "__main__":
    serve(Server(), parent=int(sys.argv[1]))
