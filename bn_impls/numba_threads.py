"""Threads of Python that help with a compiled call which has released the interpreter's lock.

A helper sleeps until it is offered a call, makes the same call as the thread that offers, and takes the pieces of work
that nobody has taken yet. Nobody waits for a helper that comes late: it finds nothing left to do. One that is still
busy is not offered anything.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any


class Helper:
    """One thread; it lives as long as the process."""

    def __init__(self, name: str) -> None:
        """Start it."""
        self._idle = True
        self._call: tuple[Callable[..., Any], tuple[Any, ...]] | None = None
        self._wake = threading.Lock()
        self._wake.acquire()
        threading.Thread(target=self._help, name=name, daemon=True).start()

    def offer(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        """Have it make a call, unless it is busy."""
        if self._idle:
            self._idle = False
            self._call = function, arguments
            self._wake.release()

    def _help(self) -> None:
        while True:
            self._wake.acquire()
            assert self._call is not None
            function, arguments = self._call
            function(*arguments)
            self._call = function = arguments = None  # type: ignore[assignment]  # lets go of the caller's arrays
            self._idle = True


_helpers: list[Helper] = []
os.register_at_fork(after_in_child=_helpers.clear) if hasattr(os, "register_at_fork") else None


def helpers(count: int) -> list[Helper]:
    """So many helpers, started at the first need; the calling thread is none of them."""
    while len(_helpers) < count:
        _helpers.append(Helper(f"bn-helper-{len(_helpers)}"))
    return _helpers[:count]
