"""One JSON object a line: values come back as they were, and damage stays where it is."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from benchmarks.harness.jsonlines import Damage, append, read
from bn_impls.isolation.lines import decode, encode


def anything(_: dict[str, Any]) -> str | None:
    """No complaint about any object."""
    return None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (math.nan, b'"NaN"'),
        (math.inf, b'"Infinity"'),
        (-math.inf, b'"-Infinity"'),
        (np.float32("inf"), b'"Infinity"'),
        (np.float64("nan"), b'"NaN"'),
        (np.float32(0.1), b"0.10000000149011612"),
        (np.float16(0.1), b"0.0999755859375"),
        (ml_dtypes.bfloat16(0.1), b"0.10009765625"),
        (np.longdouble(0.5), b"0.5"),
        (0.1, b"0.1"),
        (5e-324, b"5e-324"),
        (np.int64(2**62), b"4611686018427387904"),
        (2**80, b"1208925819614629174706176"),
        (np.bool_(True), b"true"),
        (True, b"true"),
        (None, b"null"),
        ((1, [2.5, "x"]), b'[1, [2.5, "x"]]'),
        (np.array([[1, 2], [3, 4]]), b"[[1, 2], [3, 4]]"),
        (np.array(7.0, "float32"), b"7.0"),
        (np.array([np.nan, 1.0]), b'["NaN", 1.0]'),
        (Fraction(1, 4), b"0.25"),
        (np.complex128(1 + 2j), b'"(1+2j)"'),
        (Path("a/b"), b'"a/b"'),
        ("\u00fc\n", '"\u00fc\\n"'.encode()),
    ],
)
def test_each_kind_of_value_has_one_way_of_writing(value: Any, text: bytes) -> None:
    """By value: words for what JSON has no number for, plain numbers for NumPy's."""
    assert encode({"a": value}) == b'{"a": ' + text + b"}"


@pytest.mark.parametrize(
    "value", [math.inf, -math.inf, 0.1, 5e-324, 1.7976931348623157e308, -0.0, 2**80, "text", None, [{}]]
)
def test_what_is_written_is_read_back_to_the_bit(value: Any) -> None:
    """The same value, the same type; negative zero included."""
    (back,) = decode(encode({"a": value})).values()
    assert (back, type(back)) == (value, type(value))
    assert str(back) == str(value)


def test_not_a_number_is_read_back_as_one() -> None:
    """Also deep inside."""
    back = decode(encode({"a": [{"b": math.nan}]}))
    assert math.isnan(back["a"][0]["b"])


def test_every_json_reader_accepts_a_line() -> None:
    """The standard library in its strict form."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    line = encode({"a": math.nan, "b": [math.inf]})
    assert json.loads(line, parse_constant=refuse) == {"a": "NaN", "b": ["Infinity"]}


def test_half_a_surrogate_pair_survives() -> None:
    """A file name of undecodable bytes is a legal line of UTF-8 and comes back."""
    line = encode({"a": "x\udc80\\udc80"})
    assert line == b'{"a": "x\\udc80\\\\udc80"}'
    assert decode(line) == {"a": "x\udc80\\udc80"}


def test_keys_stay_in_order_and_become_text() -> None:
    """Records are read by people too."""
    assert encode({"b": 1, 2: 3}) == b'{"b": 1, "2": 3}'  # type: ignore[dict-item]  # a key that is no text


def test_append_mends_an_unfinished_line(tmp_path: Path) -> None:
    """What a kill cut off stays as it is on a line of its own; the next record begins a new one."""
    path = tmp_path / "f.jsonl"
    path.write_bytes(b'{"a": 1}\n{"a":')
    append(path, {"a": 3})
    append(path, {"a": 4})
    assert path.read_bytes() == b'{"a": 1}\n{"a":\n{"a": 3}\n{"a": 4}\n'


def test_append_makes_a_missing_file(tmp_path: Path) -> None:
    """The first line has nothing before it."""
    append(tmp_path / "f.jsonl", {"a": 1})
    assert (tmp_path / "f.jsonl").read_bytes() == b'{"a": 1}\n'


def test_reading_keeps_what_is_whole_and_names_the_rest(tmp_path: Path) -> None:
    """File and line number; empty lines count, but are no damage."""
    path = tmp_path / "f.jsonl"
    path.write_bytes(b'{"a": 1}\n\ngarbage\n[1]\n{"a": "\xff"}\n{"a": 2}\n{"a"')
    found = list(read(path, lambda line: "two is too many" if line["a"] == 2 else None))
    assert found[0] == {"a": 1}
    assert [(item.file, item.line) for item in damages(found)] == [("f.jsonl", number) for number in (3, 4, 5, 6, 7)]
    assert str(damages(found)[0]).startswith("f.jsonl line 3 was skipped: not JSON (")
    assert damages(found)[1].why == "not an object"
    assert damages(found)[3].why == "two is too many"


def damages(found: Iterable[Any]) -> list[Damage]:
    """The damage among lines."""
    return [item for item in found if isinstance(item, Damage)]


def test_a_missing_file_and_a_device_have_no_lines(tmp_path: Path) -> None:
    """/dev/zero would otherwise be read for ever."""
    (tmp_path / "zero").symlink_to("/dev/zero")
    assert list(read(tmp_path / "zero", anything)) == list(read(tmp_path / "none", anything)) == []
