"""Files of one JSON object a line, appended and flushed; reading survives damage."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bn_impls.isolation.lines import decode, encode


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


def replaced(value: Any, old: str, new: str) -> Any:
    """Plain values with a text replaced in every string among them.

    Args:
        value: what JSON can hold.
        old: what to look for.
        new: what stands there afterwards.
    """
    if isinstance(value, str):
        return value.replace(old, new)
    if isinstance(value, dict):
        return {key: replaced(one, old, new) for key, one in value.items()}
    return [replaced(one, old, new) for one in value] if isinstance(value, list) else value
