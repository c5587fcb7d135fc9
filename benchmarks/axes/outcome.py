"""What running a case comes to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.datasets import Dataset, load
from bn_impls.interface import Array, Layer, Observation, Unsupported


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
        """Load a data set, whose arrays are read-only: the process's other cases get the same ones."""
        return _kept(name, self.data_dir, self.download)


@lru_cache(maxsize=2)  # reading the table of digits takes 0.15 s, and a worker trains on it in each network case
def _kept(name: str, data_dir: Path | None, download: bool) -> Dataset:
    data = load(name, data_dir=data_dir, allow_download=download)
    for split in (data.train, data.validation, data.test):
        split.inputs.flags.writeable = split.labels.flags.writeable = False
    return data


def layer_labels(layer: Layer, x: Array, *directions: Array) -> tuple[dict[str, dict[str, str]], str | None]:
    """Look at what a case calls of a layer: its inference, then its training call, which may be of another style.

    Args:
        layer: any; afterwards its state is again the one that inference left.
        x: input.
        directions: what the training call with gradients takes beside it. A layer without gradients is looked at in
            the training call that it has.

    Returns:
        The labels of a record, of both calls, and which claim was not observed, or None.
    """
    settings = layer.configuration
    claims = {"device": settings.device, "dtype": settings.dtype, "style": settings.style}
    train: Callable[..., Any] = layer.training_step
    inputs: tuple[Array, ...] = (x,)
    if not isinstance(layer.training_step_with_gradients, Unsupported):
        train, inputs = layer.training_step_with_gradients, (x, *directions)
    with np.errstate(all="ignore"):  # a layer of NumPy's, after values that are not finite
        seen = layer.observe(layer.inference, layer.to_native(x))
        state = layer.export_state()
        trained = layer.observe(train, *(layer.to_native(array) for array in inputs))
        layer.load_state(state)  # as it came out: values that are not finite, or below 0 by rounding, stay
    return labelled(claims, {name: _of_both(seen[name], trained[name]) for name in seen.keys() & trained.keys()})


def _of_both(inference: Observation, training: Observation) -> Observation:
    """What was seen in both calls, or in which of them what."""
    if inference == training:
        return inference
    evidence = f"inference: {inference.evidence}; training: {training.evidence}"
    if inference.observed == training.observed:
        return Observation(inference.observed, evidence)
    return Observation(f"{inference.observed} in inference and {training.observed} in training", evidence)


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
