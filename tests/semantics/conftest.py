"""Implementations with one planted choice, which the probes must find."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bn_impls.interface import Configuration, Conventions, Implementation, Layer, Observation, Unsupported
from bn_impls.semantics.asking import Answer, Subject, ask
from bn_impls.semantics.description import PLAIN, Semantics
from bn_impls.semantics.questions import BY_KEY
from bn_impls.semantics.varied import VariedBatchNorm

USUAL = Conventions(ddof=0, initial_mean=0.0, initial_variance=1.0, warm_up=False, decay_in_float32=False)
Build = Callable[[Configuration], Layer | Unsupported]


def layer_of(configuration: Configuration, semantics: Semantics = PLAIN, **parts: Any) -> Layer:
    """A layer of any semantics; ``parts`` replace callables, each made from the layer."""
    varied = VariedBatchNorm(configuration, semantics)

    def with_gradients(x: Any, dy: Any) -> tuple[Any, ...]:
        return varied.forward(x), *varied.backward(dy)

    built = Layer(
        configuration=configuration,
        inference=varied.inference,
        training_step=varied.forward,
        training_step_with_gradients=with_gradients,
        to_native=lambda array: np.array(array, configuration.dtype),
        to_numpy=np.asarray,
        synchronize=lambda _: None,
        export_state=varied.export_state,
        load_state=varied.load_state,
        observe=lambda *_: {"style": Observation("eager", "a Python call")},
        formats={},
    )
    return replace(built, **{name: make(varied) for name, make in parts.items()})


def implementation_of(
    semantics: Semantics = PLAIN,
    conventions: Conventions = USUAL,
    variants: Mapping[str, Build] | None = None,
    **parts: Any,
) -> Implementation:
    """An implementation of any semantics."""

    def build(configuration: Configuration) -> Layer:
        return layer_of(configuration, semantics, **parts)

    return Implementation(conventions=conventions, packages=("numpy",), build=build, variants=variants or {})


def answer_of(implementation: Implementation, key: str) -> Answer:
    """What a probe says of an implementation."""
    return ask(BY_KEY[key], Subject(implementation, "eager"))


@pytest.fixture(scope="session")
def planted() -> Callable[..., Answer]:
    """Ask one question of an implementation with planted semantics."""

    def find(key: str, semantics: Semantics = PLAIN, **parts: Any) -> Answer:
        return answer_of(implementation_of(semantics, **parts), key)

    return find


@pytest.fixture(scope="session")
def layer_with() -> Callable[..., Layer]:
    """A layer of any semantics, for variants."""
    return layer_of
