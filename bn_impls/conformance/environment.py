"""What a layer leaves alone: the process's global state, and standard output."""

from __future__ import annotations

import contextlib
import sys

from bn_impls.conformance.calls import played
from bn_impls.conformance.model import Check, Failure, NotOffered
from bn_impls.conformance.subject import Subject, calls
from bn_impls.conformance.surroundings import differences, seen


def _import(subject: Subject) -> Failure | None:
    if subject.import_changes is None:
        raise NotOffered("the import was not watched")
    return _changes("importing the implementation", subject.import_changes)


def _calls(subject: Subject) -> Failure | None:
    """Looked at after each call: a switch that is thrown twice is back where it was."""
    for first in (True, False):
        before = seen()
        layer = subject.build()
        for call in calls(layer.configuration, "training", "gradients", "inference", seed=80):
            with contextlib.suppress(NotOffered):
                played(layer, call)
            found = differences(before, seen())
            if first:  # a framework may set itself up at its first call
                found = {name: values for name, values in found.items() if "environment variable" not in name}
            if found:
                return _changes("building and calling a layer", found)
        layer.close()
    return None


def _changes(what: str, found: dict[str, tuple[str, str]]) -> Failure | None:
    if not found:
        return None
    name, (before, after) = next(iter(found.items()))
    return Failure(
        message=f"{what} changed {', '.join(found)}; other code in the process relies on it, so put it back or use a "
        "local one",
        got=f"{name}: {after[:200]}", expected=f"{name}: {before[:200]}", cause="global_state",
    )  # fmt: skip


def _prints(subject: Subject) -> Failure | None:
    if subject.printed is None:
        raise NotOffered("standard output was not watched")
    sys.stdout.flush()
    written = subject.printed.read_bytes()
    if not written:
        return None
    return Failure(
        message=f"it wrote {len(written)} bytes to standard output, where results of programs go; log to standard "
        "error, or not at all",
        got=repr(written[:100])[1:], expected="nothing", cause="prints",
    )  # fmt: skip


FIRST = (Check("import_is_harmless", "the import leaves the process's global state alone", _import),)
CHECKS = (Check("calls_are_harmless", "building and calling leave the process's global state alone", _calls),)
LAST = (Check("prints_nothing", "nothing is written to standard output", _prints),)
