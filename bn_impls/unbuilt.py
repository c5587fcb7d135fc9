"""Layers into which a checkpoint is restored before they have variables.

``tf.train.Checkpoint`` waits for the variables and fills them as they come; a weights file wants them to be there.
Nothing here knows a framework.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bn_impls.interface import Format, Layer, Unsupported

Restores = Mapping[str, Callable[[Path], Layer]]


def unbuilt_layer(before: Layer | Unsupported, restores: Restores) -> Layer | Unsupported:
    """A layer that is built by the restore.

    Args:
        before: a built layer of the same configuration; it answers until something is restored.
        restores: format -> restores a directory into an object without variables, and builds it.

    Returns:
        The layer; after a restore every call goes to what that has built.
    """
    if isinstance(before, Unsupported):
        return before
    now = [before]

    def restore(chosen: Callable[[Path], Layer]) -> Callable[[Path], None]:
        return lambda directory: now.append(chosen(directory))

    def forwarded(name: str) -> Callable[..., Any]:
        return lambda *given: getattr(now[-1], name)(*given)

    calls = ("inference", "training_step", "training_step_with_gradients", "export_state", "load_state")
    formats = {name: Format(before.formats[name].save, restore(chosen)) for name, chosen in restores.items()}
    parts: dict[str, Any] = {name: forwarded(name) for name in calls}
    return replace(before, formats=formats, **parts)
