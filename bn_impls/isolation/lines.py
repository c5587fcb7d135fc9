"""One JSON object a line, as processes and files of records speak it.

JSON has no word for NaN and infinity. They are written as the strings ``"NaN"``, ``"Infinity"`` and ``"-Infinity"``,
so that every JSON reader accepts the line, and turned back into numbers when read here.
"""

from __future__ import annotations

import json
import math
import numbers
from collections.abc import Mapping
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
