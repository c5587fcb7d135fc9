"""What a run is about: its title, and which sections it has nothing for."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.report.document import Block, Paragraph, Section, say
from benchmarks.report.view import View
from benchmarks.report.wording import listing, visible

WHICH = "Which batch normalization API should I use?"
QUESTIONS = {
    "agreement": "Do they compute the same?",
    "throughput": "Which batch normalization is fastest?",
    "convergence": "Do networks train the same?",
    "checkpoint": "What survives a checkpoint?",
    "claims": "Is what the tutorials say true?",
}
ALWAYS = ("answer", "unmeasured", "environment", "glossary")


def title_of(view: View) -> str:
    """The question that the records can answer.

    Which API to use takes two or more implementations, agreement, and another axis; one axis has its own question.
    """
    axes = [axis for axis in QUESTIONS if view.measured(axis)]
    names = list(dict.fromkeys(record.implementation for record in view.run.records if record.measured))
    if len(names) == 1 and "claims" not in axes:
        return f"How good is {visible(names[0])}?"
    if len(axes) == 1:
        return QUESTIONS[axes[0]]
    return WHICH if "agreement" in axes else f"Batch normalization: {listing(axes)}" if axes else WHICH


def present(sections: Sequence[Section]) -> tuple[Section, ...]:
    """The sections that hold something; the first one says in a line which were left out.

    Args:
        sections: all of them; one that holds a single sentence says only that there is nothing.

    Returns:
        The others.
    """
    absent = [section for section in sections if section.key not in ALWAYS and _is_empty(section)]
    left = [section for section in sections if section not in absent]
    if not absent:
        return tuple(left)
    names = [(section.nav or section.title).lower() for section in absent]
    line: Block = Paragraph(say("Not measured in this run: {names}.", names=listing(names, len(names))))
    first = left[0]
    return (Section(first.key, first.title, (*first.blocks, line), first.nav), *left[1:])


def _is_empty(section: Section) -> bool:
    return len(section.blocks) == 1 and isinstance(section.blocks[0], Paragraph)
