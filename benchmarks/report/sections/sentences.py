"""Lists of sentences that stay readable when there are many implementations."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.report.document import Bullets, Rich, say

MOST_SENTENCES = 12


def bullets(sentences: Sequence[tuple[int, Rich]], rest: str = "the table has them") -> Bullets:
    """A list of sentences; if there are too many, the gravest, and a line that counts the others.

    Args:
        sentences: how grave it is (more is graver), and the sentence; in the order of the plan.
        rest: where the others are found.

    Returns:
        The list.
    """
    if len(sentences) <= MOST_SENTENCES:
        return Bullets(tuple(sentence for _, sentence in sentences))
    ordered = sorted(sentences, key=lambda pair: -pair[0])[: MOST_SENTENCES - 1]
    more = say("And {more} more; {rest}.", more=f"{len(sentences) - len(ordered):,}", rest=rest)
    return Bullets((*(sentence for _, sentence in ordered), more))
