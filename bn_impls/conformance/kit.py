"""The checks, in the order in which they run: a mistake of an earlier one may explain failures of later ones."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from bn_impls.conformance import (
    building,
    checkpoints,
    conditioning,
    determinism,
    dtypes,
    edges,
    environment,
    gradients,
    isolation,
    layouts,
    outputs,
    state,
    statistics,
    styles,
    updates,
)
from bn_impls.conformance.model import Check, Failure, Found, NotOffered, Result
from bn_impls.conformance.subject import Subject
from bn_impls.interface import Documented

CHECKS: tuple[Check, ...] = (
    *environment.FIRST,
    *building.CHECKS,
    *environment.CHECKS,
    *state.CHECKS,
    *isolation.FIRST,
    *determinism.CHECKS,
    *isolation.CHECKS,
    *outputs.CHECKS,
    *gradients.CHECKS,
    *statistics.CHECKS,
    *updates.CHECKS,
    *layouts.CHECKS,
    *edges.CHECKS,
    *conditioning.CHECKS,
    *dtypes.CHECKS,
    *styles.CHECKS,
    *checkpoints.CHECKS,
    *building.LAST,
    *environment.LAST,
)


def chosen(quick: bool) -> tuple[Check, ...]:
    """The checks of a run."""
    return tuple(check for check in CHECKS if check.quick or not quick)


def outcome(check: Check, subject: Subject) -> Result:
    """Run one check.

    Args:
        check: to run.
        subject: the implementation under test.

    Returns:
        Its result; whatever the implementation raises is a failure.
    """
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):  # extreme inputs are meant
            warnings.simplefilter("ignore")
            failure = check.run(subject)
    except NotOffered as refusal:
        return Result(name=check.name, status="skipped", message=str(refusal))
    except Found as found:
        failure = found.failure
    except Exception as error:  # somebody's implementation may raise anything
        failure = raised(error)
    if failure is None:
        return Result(name=check.name, status="passed")
    return failed(check.name, failure)


def failed(name: str, failure: Failure) -> Result:
    """The result of a check that found something."""
    return Result(
        name=name, status="failed", got=failure.got, expected=failure.expected, message=failure.message,
        cause=failure.cause,
    )  # fmt: skip


def raised(error: Exception) -> Failure:
    """An exception as a failure: its kind, its first line, and where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" [{Path(frames[-1].filename).name} line {frames[-1].lineno}]" if frames else ""
    first = (str(error).splitlines() or ["no message"])[0][:500]
    return Failure(
        message=f"it raised {type(error).__name__}: {first}{place}",
        got=type(error).__name__, expected="a result, or Unsupported(reason) when built", cause="raises",
    )  # fmt: skip


NEVER_MEANT = ("raises", "hangs", "kills_its_process", "out_of_memory")  # no sentence excuses these


def document(results: list[Result], documented: Mapping[str, Documented]) -> list[Result]:
    """Let findings that an implementation documents as its API's behaviour pass, with what was found beside them.

    Args:
        results: of a run.
        documented: check -> the behaviour, and the cause that it excuses.

    Returns:
        The results; a documented behaviour that was not found is a failure, for what is declared must be true.
    """
    return [_documented(result, documented.get(result.name)) for result in results]


def _documented(result: Result, meant: Documented | None) -> Result:
    if meant is None or result.status == "skipped" or result.cause in NEVER_MEANT:
        return result
    if result.status == "passed":
        return replace(
            result, status="failed", got="the check passed", expected=meant.behaviour, cause="stale_documentation",
            message=f"it is documented that {meant.behaviour}, but the check passes: take it out of `documented`",
        )  # fmt: skip
    if result.cause == meant.cause:
        return replace(
            result, status="passed", cause="",
            message=f"documented behaviour of this API: {meant.behaviour} ({result.message})",
        )  # fmt: skip
    return replace(
        result, message=f"{result.message} (it is documented that {meant.behaviour}; that is {meant.cause}, and this "
        f"is {result.cause or 'no known cause'})",
    )  # fmt: skip
