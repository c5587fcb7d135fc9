"""The ledger: what is booked by a clock that the test turns, and a real run whose accounts add up to its wall time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.harness.folder import RunFolder
from benchmarks.harness.ledger import LEDGER, WHOLE, Ledger, kept
from benchmarks.settings import Settings


class Clock:
    """A clock that stands until it is turned."""

    def __init__(self) -> None:
        """Begin anywhere but at 0."""
        self.now = 1000.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A standing clock."""
    return Clock()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[RunFolder]:
    """An empty run folder."""
    made = RunFolder.create(tmp_path / "run", Settings())
    yield made
    made.close()


def stored(folder: RunFolder) -> dict[str, Any]:
    """What the file holds."""
    found: dict[str, Any] = json.loads((folder.path / LEDGER).read_bytes())
    return found


def test_overhead_is_what_nobody_booked(clock: Clock, folder: RunFolder) -> None:
    """Of 100 s, 20 are imports; of requests of 30 s, 12 are measured; 50 remain."""
    ledger = Ledger(clock)
    with ledger.booking("imports"):
        clock.now += 20
    clock.now += 80
    ledger.book_request(30, 12)
    ledger.keep(folder, {}, cases=7)
    assert stored(folder) == {
        "schema": 1, "cases": 7, "wall_s": 100.0, "measured_s": 12.0, "imports_s": 20.0, "building_s": 18.0,
        "report_s": 0.0, "overhead_s": 50.0,
    }  # fmt: skip


def test_a_second_of_one_of_two_lanes_is_half_a_second_of_wall_time(clock: Clock) -> None:
    """Two lanes busy for 10 s, one of them for 5 s more: its partner's waiting stays unbooked."""
    ledger = Ledger(clock)
    with ledger.divided(2):
        for seconds in (10, 15):
            ledger.book("building", seconds)
        clock.now += 15
    ledger.book("measured", 5)
    clock.now += 5
    assert ledger.accounts() == {"wall_s": 20.0, "measured_s": 5.0, "imports_s": 0.0, "building_s": 12.5}


def test_durations_that_exceed_the_request_are_no_more_than_it(clock: Clock) -> None:
    """A worker's own figure may come from a clock that jumped."""
    ledger = Ledger(clock)
    ledger.book_request(2, 3)
    assert ledger.accounts()["measured_s"] == 2
    assert ledger.accounts()["building_s"] == 0


def test_a_resumed_run_adds_its_sittings(clock: Clock, folder: RunFolder) -> None:
    """Twice 10 s, of which 4 are building; what was kept is no longer than the file says."""
    for _ in range(2):
        ledger, before = Ledger(clock), kept(folder.path)
        clock.now += 10
        ledger.book("building", 4)
        ledger.keep(folder, before, cases=1)
        clock.now += 3  # the report is drawn
        ledger.keep(folder, before, cases=1, report_s=1)
    assert {name: stored(folder)[name] for name in ("wall_s", "building_s", "overhead_s", "report_s")} == {
        "wall_s": 20.0, "building_s": 8.0, "overhead_s": 12.0, "report_s": 2.0,
    }  # fmt: skip


@pytest.mark.parametrize(
    "text", ["", "[]", "[" * 100_000, '{"schema": 2, "wall_s": 5}', '{"schema": 1, "wall_s": "long"}']
)
def test_a_damaged_ledger_is_as_good_as_none(folder: RunFolder, text: str) -> None:
    """The run begins to count anew."""
    (folder.path / LEDGER).write_text(text)
    assert kept(folder.path) == {}


def test_a_real_run_books_every_account(finished: Path) -> None:
    """Each is above 0, and together with the overhead they are the wall time."""
    found = json.loads((finished / LEDGER).read_bytes())
    assert found["cases"] == len(json.loads((finished / "plan.json").read_bytes())["cases"])
    parts = ("measured_s", "imports_s", "building_s", "overhead_s")
    assert all(found[name] > 0 for name in (*parts, *WHOLE))
    assert sum(found[name] for name in parts) == pytest.approx(found["wall_s"], abs=0.01)
