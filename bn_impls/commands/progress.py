"""What a command does now and how far it is, on standard error: standard output is for results."""

from __future__ import annotations

import sys


def show(done: int, all_of_them: int, name: str) -> None:
    """Tell what runs now: one line that is written over on a terminal, a line each elsewhere.

    Args:
        done: how many are done.
        all_of_them: how many there are.
        name: what runs now; empty at the end, which leaves a terminal's line empty.
    """
    text = f"{done} of {all_of_them} done, now {name}" if name else ""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
    elif text:
        print(text, file=sys.stderr, flush=True)
