"""Which implementations a user of one framework chooses from, the framework's own layer first.

The order is that of a framework's own pages: the layer that they offer first, then what one finds or writes oneself.
Yardsticks are in no list, as nobody chooses them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

CHOICES = {
    "TensorFlow 2": ("keras", "tf-keras", "sonnet", "tf-fused", "tf-manual"),
    "PyTorch": ("torch",),
    "JAX": ("flax", "haiku"),
    "TensorFlow 1": ("tf1-layers", "tf1-manual", "tf1-manual-two-call"),
    "Keras 3, any backend": ("keras", "keras-jax", "keras-torch"),
    "ONNX Runtime, inference only": ("onnxruntime",),
}
COLOURS = 8
OTHERS = 6  # the colour of yardsticks and of what belongs to no framework here


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


def colour_numbers(names: Sequence[str]) -> dict[str, int]:
    """Numbers of colours: ``number % 8`` is the colour, and no two numbers have the same colour and marker.

    Args:
        names: implementations in the order of the plan.

    Returns:
        A colour each while there are as many; else one for every framework, told apart by markers.
    """
    if len(names) <= COLOURS:
        return {who: place for place, who in enumerate(names)}
    of = {who: _framework(who) for who in names}
    taken: Counter[int] = Counter()
    numbers = {}
    for who in names:
        numbers[who] = of[who] + COLOURS * taken[of[who]]
        taken[of[who]] += 1
    return numbers


def _framework(who: str) -> int:
    return next((place for place, names in enumerate(CHOICES.values()) if who in names), OTHERS)
