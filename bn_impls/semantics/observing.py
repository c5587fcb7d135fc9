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
    asked = [(style, question) for style in styles for question in sorted(questions, key=lambda q: not q.early)]
    found: dict[Style, Row] = {style: {} for style in styles}
    with tempfile.TemporaryDirectory() as scratch:
        for style, question, answer in _answers(descriptor, asked, Path(scratch) / "log", report, answer_s):
            found[style][question.key] = answer
    return {question.key: _merged(question.key, found, styles) for question in questions}


def cell(observed: str, evidence: str, declared: str | None = None) -> Cell:
    """One cell."""
    return {"observed": observed, "declared": declared, "evidence": evidence}


def _answers(
    descriptor: Descriptor,
    asked: Sequence[tuple[Style, Question]],
    log: Path,
    report: Callable[[str], None],
    answer_s: float,
) -> Iterator[tuple[Style, Question, Cell]]:
    """Answers in the order asked; a lost process is started again."""
    left, lost = list(asked), "crashed"
    for _ in range(MOST_STARTS):
        process = WorkerProcess(
            "bn_impls.semantics.answering",
            {"specification": descriptor.name},
            environment(1, "cpu", descriptor.environment),
            log,
        )
        try:
            process.started(START_S)
        except WorkerLost as why:
            for style, question in left:
                yield style, question, cell(_words(why.status), why.reason)
            return
        try:
            while left:
                style, question = left.pop(0)
                report(f"{descriptor.name} {style}: {question.title}")
                yield (
                    style,
                    question,
                    _cell_of(process.ask({"do": "ask", "question": question.key, "style": style}, answer_s)),
                )
            return
        except WorkerLost as why:
            lost = f"the process was lost {MOST_STARTS} times, the last time because {why.reason}"
            yield style, question, cell(_words(why.status), why.reason)
        finally:
            process.close()
    for style, question in left:
        yield style, question, cell("not asked", lost)


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
