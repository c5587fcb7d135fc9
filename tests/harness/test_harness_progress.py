"""Progress in plain lines, with a clock that the test moves; and the choice between lines and a bar."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from benchmarks.harness.progress import LiveDisplay, PlainDisplay, display_for


class Clock:
    """Shows what it is set to."""

    def __init__(self) -> None:
        """Begin at 100 s."""
        self.seconds = 100.0

    def __call__(self) -> float:
        """Seconds now."""
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    """A clock."""
    return Clock()


def test_a_line_says_what_is_done_what_runs_and_how_long_it_takes(clock: Clock) -> None:
    """Two of eight done in ten seconds leave thirty."""
    lines: list[str] = []
    display = PlainDisplay(lines.append, clock)
    display.start(8)
    display.now("first")
    display.advance()
    display.advance()
    clock.seconds += 10
    display.now("third")
    assert lines == ["[0/8, 0 s, time left unknown yet] first", "[2/8, 10 s, 30 s left] third"]


def test_lines_come_at_most_every_five_seconds(clock: Clock) -> None:
    """A log of a long run stays readable."""
    lines: list[str] = []
    display = PlainDisplay(lines.append, clock)
    display.start(100)
    for _ in range(100):
        display.now("case")
        clock.seconds += 0.25
        display.advance()
    display.stop()
    assert len(lines) == 5


def test_what_is_no_terminal_gets_plain_lines() -> None:
    """With brackets and long lines as they are: a name is no markup."""
    written = io.StringIO()
    display = display_for(Console(file=written, width=20))
    assert isinstance(display, PlainDisplay)
    display.start(1)
    display.now("agreement:[red]my.package:LAYER[/red]:32x32-float32-eager-cpu")
    assert written.getvalue().endswith("] agreement:[red]my.package:LAYER[/red]:32x32-float32-eager-cpu\n")


def test_a_terminal_gets_a_bar_that_names_what_runs() -> None:
    """Done of total, and the case as plain text."""
    written = io.StringIO()
    display = display_for(Console(file=written, force_terminal=True, width=120))
    assert isinstance(display, LiveDisplay)
    display.start(4)
    display.now("agreement:[red]mine[/red]")
    display.advance(3)
    display.stop()
    assert "3/4" in written.getvalue()
    assert "agreement:[red]mine[/red]" in written.getvalue()


def test_a_display_that_was_never_started_can_be_stopped() -> None:
    """A run that fails before it begins."""
    LiveDisplay(Console(file=io.StringIO(), force_terminal=True)).stop()
