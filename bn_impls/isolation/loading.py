"""Importing an implementation in a process of its own, without what its framework takes along by chance.

Keras imports pandas, scikit-learn, Matplotlib and JAX where it finds them, and TensorFlow imports Keras. That is half
of the processor time of ``import tensorflow``, and none of it is TensorFlow's cost: it is what else is installed
(docs/decisions/0017).
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, cast

from bn_impls import registry


def load_alone(specification: str) -> Any:
    """Import an implementation while the packages that its framework does without seem not to be installed.

    Args:
        specification: name or ``module:OBJECT``; of the latter nothing is known that could be left out.

    Returns:
        The :class:`bn_impls.interface.Implementation`.

    Raises:
        BnBenchError: as :func:`bn_impls.registry.describe` and :func:`bn_impls.registry.load` do.
    """
    descriptor = registry.describe(specification)
    with absent(descriptor.does_without):
        return registry.load(descriptor)


@contextmanager
def absent(packages: Iterable[str]) -> Iterator[None]:
    """Let imports of these packages raise ``ModuleNotFoundError`` meanwhile; those imported before stay.

    ``None`` in ``sys.modules`` is Python's own way to say so: ``find_spec`` finds nothing either.
    """
    modules = cast("dict[str, ModuleType | None]", sys.modules)
    hidden = [package for package in packages if package not in modules]
    modules.update(dict.fromkeys(hidden))
    try:
        yield
    finally:
        for package in hidden:
            if modules.get(package) is None:
                modules.pop(package, None)
