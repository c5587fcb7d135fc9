"""What runs now, what is done, and the time left: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

PLAIN_INTERVAL_S = 5.0


class Display(Protocol):
    """Where progress goes."""

    def start(self, total: int) -> None:
        """Begin with so many units of work."""

    def now(self, what: str) -> None:
        """Say what runs now."""

    def advance(self, units: int = 1) -> None:
        """Some work is done."""

    def stop(self) -> None:
        """No more comes."""


class LiveDisplay:
    """A bar on a terminal."""

    def __init__(self, console: Console) -> None:
        """Draw on a console."""
        columns = (BarColumn(24), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
        self.progress = Progress(*columns, TextColumn("{task.description}", markup=False), console=console)

    def start(self, total: int) -> None:
        """Show the bar."""
        self.task = self.progress.add_task("", total=total)
        self.progress.start()

    def now(self, what: str) -> None:
        """Change the text beside the bar."""
        self.progress.update(self.task, description=what)

    def advance(self, units: int = 1) -> None:
        """Move the bar."""
        self.progress.advance(self.task, units)

    def stop(self) -> None:
        """Leave the bar as it is."""
        self.progress.stop()


class PlainDisplay:
    """Lines, at most one in a few seconds."""

    def __init__(self, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        """Write lines through a function."""
        self.write, self.clock = write, clock

    def start(self, total: int) -> None:
        """Remember when it began."""
        self.total, self.done, self.began = total, 0, self.clock()
        self.last = float("-inf")

    def now(self, what: str) -> None:
        """Write a line if the last one is old enough."""
        time_now = self.clock()
        if time_now - self.last < PLAIN_INTERVAL_S:
            return
        self.last = time_now
        elapsed = time_now - self.began
        left = f"{elapsed / self.done * (self.total - self.done):.0f} s left" if self.done else "time left unknown yet"
        self.write(f"[{self.done}/{self.total}, {elapsed:.0f} s, {left}] {what}")

    def advance(self, units: int = 1) -> None:
        """Count."""
        self.done += units

    def stop(self) -> None:
        """Write nothing more."""


def display_for(console: Console) -> Display:
    """A live display on a terminal, plain lines elsewhere."""
    if console.is_terminal:
        return LiveDisplay(console)
    return PlainDisplay(lambda line: console.print(line, markup=False, highlight=False, soft_wrap=True))
