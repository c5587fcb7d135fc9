"""Layers for hand-overs: one with another convention, one that forgets, one that declares wrongly, one that breaks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bn_impls.interface import Configuration, Implementation, Layer, Unsupported
from bn_impls.numpy_reference import IMPLEMENTATION, build

UNBIASED = replace(IMPLEMENTATION, conventions=replace(IMPLEMENTATION.conventions, ddof=1))


def forgetting(configuration: Configuration) -> Layer | Unsupported:
    """Takes a state up without its moving mean."""
    layer = build(configuration)
    assert isinstance(layer, Layer)

    def load(state: Any) -> None:
        layer.load_state({**state, "moving_mean": layer.export_state()["moving_mean"]})

    return replace(layer, load_state=load)


def warming_up(configuration: Configuration) -> Layer | Unsupported:
    """Warms its decay up, whatever it was told."""
    return build(replace(configuration, conventions=replace(configuration.conventions, warm_up=True)))


def breaking(configuration: Configuration) -> Layer | Unsupported:
    """Raises in its first training step."""
    layer = build(configuration)
    assert isinstance(layer, Layer)

    def step(x: Any) -> Any:
        raise RuntimeError("no step today")

    return replace(layer, training_step=step)


FORGETFUL = Implementation(conventions=IMPLEMENTATION.conventions, packages=("numpy",), build=forgetting)
UNDECLARED = Implementation(conventions=IMPLEMENTATION.conventions, packages=("numpy",), build=warming_up)
BROKEN = Implementation(conventions=IMPLEMENTATION.conventions, packages=("numpy",), build=breaking)
