"""Building a plain layer with a decay and an epsilon: by its constructor, by its attributes, or as it is."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bn_impls.errors import BadSpecification
from bn_impls.interface import Configuration, Unsupported

Meaning = Callable[[float], float]  # our value -> the layer's, and back: each is its own inverse


def as_it_is(value: float) -> float:
    """The same number."""
    return value


def complement(value: float) -> float:
    """1 minus it: the weight of the other value."""
    return 1 - value


@dataclass(frozen=True)
class Plain:
    """A class under test, and the names that its framework gives to what is set.

    Attributes:
        target: ``module:NAME``, for messages.
        make: the class.
        names: ``decay`` and ``epsilon`` -> the names under which a layer may keep it, each with its meaning.
        given: values that a layer is said to have where it has none of these names.
        first: positional arguments of the constructor.
    """

    target: str
    make: Callable[..., Any]
    names: Mapping[str, Mapping[str, Meaning]]
    given: Mapping[str, float]
    first: Callable[[int], tuple[Any, ...]]

    def built(self, channels: int, wanted: Mapping[str, float], **options: Any) -> Any:
        """A layer.

        Args:
            channels: number of features C.
            wanted: ``decay`` and ``epsilon``.
            options: handed to a constructor that takes them.

        Raises:
            BadSpecification: the constructor raises, or a setting is neither there nor given.
        """
        taken = self._taken()
        arguments = {name: value for name, value in options.items() if name in taken}
        for setting, value in wanted.items():
            arguments |= {name: means(value) for name, means in self.names[setting].items() if name in taken}
        try:
            layer = self.make(*self.first(channels), **arguments)
        except TypeError as error:
            called = ", ".join([*map(repr, self.first(channels)), *(f"{name}=..." for name in arguments)])
            raise BadSpecification(
                f"{self.target} cannot be built as {self.make.__name__}({called}): {error}; give the other arguments "
                "defaults, in a subclass if the class is not yours"
            ) from error
        for setting, value in wanted.items():
            self._set(layer, setting, value, set(arguments))
        return layer

    def _set(self, layer: Any, setting: str, value: float, done: set[str]) -> None:
        names = self.names[setting]
        if done & set(names):
            return
        there = [name for name in names if isinstance(getattr(layer, name, None), float)]
        for name in there:
            setattr(layer, name, names[name](value))
        if not there and setting not in self.given:
            raise BadSpecification(
                f"{self.target} has no {setting} that can be set: looked for {listed(names)}, as an argument of the "
                f"constructor and as an attribute; if it is fixed in the code, say which it is: --{setting} VALUE"
            )

    def takes(self, argument: str) -> bool:
        """Whether the constructor has an argument of this name."""
        return argument in self._taken()

    def _taken(self) -> set[str]:
        try:
            return set(inspect.signature(self.make).parameters)
        except (TypeError, ValueError):  # a class written in C
            return set()

    def refusal(self, settings: Configuration) -> Unsupported | None:
        """Why a plain layer cannot be configured so, or None."""
        if not (settings.center and settings.scale):
            return Unsupported("a plain class is tested with gamma and beta")
        for setting in self.names:
            value, given = getattr(settings, setting), self.given.get(setting)
            if given is not None and not math.isclose(value, given, rel_tol=1e-12):
                return Unsupported(f"its {setting} is given as {given:g}, and {value:g} cannot be set")
        return None


def listed(names: Sequence[str] | Mapping[str, Any]) -> str:
    """Names as alternatives: ``weight or gamma``."""
    return " or ".join(names)


def named(target: str, layer: Any, aliases: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Under which names a layer keeps its parameters and statistics.

    Args:
        target: for the message.
        layer: a built one.
        aliases: our name -> the names that are looked for.

    Returns:
        Our name -> the layer's.

    Raises:
        BadSpecification: some are not found.
    """
    found = {
        ours: next((name for name in names if getattr(layer, name, None) is not None), None)
        for ours, names in aliases.items()
    }
    if lacking := [ours for ours, name in found.items() if name is None]:
        looked = "; ".join(f"{ours.replace('_', ' ')} as {listed(aliases[ours])}" for ours in lacking)
        raise BadSpecification(
            f"{target} keeps no {' and no '.join(ours.replace('_', ' ') for ours in lacking)} where it was looked for "
            f"({looked}); add a property of such a name to the class, or follow docs/adding-an-implementation.md"
        )
    return {ours: name for ours, name in found.items() if name is not None}
