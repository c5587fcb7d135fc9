"""A pool's file: what is read, what is left out, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.calibration.pool import read_pool
from benchmarks.calibration.study import study
from bn_impls.errors import BadRunFolder
from tests.calibration import planted


def test_a_pool_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Durations over loops, by worker, round and pass; a pass with fewer samples has gaps."""
    unit = planted.unit(3, noise=0.1, jitter=0.1)
    lines = planted.lines_of(unit)
    lines[1]["durations_ns"] = lines[1]["durations_ns"][:1]
    pool = read_pool(planted.write(tmp_path / "pool.gz", lines))
    (found,) = pool.units
    assert (found.name, found.workers, found.rounds) == (unit.name, unit.workers, (0, 1, 2))
    assert np.isnan(found.durations[0, 0, 1]).tolist() == [False, True, True]
    filled = np.where(np.isnan(found.durations), unit.durations, found.durations)
    np.testing.assert_allclose(filled, unit.durations, atol=0.0006)  # durations were rounded to ns of 1,000 loops
    assert (pool.damage, pool.cut) == ((), 0)


def test_a_round_that_was_cut_is_left_out_and_counted(tmp_path: Path) -> None:
    """One pass of one worker is missing."""
    lines = [line for line in planted.lines_of(planted.unit(3)) if (line["round"], line["pass"]) != (1, 7)]
    pool = read_pool(planted.write(tmp_path / "pool.gz", lines))
    assert (pool.units[0].rounds, pool.cut) == ((0, 2), 1)


def changed(**fields: Any) -> dict[str, Any]:
    """A line of a round of its own with something wrong."""
    return {**planted.lines_of(planted.unit(1))[0], "round": 99, **fields}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (changed(schema=2), "schema 2, but should be 1"),
        (changed(loops="7"), "without a usable loops"),
        (changed(loops=0), "durations or loops that are not above 0"),
        (changed(durations_ns=[5, 0]), "durations or loops that are not above 0"),
        (changed(durations_ns=[]), "durations or loops that are not above 0"),
        (changed(durations_ns=["5"]), "durations or loops that are not above 0"),
        (changed(worker="faster-5"), "got 'faster-5', but should be a worker's name"),
    ],
)
def test_a_damaged_line_is_skipped_and_named(tmp_path: Path, line: dict[str, Any], words: str) -> None:
    """With its number and what is wrong with it; the rest counts."""
    lines = planted.lines_of(planted.unit(2))
    pool = read_pool(planted.write(tmp_path / "pool.gz", [*lines, line]))
    assert pool.units[0].rounds == (0, 1)
    assert len(pool.damage) == 1
    assert pool.damage[0].startswith(f"pool.gz line {len(lines) + 1} was skipped: {words}")


def test_bytes_that_are_no_json_are_skipped_and_named(tmp_path: Path) -> None:
    """A torn line, and a line that is no object."""
    pool = read_pool(planted.write(tmp_path / "pool.gz", planted.lines_of(planted.unit(2)), b'{"sch', b"[1]"))
    assert pool.units[0].rounds == (0, 1)
    assert [line.partition(": ")[2][:8] for line in pool.damage] == ["not JSON", "not an o"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "is not there; `bn-bench calibrate --output"),
        (b"plain text", "cannot be read (.*), but should be gzip'd JSON lines"),
        (b"\x1f\x8b\x08\x00cut", "cannot be read (.*), but should be gzip'd JSON lines"),
    ],
)
def test_a_file_that_is_no_pool_is_refused(tmp_path: Path, content: bytes | None, words: str) -> None:
    """With the way out."""
    if content is not None:
        (tmp_path / "pool.gz").write_bytes(content)
    with pytest.raises(BadRunFolder, match=words):
        read_pool(tmp_path / "pool.gz")


def test_a_pool_without_a_whole_round_is_refused(tmp_path: Path) -> None:
    """There is nothing to draw from."""
    lines = planted.lines_of(planted.unit(1))[:-1]
    with pytest.raises(BadRunFolder, match="holds no whole round"):
        read_pool(planted.write(tmp_path / "pool.gz", lines))


def test_a_pool_that_is_too_small_is_refused_with_what_it_lacks(tmp_path: Path) -> None:
    """Seven rounds, where a run with its top-up has eight."""
    pool = read_pool(planted.write(tmp_path / "pool.gz", planted.lines_of(planted.unit(7))))
    with pytest.raises(
        BadRunFolder, match=r"has 7 whole rounds of 8 passes, but should have at least 8 of 5; .*--minutes"
    ):
        study(pool)
