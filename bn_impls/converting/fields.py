"""Fields of somebody else's JSON, each checked for its kind and its range before it is used."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any


class Fields:
    """An object of JSON; every field is asked for once, and what nobody asks for is refused by :meth:`end`."""

    def __init__(self, stored: Any, where: str) -> None:
        """Take an object.

        Args:
            stored: as JSON gave it.
            where: what it is called in errors.

        Raises:
            ValueError: it is no object.
        """
        if not isinstance(stored, Mapping):
            raise ValueError(f"{where} is {_shown(stored)}, but should be an object")
        self._left, self._where = dict(stored), where

    def _take(self, name: str) -> Any:
        if name not in self._left:
            raise ValueError(f"{self._where} has no {name!r}")
        return self._left.pop(name)

    def _wrong(self, name: str, got: Any, expected: str) -> ValueError:
        return ValueError(f"{name} of {self._where} is {_shown(got)}, but should be {expected}")

    def text(self, name: str, known: Collection[str] = ()) -> str:
        """A text; one of ``known``, if any are known."""
        got = self._take(name)
        if not isinstance(got, str) or not got:
            raise self._wrong(name, got, "a text")
        if known and got not in known:
            raise self._wrong(name, got, f"one of {', '.join(known)}")
        return got

    def whole(self, name: str, most: int) -> int:
        """A whole number from 1 on."""
        got = self._take(name)
        if not _is_whole(got, most):
            raise self._wrong(name, got, f"a whole number from 1 to {most:,}")
        return int(got)

    def number(self, name: str, least: float, most: float = math.inf, *, open_at: Collection[float] = ()) -> float:
        """A finite number in a range.

        Args:
            name: of the field.
            least: the range's lower end.
            most: its upper end.
            open_at: the ends that do not belong to it.
        """
        got = self._take(name)
        number = isinstance(got, int | float) and not isinstance(got, bool)
        if not number or not math.isfinite(got) or not least <= got <= most or got in open_at:
            left = "(" if least in open_at else "["
            right = ")" if most in open_at or most == math.inf else "]"
            raise self._wrong(name, got, f"a finite number in {left}{least:g}, {most:g}{right}")
        return float(got)

    def truth(self, name: str) -> bool:
        """``true`` or ``false``."""
        got = self._take(name)
        if not isinstance(got, bool):
            raise self._wrong(name, got, "true or false")
        return got

    def items(self, name: str, most: int) -> list[Any]:
        """A list that is not empty."""
        got = self._take(name)
        if not isinstance(got, list) or not 1 <= len(got) <= most:
            raise self._wrong(name, got, f"a list of 1 to {most:,} entries")
        return got

    def sizes(self, name: str, dimensions: int, most: int) -> tuple[int, ...]:
        """Whole numbers from 1 on."""
        got = self.items(name, dimensions)
        if not all(_is_whole(size, most) for size in got):
            raise self._wrong(name, got, f"a list of whole numbers from 1 to {most:,}")
        return tuple(got)

    def inside(self, name: str) -> Fields:
        """An object in this one."""
        return Fields(self._take(name), f"{name} of {self._where}")

    def end(self) -> None:
        """Refuse what nobody asked for.

        Raises:
            ValueError: something is left.
        """
        if self._left:
            raise ValueError(f"{self._where} has an unknown {', '.join(map(repr, self._left))}")


def _is_whole(got: Any, most: int) -> bool:
    return isinstance(got, int) and not isinstance(got, bool) and 1 <= got <= most


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
