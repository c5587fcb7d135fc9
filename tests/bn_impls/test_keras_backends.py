"""Keras' other backends: a process has one, so the tests of these implementations run in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bn_impls.interface import Unsupported
from bn_impls.registry import descriptors

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bn_impls.conftest import Offer

ROOT = Path(__file__).resolve().parents[2]
HERE = "KERAS_BACKEND"


@pytest.mark.skipif(os.environ.get(HERE) != "tensorflow", reason="this is one of those processes")
@pytest.mark.parametrize("which", ["not slow", pytest.param("slow", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["keras-jax", "keras-torch"])
def test_the_implementation_passes_every_test_in_a_process_of_its_own(name: str, which: str) -> None:
    """The shared tests, and the ones by value of its own file: those that are slow where slow tests are run."""
    descriptor = descriptors()[name]
    if reason := descriptor.missing():
        pytest.skip(reason)
    own = f"tests/bn_impls/test_{name.replace('-', '_')}_layer.py"
    chosen = ["-m", which, "-k", f"{name} or test_{name.replace('-', '_')}"]
    command = [sys.executable, "-m", "pytest", "-q", *chosen, "tests/bn_impls"]
    found = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **dict(descriptor.environment)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ROOT / own).exists()
    assert found.returncode == 0, found.stdout[-5000:]
    assert " passed" in found.stdout


@pytest.mark.skipif(os.environ.get(HERE) != "tensorflow", reason="this is one of those processes")
@pytest.mark.parametrize(("name", "spelled"), [("keras-jax", "JAX"), ("keras-torch", "PyTorch")])
def test_on_another_backend_the_layer_is_refused(name: str, spelled: str, named_offer: Callable[[str], Offer]) -> None:
    """Whoever forgets the variable reads so."""
    offer = replace(named_offer(name), style="eager")
    offer.implementation()
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
    found = offer.implementation().build(offer.configuration(dtype="float32"))
    assert found == Unsupported(f"Keras runs on tensorflow here; this implementation is for {spelled}")
