"""What to watch out for, by implementation: the most harmful first, and no more than a reader takes in at once."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.report.document import Block, Bullets, Fold, Heading, Rich, say
from benchmarks.report.sections.warnings import warnings
from benchmarks.report.view import View

MOST = 7  # before a fold


def watch_out(view: View) -> list[Block]:
    """Heading, the most harmful, and the others behind a line that opens them; nothing where nothing was found."""
    found = by_implementation(warnings(view))
    if not found:
        return []
    blocks: list[Block] = [Heading("What to watch out for", "answer-warnings"), Bullets(tuple(found[:MOST]))]
    if len(found) > MOST:
        title = say("{more} more", more=len(found) - MOST)
        blocks.append(Fold("answer-more-warnings", title, (Bullets(tuple(found[MOST:])),)))
    return blocks


def by_implementation(sentences: Sequence[Rich]) -> list[Rich]:
    """Sentences about one implementation become one item, at the place of the gravest of them.

    Args:
        sentences: the gravest first.

    Returns:
        One item for each implementation, and one for each sentence about several or none.
    """
    items: dict[str, Rich] = {}
    for place, sentence in enumerate(sentences):
        names = {span.text.split(" (")[0] for span in sentence if span.kind == "name"}
        key = names.pop() if len(names) == 1 else f"sentence {place}"
        items[key] = (*items[key], *say(" "), *sentence) if key in items else sentence
    return list(items.values())
