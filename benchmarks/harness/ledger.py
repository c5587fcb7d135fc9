"""Where a run's wall time goes, in four accounts: measured work, imports, building, and what the harness itself takes.

Whoever waits for a worker books what that wait was for. Nobody books the overhead: it is what is left of the wall time,
so that nothing can be forgotten in it. While several lanes work at once, a second of one of them counts as much less of
wall time, and a lane that has nothing left to do is overhead.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from benchmarks.harness.folder import RunFolder

LEDGER = "ledger.json"
SCHEMA = 1
Account = Literal["measured", "imports", "building"]
ACCOUNTS: tuple[Account, ...] = ("measured", "imports", "building")
BOOKED = tuple(f"{account}_s" for account in ACCOUNTS)
WHOLE = ("wall_s", *BOOKED, "report_s")


class Ledger:
    """The wall time of one sitting, from its making on; may be used from several threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin.

        Args:
            clock: in seconds.
        """
        self.clock, self.began = clock, clock()
        self.booked: dict[Account, float] = dict.fromkeys(ACCOUNTS, 0.0)
        self.lanes, self.closed = 1, dict[str, float]()
        self._lock = threading.Lock()

    def book(self, account: Account, seconds: float) -> None:
        """Book seconds of one lane."""
        with self._lock:
            self.booked[account] += seconds / self.lanes

    @contextmanager
    def booking(self, account: Account) -> Iterator[None]:
        """Book the time that a block takes."""
        began = self.clock()
        try:
            yield
        finally:
            self.book(account, self.clock() - began)

    def book_request(self, took_s: float, measured_s: float) -> None:
        """Book what a worker was asked for: what it measured, and building, tracing and warming up around that.

        Args:
            took_s: seconds from request to reply.
            measured_s: seconds that its durations add up to.
        """
        measured_s = min(max(0.0, measured_s), took_s)
        self.book("measured", measured_s)
        self.book("building", took_s - measured_s)

    @contextmanager
    def divided(self, lanes: int) -> Iterator[None]:
        """While so many lanes work side by side.

        Args:
            lanes: at least 1.
        """
        self.lanes = lanes
        try:
            yield
        finally:
            self.lanes = 1

    def accounts(self) -> dict[str, float]:
        """Seconds so far: ``wall_s`` and what was booked."""
        with self._lock:
            booked = {f"{account}_s": seconds for account, seconds in self.booked.items()}
        return {"wall_s": self.clock() - self.began, **booked}

    def keep(self, folder: RunFolder, before: Mapping[str, Any], cases: int, report_s: float = 0.0) -> None:
        """Write ``ledger.json``: this sitting, on top of earlier ones of the run.

        Wall time and overhead end where the drawing of the report begins, so that the page says what the file says.

        Args:
            folder: of the run.
            before: what earlier sittings kept (:func:`kept`).
            cases: planned.
            report_s: seconds that drawing the report took, beside the wall time; 0 before it is drawn.
        """
        if not report_s:
            self.closed = self.accounts()
        now = {**self.closed, "report_s": report_s}
        total = {name: before.get(name, 0.0) + now[name] for name in WHOLE}
        overhead = total["wall_s"] - sum(total[name] for name in BOOKED)
        rounded = {name: round(value, 3) for name, value in {**total, "overhead_s": max(0.0, overhead)}.items()}
        folder.write_json(LEDGER, {"schema": SCHEMA, "cases": cases, **rounded})


def kept(path: Path) -> dict[str, float]:
    """The sums of a run's earlier sittings; empty where there were none, or the file is damaged.

    Args:
        path: of the run folder.
    """
    try:
        stored = json.loads((path / LEDGER).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(stored, dict) or stored.get("schema") != SCHEMA:
        return {}
    found = {name: stored.get(name) for name in WHOLE}
    return {name: float(value) for name, value in found.items() if isinstance(value, (int, float))}
