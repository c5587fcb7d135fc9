"""One JSON object a line, appended and flushed; reading survives damage.

JSON has no word for NaN and infinity. They are written as the strings ``"NaN"``, ``"Infinity"`` and ``"-Infinity"``,
so that every JSON reader accepts the file, and turned back into numbers when read here.
"""

from __future__ import annotations

import json
import math
import numbers
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def encode(value: Mapping[str, Any]) -> bytes:
    """One line of strict JSON in UTF-8, keys in the order given; NumPy's scalars and arrays become plain values.

    Half of a surrogate pair, which a file's name or an error may carry, has no UTF-8 and is written as its escape.
    """
    return json.dumps(_plain(value), allow_nan=False, ensure_ascii=False).encode("utf-8", "backslashreplace")


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {str(name): _plain(item) for name, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case None | bool() | str():
            return value
        case numbers.Integral():
            return int(value)
        case numbers.Real():
            number = float(value)
            return number if math.isfinite(number) else _word(number)
        case numbers.Complex():
            return str(value)
    if hasattr(value, "tolist"):  # an array, or a NumPy scalar that is no number to Python
        return _plain(value.tolist())
    return str(value)


def _word(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def decode(line: bytes | str) -> Any:
    """Read one line back.

    Raises:
        ValueError: the line is not JSON in UTF-8.
    """
    return _restored(json.loads(line))


def _restored(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _restored(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_restored(item) for item in value]
    return WORDS.get(value, value) if isinstance(value, str) else value


def append(path: Path, value: Mapping[str, Any]) -> None:
    """Append one line and flush it to the disk's cache, after mending a line that a kill left unfinished."""
    with open(path, "ab+") as stream:
        if stream.tell():
            stream.seek(-1, os.SEEK_END)
            if stream.read(1) != b"\n":
                stream.write(b"\n")
        stream.write(encode(value) + b"\n")
        stream.flush()


@dataclass(frozen=True)
class Damage:
    """A line that could not be read."""

    file: str
    line: int
    why: str

    def __str__(self) -> str:
        """File, line and cause."""
        return f"{self.file} line {self.line} was skipped: {self.why}"


def read(path: Path, complaint: Callable[[dict[str, Any]], str | None]) -> Iterator[dict[str, Any] | Damage]:
    """Every line of a file as an object, or as the damage that stands in its place.

    What is missing, or no regular file (a device gives bytes without end), has no lines.

    Args:
        path: the file.
        complaint: why an object is not what the file should hold, or None.

    Yields:
        Objects and damage, in the order of the file.
    """
    if not path.is_file():
        return
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        if not line.strip():
            continue
        try:
            value = decode(line)
        except (ValueError, RecursionError) as error:
            yield Damage(path.name, number, f"not JSON ({error})")
            continue
        wrong = complaint(value) if isinstance(value, dict) else "not an object"
        yield Damage(path.name, number, wrong) if wrong else value
