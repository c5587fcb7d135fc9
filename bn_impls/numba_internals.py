"""What Numba does not promise to keep: how compiled code becomes bytes, bytes become code, and a processor is named.

Everything else in the kernel uses Numba's documented interface. Where something here is missing or fails in another
Numba, the kernel is compiled in each process, and the reason is given.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, NamedTuple, Protocol


class Place(Protocol):
    """Where the code of one function is kept."""

    def read(self) -> bytes | None:
        """The code, if it is there."""

    def publish(self, code: bytes) -> None:
        """Keep the code."""


class Internals(NamedTuple):
    """The names, as they are in this Numba."""

    result: Any
    dumps: Any
    context: Any


def internals(function: Any) -> Internals:
    """Find the names.

    Raises:
        AttributeError: one is missing.
        ImportError: one is missing.
    """
    from numba.core.compiler import CompileResult
    from numba.core.serialize import dumps

    found = Internals(CompileResult, dumps, function.targetctx)
    _ = function._cache, found.result._reduce, found.result._rebuild, found.context.refresh
    return found


def processor(function: Any) -> object:
    """The processor and its features that code is made for; None where this Numba does not tell."""
    try:
        return function.targetctx.codegen().magic_tuple()
    except AttributeError:
        return None


class _Kept:
    """What a compiling function asks for its cache: never raises, remembers why."""

    def __init__(self, names: Internals, place: Place) -> None:
        self.names, self.place = names, place
        self.reason: str | None = None

    def load_overload(self, sig: Any, context: Any) -> Any:
        if (code := self.place.read()) is None:
            return None
        try:
            context.refresh()
            return self.names.result._rebuild(context, *pickle.loads(code))
        except Exception as error:  # whatever another Numba raises, compiling is right
            self.reason = f"code could not be loaded, {error!r}"
            return None

    def save_overload(self, sig: Any, compiled: Any) -> None:
        try:
            code = self.names.dumps(compiled._reduce())
        except Exception as error:  # as above
            self.reason = f"code could not be saved, {error!r}"
        else:
            self.place.publish(code)


@contextmanager
def _asked(function: Any, kept: _Kept) -> Iterator[None]:
    """Have a function ask for its code there."""
    before, function._cache = function._cache, kept
    try:
        yield
    finally:
        function._cache = before


def compile_kept(function: Any, signature: tuple[Any, ...], place: Place) -> str | None:
    """Compile a function for a signature, or load the code; nothing else is compiled when it is called.

    Args:
        function: made by ``numba.njit``.
        signature: types of the arguments.
        place: where the code is looked for and kept.

    Returns:
        Why the code cannot be kept, or None.
    """
    kept, reason = None, None
    try:
        kept = _Kept(internals(function), place)
    except (AttributeError, ImportError) as error:
        reason = f"this Numba lacks a name, {error}"
    with nullcontext() if kept is None else _asked(function, kept):
        function.disable_compile(False)
        try:
            function.compile(signature)
        finally:
            if function.signatures:
                function.disable_compile()
    return kept.reason if kept else reason
