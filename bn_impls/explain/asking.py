"""Both sides, each in a process of its own, because frameworks switch things process-wide and may crash or hang."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bn_impls.errors import BnBenchError
from bn_impls.explain.observing import Observed, restore
from bn_impls.explain.question import Question, plain
from bn_impls.interface import Conventions, Style, Unsupported
from bn_impls.isolation.process import WorkerLost, WorkerProcess
from bn_impls.isolation.variables import environment
from bn_impls.registry import Descriptor, describe

START_S, ANSWER_S = 180.0, 180.0  # frameworks import in seconds on an idle machine


class NotComparable(BnBenchError):
    """One side is not installed, or does not offer what is asked."""


class SideLost(Exception):
    """One side failed, crashed or hung; the message says which and how."""


@dataclass
class Side:
    """One implementation in its process."""

    descriptor: Descriptor
    style: Style
    process: WorkerProcess
    folder: Path
    answers: int = 0

    @property
    def name(self) -> str:
        """What the implementation is called."""
        return self.descriptor.name

    @property
    def gone(self) -> bool:
        """Whether the process has ended."""
        return self.process.process.poll() is not None

    def observed(
        self, question: Question, conventions: Conventions | None = None
    ) -> tuple[Observed, Conventions] | Unsupported:
        """Its answers, and the conventions that it declared for them.

        Args:
            question: the circumstances.
            conventions: others than its own.

        Raises:
            SideLost: it failed, crashed or hung.
        """
        self.answers += 1
        path = self.folder / f"{self.answers}.npz"
        request: dict[str, Any] = {"do": "observe", "question": plain(question), "style": self.style,
                                   "conventions": None if conventions is None else asdict(conventions),
                                   "path": str(path)}  # fmt: skip
        try:
            reply = self.process.ask(request, ANSWER_S)
        except WorkerLost as lost:
            raise SideLost(f"{self.name} {lost.status}: {lost.reason}") from lost
        if reply["status"] == "unsupported":
            return Unsupported(reply["reason"])
        if reply["status"] != "ok":
            raise SideLost(f"{self.name} {reply['status']}: {reply['reason']}")
        return restore(path, reply["dtypes"], reply["not_offered"]), Conventions(**reply["conventions"])


@contextmanager
def side(specification: str, style: str | None) -> Iterator[Side]:
    """Start one side, and end its process when done.

    Args:
        specification: name or ``module:OBJECT``.
        style: how its framework is called; None for its users' usual way.

    Raises:
        BnBenchError: there is no such implementation, or it is not installed.
        SideLost: it does not start.
    """
    descriptor = describe(specification)
    if (reason := descriptor.missing()) is not None:
        raise NotComparable(f"{specification} cannot run here: {reason}")
    if style is not None and style not in descriptor.styles:
        raise NotComparable(
            f"style is {style!r}, but should be one that {specification} offers: {', '.join(descriptor.styles)}; "
            "leave --style out, and each side is called in its users' usual way"
        )
    chosen: Any = style or descriptor.styles[0]
    with tempfile.TemporaryDirectory(prefix="bn-explain-") as folder:
        log = Path(folder) / "log"
        variables = environment(1, "cpu", descriptor.environment)
        process = WorkerProcess("bn_impls.explain.worker", {"specification": specification}, variables, log)
        try:
            process.started(START_S)
        except WorkerLost as lost:
            message = f"{specification} {lost.status}: {lost.reason}"
            unusable = any(kind in message for kind in ("BadSpecification", "NothingThere"))
            raise (NotComparable(message) if unusable else SideLost(message)) from lost
        try:
            yield Side(descriptor, chosen, process, Path(folder))
        finally:
            process.close()
