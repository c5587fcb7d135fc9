"""What an implementation documents: the behaviour of its API that a check finds, by the cause that it excuses."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from bn_impls.conformance.model import UNKNOWN, Check, Failure, Result
from bn_impls.conformance.subject import Subject
from bn_impls.interface import Documented

NEVER_MEANT = ("raises", "hangs", "kills_its_process", "out_of_memory", UNKNOWN, "")
"""Causes that no sentence excuses: losses of the process, and mistakes that nobody has named."""


def document(results: Sequence[Result], documented: Mapping[str, Documented]) -> list[Result]:
    """Let findings that an implementation documents as its API's behaviour pass, with what was found beside them.

    Args:
        results: of a run.
        documented: check -> the behaviour, and the cause that it excuses.

    Returns:
        The results. A documented behaviour that was not found is a failure, for what is declared must be true; so is a
        check that failed from another cause.
    """
    return [_documented(result, documented.get(result.name)) for result in results]


def _documented(result: Result, meant: Documented | None) -> Result:
    if meant is None or result.status == "skipped":
        return result
    if result.status == "passed":
        return replace(
            result, status="failed", got="the check passed", expected=meant.behaviour, cause="stale_documentation",
            message=f"it is documented that {meant.behaviour}, but the check passes: take it out of `documented`",
        )  # fmt: skip
    if result.cause == meant.cause and result.cause not in NEVER_MEANT:
        return replace(
            result, status="passed", cause="",
            message=f"documented behaviour of this API: {meant.behaviour} ({result.message})",
        )  # fmt: skip
    return replace(
        result, message=f"{result.message} (it is documented that {meant.behaviour}; the cause of that is "
        f"{meant.cause}, and the cause of this is {result.cause or UNKNOWN})",
    )  # fmt: skip


def check_of(names: Collection[str]) -> Check:
    """The check of what is documented itself.

    Args:
        names: of the checks that there are.

    Returns:
        A check that fails where `documented` could not excuse what it is there for.
    """

    def run(subject: Subject) -> Failure | None:
        for name, meant in subject.implementation.documented.items():
            if (wrong := _misfit(name, meant, names)) is not None:
                got, expected = wrong
                return Failure(
                    message=f"`documented` has {got} for {name!r}, but should have {expected}", got=got,
                    expected=expected, cause="documentation",
                )  # fmt: skip
        return None

    return Check("documentation", "what is documented names a check, a cause and a behaviour", run)


def _misfit(name: str, meant: object, names: Collection[str]) -> tuple[str, str] | None:
    """What is got and what is expected, or None."""
    if name not in names:
        return "a behaviour", "the name of a check, which this is not; `bn-bench check --json` lists them"
    if not isinstance(meant, Documented):
        return f"a {type(meant).__name__}", "a bn_impls.interface.Documented(cause, behaviour)"
    if meant.cause in NEVER_MEANT:
        return f"the cause {meant.cause!r}", "a named mistake; a loss or an unknown cause cannot be meant"
    if not meant.behaviour.strip():
        return "no behaviour", "a sentence that says what this API does on purpose"
    return None
