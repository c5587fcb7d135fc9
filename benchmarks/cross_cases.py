"""The cases in which one implementation takes up what another one has trained. No framework is needed to plan them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.settings import Settings
from bn_impls.registry import Descriptor

DEFAULT_IMPLEMENTATIONS = 6
CHEAPEST_STYLES = ("graph", "session", "eager")
"""Preferred in this order: nothing is timed, and to compile by XLA takes longer than these trainings."""


def crossed(settings: Settings, descriptors: Sequence[Descriptor]) -> Sequence[Descriptor]:
    """The implementations of the matrix: none in a quick run, all in a full one, otherwise the first six."""
    return descriptors[: {"quick": 0, "default": DEFAULT_IMPLEMENTATIONS, "full": None}[settings.size]]


def pairs(settings: Settings, descriptors: Sequence[Descriptor]) -> Iterator[tuple[Descriptor, Descriptor]]:
    """Every ordered pair of source and target, an implementation with itself included."""
    chosen = crossed(settings, descriptors)
    for target in chosen:
        for source in chosen:
            yield source, target


def style(descriptor: Descriptor) -> str:
    """How an implementation's networks are called here."""
    return next((one for one in CHEAPEST_STYLES if one in descriptor.trainer_styles), descriptor.trainer_styles[0])
