"""Probe variants of the shipped implementations, one file beside each; nothing that is measured imports them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module

from bn_impls.interface import VARIANTS, Configuration, Layer, Unsupported


def found_in(module: str) -> Mapping[str, Callable[[Configuration], Layer | Unsupported]]:
    """Every variant of an implementation, imported when one is built.

    Args:
        module: with a function, or a value :class:`Unsupported`, of each name of :data:`VARIANTS`.
    """
    return {name: partial(_build, module, name) for name in VARIANTS}


def _build(module: str, name: str, settings: Configuration) -> Layer | Unsupported:
    variant = getattr(import_module(module), name)
    built: Layer | Unsupported = variant if isinstance(variant, Unsupported) else variant(settings)
    return built
