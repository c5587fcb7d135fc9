"""Semantics: what each implementation was observed to do where they may differ."""

from __future__ import annotations

from collections.abc import Collection

from benchmarks.report.document import Asked, Block, Bullets, Found, Heading, Matrix, Paragraph, Rich, Section

from benchmarks.report.document import code, enumerate_spans, link, name, say, verdict  # isort: skip
from benchmarks.report.semantics import TROUBLE, Question, Seen
from benchmarks.report.view import View
from benchmarks.report.wording import count, shorten, visible

LONGEST_EVIDENCE = 1200


def build(view: View) -> Section:
    """The section."""
    asked = view.run.semantics.questions
    if not asked:
        told = say(
            "This run asked nothing: quick runs leave the probes out. {command} asks now.",
            command=code("bn-bench semantics"),
        )
        return Section("semantics", "What they do", (Paragraph(told),), "Semantics")
    blocks: list[Block] = [Paragraph(_lead(asked))]
    warnings = semantic_warnings(view, {"second_order"} if view.second_order else ())  # measured on several ranks
    if warnings:
        blocks.append(Heading("What to watch out for", "semantics-warnings"))
        blocks.append(Bullets(tuple(warnings)))
    blocks.append(_matrix(view, asked))
    return Section("semantics", "What they do", tuple(blocks), "Semantics")


def semantic_warnings(view: View, without: Collection[str] = ()) -> list[Rich]:
    """The sentences that observed values call for, the gravest first, with everyone whom each concerns.

    Args:
        view: of the run.
        without: keys of questions to leave out.
    """
    sentences = []
    asked = [question for question in view.run.semantics.questions if question.key not in without]
    for question in sorted(asked, key=lambda question: -question.gravity):
        for sentence, whom in question.warnings().items():
            sentences.append(say("{who}: {what}.", who=_everyone(question, whom), what=visible(sentence)))
    return sentences


def _everyone(question: Question, whom: list[str]) -> Rich:
    answered = [cell.who for cell in question.cells if not cell.says_nothing]
    if len(whom) > 2 and len(whom) == len(answered):
        return say("All {number} that answer", number=len(whom))
    return enumerate_spans([name(visible(who)) for who in whom])


def _lead(asked: tuple[Question, ...]) -> Rich:
    differing = sum(len([text for text, cells in q.groups() if not cells[0].says_nothing]) > 1 for q in asked)
    wrong = [cell.who for question in asked for cell in question.cells if cell.contradicts]
    who = list(dict.fromkeys(wrong))
    said = (
        say("{all}", all=verdict("Nothing that is declared contradicts what was observed.", "good"))
        if not wrong
        else say("What {who} declare is {not_so}.", who=enumerate_spans([name(visible(w)) for w in who]),
                 not_so=verdict("not what was observed", "bad"))
    )  # fmt: skip
    return say(
        "Black-box probes asked {questions} of each implementation in its usual call style, and solved the answers "
        "from outputs and states. In {differing} of them the answers differ. {said}",
        questions=count(len(asked), "question"),
        differing=differing,
        said=said,
    )


def _matrix(view: View, asked: tuple[Question, ...]) -> Matrix:
    note = say(
        "Marked: what differs from what most do, and what contradicts a declaration. The numbers behind every answer "
        "stand in {file} too.{measured}",
        file=code("semantics.json"),
        measured=say(
            " Second-order gradients may be right on some inputs and dtypes alone; {link} has the measured cases.",
            link=link("Second-order gradients", "#second-order"),
        )
        if view.second_order
        else "",
    )
    return Matrix("semantics-matrix", "Observed semantics", tuple(_asked(question) for question in asked), note)


def _asked(question: Question) -> Asked:
    answers = tuple(_found(question, text, cells) for text, cells in question.groups())
    return Asked(visible(question.title), visible(question.meaning), answers)


def _found(question: Question, text: str, cells: list[Seen]) -> Found:
    return Found(
        shorten(visible(text), 200),
        tuple(shorten(visible(cell.who), 60) for cell in cells),
        _tone(question, text, cells),
        tuple(shorten(visible(_evidence(cell)), LONGEST_EVIDENCE) for cell in cells),
    )


def _evidence(cell: Seen) -> str:
    return f"declared: {cell.declared}. {cell.evidence}" if cell.contradicts else cell.evidence


def _tone(question: Question, text: str, cells: list[Seen]) -> str:
    if any(cell.contradicts for cell in cells) or text in TROUBLE:
        return "bad"
    if cells[0].says_nothing:
        return "quiet"
    return "warn" if question.usual is not None and text != question.usual else ""
