"""Which implementations a user of one framework chooses from, the framework's own layer first.

The order is that of a framework's own pages: the layer that they offer first, then what one finds or writes oneself.
Yardsticks are in no list, as nobody chooses them.
"""

from __future__ import annotations

from collections.abc import Collection

CHOICES = {
    "TensorFlow 2": ("keras", "tf-keras", "sonnet", "tf-fused", "tf-manual"),
    "PyTorch": ("torch",),
    "JAX": ("flax", "haiku"),
    "TensorFlow 1": ("tf1-layers", "tf1-manual", "tf1-manual-two-call"),
    "Keras 3, any backend": ("keras", "keras-jax", "keras-torch"),
    "ONNX Runtime, inference only": ("onnxruntime",),
}


def choices(measured: Collection[str]) -> dict[str, list[str]]:
    """Framework -> those of its implementations that were measured.

    Args:
        measured: names of implementations.

    Returns:
        Frameworks with a choice, in order; one whose every choice another one offers too is left out.
    """
    found = {title: [who for who in names if who in measured] for title, names in CHOICES.items()}
    return {
        title: names
        for title, names in found.items()
        if names and not any(set(names) < set(other) for other in found.values())
    }
