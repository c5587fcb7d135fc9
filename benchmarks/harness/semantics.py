"""The semantics of a run's implementations, observed once each and kept beside what was measured."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from functools import partial
from typing import Any

from benchmarks.harness import lanes
from benchmarks.harness.folder import RunFolder
from benchmarks.harness.ledger import Ledger
from benchmarks.harness.progress import Display
from bn_impls.registry import Descriptor
from bn_impls.semantics.observing import observe
from bn_impls.semantics.questions import QUESTIONS

SEMANTICS = "semantics.json"
SCHEMA = 1


def observe_all(
    folder: RunFolder,
    descriptors: Sequence[Descriptor],
    display: Display,
    ledger: Ledger,
    *,
    every_style: bool = False,
) -> None:
    """Ask every question of every implementation; what an earlier run asked is kept.

    Args:
        folder: where the answers go, written after each implementation.
        descriptors: of the run's implementations.
        display: is told what is asked now.
        ledger: books the time that asking takes.
        every_style: ask in every call style, not in the usual one alone.
    """
    answers = known(folder)
    left = [descriptor for descriptor in descriptors if descriptor.name not in answers]
    if not left:
        return
    writing, stopped = threading.Lock(), threading.Event()

    def tell(what: str) -> None:
        if stopped.is_set():
            raise lanes.Stopped
        with writing:
            display.now(what)

    def ask(descriptor: Descriptor) -> None:
        styles: Any = descriptor.styles if every_style else descriptor.styles[:1]
        times = [ledger.clock()]  # of the beginning and of each question; the first comes once all is imported

        def heard(what: str) -> None:
            times.append(ledger.clock())
            tell(what)

        found = observe(descriptor, styles, report=heard)
        asking = times[1] if len(times) > 1 else ledger.clock()
        ledger.book("imports", asking - times[0])
        ledger.book("measured", ledger.clock() - asking)
        with writing:
            answers[descriptor.name] = found
            in_order = {one.name: answers[one.name] for one in descriptors if one.name in answers}
            folder.write_json(SEMANTICS, as_json(in_order))
            display.advance()

    display.start(len(left))
    try:
        with ledger.divided(lanes.how_many(len(left))):
            lanes.side_by_side([partial(ask, descriptor) for descriptor in left], stopped.set)
    finally:
        display.stop()


def as_json(answers: dict[str, Any]) -> dict[str, Any]:
    """What the file holds: the questions in their order with their texts, and the answers."""
    questions = [
        {"key": q.key, "title": q.title, "meaning": q.meaning, "watch": dict(q.watch), "gravity": q.gravity}
        for q in QUESTIONS
    ]
    return {"schema": SCHEMA, "questions": questions, "answers": answers}


def known(folder: RunFolder) -> dict[str, Any]:
    """Answers of an earlier part of this run; a damaged file is as good as none."""
    try:
        stored = json.loads((folder.path / SEMANTICS).read_bytes())
        answers = dict(stored["answers"]) if stored["schema"] == SCHEMA else {}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}
    return answers
