"""Into what a checkpoint is restored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

NEW = "new"
SITUATIONS: Mapping[str, str] = {
    NEW: "a new object",
    "trained": "an object that has trained on",
    "another_style": "another call style",
    "another_dtype": "another dtype",
    "another_batch_size": "another batch size",
    "another_device": "another device",
    "unbuilt": "an object that is not built yet",
}
"""Name of a situation -> what the restore meets. In all but the last the object's variables exist."""

OTHER_DTYPE = {"float32": "float64", "float64": "float32"}
OTHER_DEVICE = {"cpu": "gpu", "gpu": "cpu"}


def changes(
    situation: str, parameters: Mapping[str, Any], styles: Sequence[str], style_key: str = "style"
) -> dict[str, Any]:
    """What is different where a checkpoint is restored.

    Args:
        situation: one of :data:`SITUATIONS`.
        parameters: of the case, as saved.
        styles: the call styles that there are.
        style_key: the parameter that names the style.

    Returns:
        Parameters to their values there; empty where nothing differs, or where there is nothing else to choose.
    """
    others: dict[str, dict[str, Any]] = {
        "another_style": {style_key: next((style for style in styles if style != parameters[style_key]), None)},
        "another_dtype": {"dtype": OTHER_DTYPE[parameters["dtype"]]},
        "another_batch_size": {"batch_size": max(parameters["batch_size"] // 2, 2)},
        "another_device": {"device": OTHER_DEVICE[parameters["device"]]},
    }
    return {name: value for name, value in others.get(situation, {}).items() if value is not None}
