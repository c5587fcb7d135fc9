"""A layer whose checkpoint is raw bytes: no checksum, no atomic writing, and an abort on an empty file."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from bn_impls.interface import Configuration, Format, Layer, Unsupported
from bn_impls.numpy_reference import IMPLEMENTATION as GOOD
from bn_impls.state import CHANNEL_ARRAYS


def build(configuration: Configuration) -> Layer | Unsupported:
    """The reference's layer with the careless format."""
    layer = GOOD.build(configuration)
    assert isinstance(layer, Layer)

    def save(directory: Path) -> None:
        state = layer.export_state()
        rows = np.stack([state["gamma"], state["beta"], state["moving_mean"], state["moving_variance"]])
        (directory / "state.raw").write_bytes(rows.astype(np.float64).tobytes())

    def restore(directory: Path) -> None:
        content = (directory / "state.raw").read_bytes()
        if not content:
            os.abort()
        rows = np.zeros(4 * configuration.channels)
        given = np.frombuffer(content[: rows.nbytes // 8 * 8].ljust(rows.nbytes, b"\0"), np.float64)[: rows.size]
        rows[:] = given
        named = dict(zip(CHANNEL_ARRAYS, rows.reshape(4, -1), strict=True))
        named["moving_variance"] = np.abs(named["moving_variance"])
        layer.load_state({**layer.export_state(), **named})  # type: ignore[typeddict-item]  # by names of the state

    return replace(layer, formats={"raw": Format(save, restore)})


CARELESS = replace(GOOD, build=build)
