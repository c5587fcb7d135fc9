"""Implementations with planted mistakes, and cases to try them on, in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.axes.outcome import Surroundings
from bn_impls.interface import Implementation
from bn_impls.registry import describe, load


@pytest.fixture(scope="session")
def mutant() -> Iterator[Callable[[str], Implementation]]:
    """Load ``batch_norm_mutants:NAME``, or another ``module:NAME`` of this folder, as the worker does."""
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(str(Path(__file__).parent))
        yield lambda name: load(describe(name if ":" in name else f"batch_norm_mutants:{name}"))


@pytest.fixture
def surroundings(tmp_path: Path) -> Surroundings:
    """A scratch folder, and no data of one's own."""
    return Surroundings(data_dir=None, download=False, scratch=tmp_path)


@pytest.fixture(scope="session")
def layer_case() -> Callable[..., dict[str, Any]]:
    """The parameters of an agreement or layer case, with changes."""
    return lambda **changes: {
        "shape": [8, 7, 7, 5], "layout": "channels_last", "dtype": "float32", "style": "eager", "device": "cpu",
        "steps": 8, "input": "normal", "decay": 0.9, "epsilon": 1e-3, "seed": 0, **changes,
    }  # fmt: skip


@pytest.fixture(scope="session")
def network_case() -> Callable[..., dict[str, Any]]:
    """The parameters of a convergence or checkpoint case on the small digits, with changes."""
    return lambda **changes: {
        "network": "000", "batch_norm": True, "dataset": "digits", "epochs": 1, "batch_size": 32, "optimizer": "adam",
        "learning_rate": 0.01, "seed": 0, "dtype": "float32", "style": "eager", "device": "cpu", "format": "npz",
        "steps_before": 20, "steps_after": 5, "steps_per_call": 50, **changes,
    }  # fmt: skip
