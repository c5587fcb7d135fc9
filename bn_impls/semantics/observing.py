"""The semantics matrix: every question asked of every implementation, each implementation in a process of its own.

A probe that raises costs its own cell. One that crashes or hangs does too: the process is started again for the
questions that are left. An implementation that cannot be imported is a row of cells that say why.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from bn_impls.interface import Style
from bn_impls.isolation.process import WorkerLost, WorkerProcess
from bn_impls.isolation.variables import environment
from bn_impls.registry import Descriptor
from bn_impls.semantics.asking import Question
from bn_impls.semantics.questions import QUESTIONS

START_S, ANSWER_S = 300.0, 120.0  # compiling can take a minute on a busy machine
MOST_STARTS = 4  # of one implementation's process; whoever crashes more often is not asked any further
Cell = dict[str, Any]
Row = dict[str, Cell]


def observe(
    descriptor: Descriptor,
    styles: Sequence[Style],
    questions: Sequence[Question] = QUESTIONS,
    report: Callable[[str], None] = lambda _: None,
    answer_s: float = ANSWER_S,
) -> Row:
    """Ask every question of one implementation.

    Args:
        descriptor: of the implementation.
        styles: call styles, the usual one first; further ones show where they differ from it.
        questions: to ask.
        report: is told what is asked now.
        answer_s: longest time for one answer.

    Returns:
        Question -> cell with ``observed``, ``declared`` and ``evidence``, and ``by_style`` where styles differ.
    """
    if reason := descriptor.missing():
        return {question.key: cell("not installed", reason) for question in questions}
    asked = sorted(questions, key=lambda question: not question.early)
    found: dict[Style, Row] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for style in styles:  # in a process of its own: strategies and compilers leave traces in theirs
            answers = _answers(descriptor, style, asked, Path(scratch) / "log", report, answer_s)
            found[style] = {question.key: answer for question, answer in answers}
    return {question.key: _merged(question.key, found, styles) for question in questions}


def cell(observed: str, evidence: str, declared: str | None = None) -> Cell:
    """One cell."""
    return {"observed": observed, "declared": declared, "evidence": evidence}


def _answers(
    descriptor: Descriptor,
    style: Style,
    asked: Sequence[Question],
    log: Path,
    report: Callable[[str], None],
    answer_s: float,
) -> Iterator[tuple[Question, Cell]]:
    """Answers in the order asked; a lost process is started again."""
    left, lost = list(asked), ""
    start = {"specification": descriptor.name}
    for _ in range(MOST_STARTS):
        variables = environment(1, "cpu", descriptor.environment)
        process = WorkerProcess("bn_impls.semantics.answering", start, variables, log)
        try:
            process.started(START_S)
            while left:
                report(f"{descriptor.name} {style}: {left[0].title}")
                request = {"do": "ask", "question": left[0].key, "style": style}
                reply = process.ask(request, answer_s)
                yield left.pop(0), _cell_of(reply)
            return
        except WorkerLost as why:
            if why.status == "failed":  # it does not import, and would not the next time
                yield from ((question, cell("failed", why.reason)) for question in left)
                return
            lost = f"the process was lost {MOST_STARTS} times, the last time because {why.reason}"
            yield left.pop(0), cell(_words(why.status), why.reason)
        finally:
            process.close()
    yield from ((question, cell("not asked", lost)) for question in left)


def _cell_of(reply: dict[str, Any]) -> Cell:
    if reply["status"] != "ok":
        return cell(_words(reply["status"]), reply["reason"])
    return cell(reply["observed"], reply["evidence"], reply["declared"])


def _words(status: str) -> str:
    return status.replace("_", " ")


def _merged(key: str, found: dict[Style, Row], styles: Sequence[Style]) -> Cell:
    """The usual style's cell, with those of the other styles where one of them differs."""
    usual = found[styles[0]][key]
    if all(found[style][key]["observed"] == usual["observed"] for style in styles):
        return usual
    return {**usual, "by_style": {style: found[style][key] for style in styles}}
