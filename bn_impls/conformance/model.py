"""What a check is, and what comes of one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from bn_impls.conformance.subject import Subject

Status = Literal["passed", "failed", "skipped"]
UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Failure:
    """What is wrong.

    Attributes:
        message: what was seen, the likely mistake, and what right would be.
        got: the value that shows it best.
        expected: what it should be.
        cause: the mistake's short name, or ``unknown``.
        told: whether it is only told: the check passes, with this message.
    """

    message: str
    got: str = ""
    expected: str = ""
    cause: str = UNKNOWN
    told: bool = False


class NotOffered(Exception):
    """What a check needs is ``Unsupported``; the check is skipped with the reason."""


class Found(Exception):
    """A failure found half way through a check."""

    def __init__(self, failure: Failure) -> None:
        """Keep it."""
        super().__init__(failure.message)
        self.failure = failure


@dataclass(frozen=True)
class Check:
    """One thing that a right batch normalization does.

    Attributes:
        name: in results and on the command line.
        meaning: in a sentence, what is right.
        run: gives what is wrong, or None. It may raise :class:`NotOffered` and :class:`Found`; any other exception is
            the implementation's, and a failure.
        quick: whether it belongs to ``--quick``, too.
    """

    name: str
    meaning: str
    run: Callable[[Subject], Failure | None]
    quick: bool = True


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came of one check; most fields are those of :class:`Failure`, empty where nothing is wrong.

    Attributes:
        name: of the check.
        status: ``passed``, ``failed`` or ``skipped``.
        got: what was seen.
        expected: what it should be.
        message: the likely mistake and what right would be; why a check was skipped; the documented behaviour, or
            what is only told, that a passed check found.
        cause: short name of the likely mistake; empty where there is none.
    """

    name: str
    status: Status
    got: str = ""
    expected: str = ""
    message: str = ""
    cause: str = ""
