"""What a class is: found by the frameworks that its module has imported, so that none is imported for the question."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from bn_impls.errors import BadSpecification


def implementation_of(target: str, found: Any, given: Mapping[str, float]) -> Any:
    """An implementation around a plain class.

    Args:
        target: ``module:NAME`` of the class, for messages.
        found: what stands there.
        given: ``decay`` and ``epsilon`` that a layer is said to have, where it cannot be asked.

    Returns:
        A :class:`bn_impls.interface.Implementation`; None where it is no class of a framework that is known here.

    Raises:
        BadSpecification: a class of a known framework that cannot be tested as it is; the message says what is missing.
    """
    if not isinstance(found, type):
        return None
    keras, torch, tf_keras = (sys.modules.get(name) for name in ("keras", "torch", "tf_keras"))
    if _is_one(found, tf_keras, "layers", "Layer"):
        raise BadSpecification(
            f"{target} is a layer of tf_keras (Keras 2), which is tested through an Implementation only; derive it "
            "from keras.Layer (Keras 3), or follow docs/adding-an-implementation.md"
        )
    if _is_one(found, keras, "layers", "Layer"):  # first: on PyTorch a layer of Keras is a module, too
        from bn_impls.plain.keras_class import implementation

        return implementation(target, found, given)
    if _is_one(found, torch, "nn", "Module"):
        from bn_impls.plain.torch_class import implementation as of_torch

        return of_torch(target, found, given)
    return None


def _is_one(found: type, framework: Any, *path: str) -> bool:
    for name in path:
        framework = getattr(framework, name, None)
    return isinstance(framework, type) and issubclass(found, framework)
