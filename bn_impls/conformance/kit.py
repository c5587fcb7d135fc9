"""The checks, in the order in which they run: a mistake of an earlier one may explain failures of later ones."""

from __future__ import annotations

import traceback
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np

from bn_impls.conformance import (
    building,
    checkpoints,
    conditioning,
    declarations,
    determinism,
    documentation,
    dtypes,
    edges,
    environment,
    gradients,
    isolation,
    layouts,
    outputs,
    second_order,
    state,
    statistics,
    styles,
    updates,
)
from bn_impls.conformance.model import Check, Failure, Found, NotOffered, Result
from bn_impls.conformance.subject import Subject

_OF_LAYERS: tuple[Check, ...] = (
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
    *second_order.CHECKS,
    *declarations.CHECKS,
    *building.LAST,
    *environment.LAST,
)
CHECKS = (documentation.check_of([check.name for check in _OF_LAYERS]), *_OF_LAYERS)


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
    result = failed(check.name, failure)
    return replace(result, status="passed", cause="") if failure.told else result


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
