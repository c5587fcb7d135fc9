"""Which implementations a user of one framework chooses from, the framework's own layer first.

The order is that of a framework's own pages: the layer that they offer first, then what one finds or writes oneself.
Yardsticks are in no list, as nobody chooses them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from bn_impls.registry import BUILT_IN, Descriptor

ORDER = ("TensorFlow 2", "PyTorch", "JAX", "TensorFlow 1", "Keras 3, any backend", "ONNX Runtime, inference only")
"""In which frameworks are shown; one that is not named here comes after them."""


def choices_of(descriptors: Iterable[Descriptor]) -> dict[str, list[str]]:
    """Framework -> its implementations, the framework's own layer first.

    Args:
        descriptors: each says in ``choice_for`` whose choice it is.
    """
    found: dict[str, list[tuple[int, str]]] = {title: [] for title in ORDER}
    for descriptor in descriptors:
        for title, place in descriptor.choice_for:
            found.setdefault(title, []).append((place, descriptor.name))
    return {title: [who for _, who in sorted(names)] for title, names in found.items() if names}


CHOICES = choices_of(BUILT_IN)
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


OWN = {descriptor.name: descriptor.choice_for[0][0] for descriptor in BUILT_IN if descriptor.choice_for}
"""Implementation -> the framework that its descriptor names first."""


def _framework(who: str) -> int:
    place = list(CHOICES).index(OWN[who]) if who in OWN else OTHERS
    return min(place, OTHERS)
