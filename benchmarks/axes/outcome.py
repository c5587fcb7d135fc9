"""What running a case comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.datasets import Dataset, load
from bn_impls.interface import Array, Layer, Observation


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Status, figures and raw values of one case; ``arrays`` are too long for a line and go into an NPZ."""

    status: str = "ok"
    reason: str | None = None
    metrics: dict[str, Any] = field(default_factory=dict)
    samples: dict[str, Any] = field(default_factory=dict)
    labels: dict[str, dict[str, str]] = field(default_factory=dict)
    arrays: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a case gets from the machine it runs on, as opposed to its parameters.

    Attributes:
        data_dir: folder with the user's own data files.
        download: whether data may be fetched.
        scratch: folder for this case's files, which outlives the process.
        shared: folder for what the workers of a run need in common; None where there is none.
    """

    data_dir: Path | None
    download: bool
    scratch: Path
    shared: Path | None = None

    def dataset(self, name: str) -> Dataset:
        """Load a data set."""
        return load(name, data_dir=self.data_dir, allow_download=self.download)


def layer_labels(layer: Layer, x: Array) -> tuple[dict[str, dict[str, str]], str | None]:
    """Look at a layer's inference: the labels of a record, and which claim was not observed, or None."""
    settings = layer.configuration
    claims = {"device": settings.device, "dtype": settings.dtype, "style": settings.style}
    with np.errstate(all="ignore"):  # a layer of NumPy's, after values that are not finite
        seen = layer.observe(layer.inference, layer.to_native(x))
    return labelled(claims, seen)


def labelled(
    claims: Mapping[str, str], seen: Mapping[str, Observation]
) -> tuple[dict[str, dict[str, str]], str | None]:
    """Set observations beside claims.

    Args:
        claims: label -> what the case says.
        seen: label -> what was observed.

    Returns:
        The labels of a record, and which claim was not observed, or None.
    """
    labels = {}
    for name, claimed in claims.items():
        observation = seen.get(name, Observation("not observed", "the implementation observes nothing of it"))
        labels[name] = {"claimed": claimed, "observed": observation.observed, "evidence": observation.evidence}
    wrong = [f"{n} is claimed {v['claimed']}, but {v['observed']} was observed ({v['evidence']})"
             for n, v in labels.items() if v["claimed"] != v["observed"]]  # fmt: skip
    return labels, "; ".join(wrong) or None
