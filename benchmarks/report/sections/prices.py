"""What stays undecided, and what a decision would cost."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.report.document import Block, Paragraph, Rich, say, strong
from benchmarks.report.sections.fastest import entry_name
from benchmarks.report.speeds import NETWORK, Group
from benchmarks.report.wording import count, percent, shape_text, visible
from benchmarks.verdicts.judging import MARGIN
from benchmarks.verdicts.price import MOST_ROUNDS
from benchmarks.verdicts.ranking import Open


def prices(groups: Sequence[Group]) -> list[Block]:
    """What is undecided between the fastest or the baseline and the others, the cheapest decisions first."""
    opened = [(group, found) for group in groups for found in group.open]
    affordable = [(group, found) for group, found in opened if found.rounds]
    if not opened:
        return []
    blocks: list[Block] = []
    if affordable:
        group, found = min(affordable, key=lambda pair: pair[1].rounds or 0)
        rest = len(affordable) - 1
        more = say(" The column To decide has {rest} more.", rest=f"{rest:,}") if rest else ()
        blocks.append(Paragraph((*_sentence(group, found), *more)))
    hopeless = len(opened) - len(affordable)
    if hopeless:
        told = say(
            "{number} would stay {undecided} for more than {most}: the rounds of this run differ too much, or are too "
            "few to tell.",
            number=count(hopeless, "comparison"),
            undecided=strong("undecided"),
            most=count(MOST_ROUNDS, "round"),
        )
        blocks.append(Paragraph(told))
    return blocks


def price_words(group: Group, found: Open) -> str:
    """``5 rounds, 2 min``; without minutes where a run did not record what a round takes."""
    if not found.rounds:
        return f"over {count(MOST_ROUNDS, 'round')}"
    seconds = _seconds(group, found)
    return count(found.rounds, "round") + ("" if seconds is None else f", {_minutes(seconds)}")


def _sentence(group: Group, found: Open) -> Rich:
    seconds = _seconds(group, found)
    where = f"network {visible(group.text('network'))}" if group.work == NETWORK else shape_text(group.shape)
    return say(
        "To decide {who} against {other} at {margin} on {where} takes about {rounds}{minutes}.",
        who=entry_name(group.published[found.place].entry),
        other=entry_name(group.published[found.against].entry),
        margin=percent(MARGIN, 0),
        where=where,
        rounds=strong(count(found.rounds or 0, "more process round")),
        minutes="" if seconds is None else f", {_minutes(seconds)}",
    )


def _seconds(group: Group, found: Open) -> float | None:
    """Both cases' measured time in a round, times the rounds."""
    each = [group.published[place].record.number("round_s") for place in (found.place, found.against)]
    if any(value is None for value in each):
        return None
    return (found.rounds or 0) * sum(value for value in each if value is not None)


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
