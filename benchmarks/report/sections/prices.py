"""What stays undecided, and the run that would decide it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.report.document import Block, Paragraph, Rich, code, say, strong
from benchmarks.report.sections.fastest import entry_name
from benchmarks.report.speeds import NETWORK, Group
from benchmarks.report.wording import count, percent, shape_text, visible
from benchmarks.verdicts.judging import MARGIN
from benchmarks.verdicts.price import MOST_ROUNDS, rounds_of_fresh_run
from benchmarks.verdicts.ranking import Open
from benchmarks.verdicts.ratios import log_ratios_to

SIZES = {"quick": ["--quick"], "full": ["--full"]}


def prices(groups: Sequence[Group], settings: Mapping[str, Any]) -> list[Block]:
    """What is undecided between the fastest or the baseline and the others, the cheapest decisions first.

    Args:
        groups: of the run.
        settings: of the run; the command that is named measures as it did.
    """
    opened = [(group, found, fresh_rounds(group, found)) for group in groups for found in group.open]
    affordable = [(group, found, rounds) for group, found, rounds in opened if rounds is not None]
    if not opened:
        return []
    blocks: list[Block] = []
    if affordable:
        group, found, rounds = min(affordable, key=lambda one: one[2])
        rest = len(affordable) - 1
        more = say(" The column To decide has {rest} more.", rest=f"{rest:,}") if rest else ()
        blocks += [Paragraph(_why_fresh()), Paragraph((*_sentence(group, found, rounds, settings), *more))]
    hopeless = len(opened) - len(affordable)
    if hopeless:
        told = say(
            "{number} would stay {undecided} in a run of {most}: the rounds of this run differ too much, or are too "
            "few to tell.",
            number=count(hopeless, "comparison"),
            undecided=strong("undecided"),
            most=count(MOST_ROUNDS, "round"),
        )
        blocks.append(Paragraph(told))
    return blocks


def fresh_rounds(group: Group, found: Open) -> int | None:
    """Rounds with which a run of the two implementations alone would probably decide; None where none would."""
    pair = [group.published[place] for place in (found.place, found.against)]
    names = {speed.record.implementation for speed in pair}
    rows = sum(speed.record.implementation in names for speed in group.published)
    ratios = log_ratios_to([speed.minima for speed in pair], 1)[0]
    return rounds_of_fresh_run(ratios, comparisons=max(1, rows - 1))


def price_words(group: Group, found: Open) -> str:
    """``5 rounds, 2 min``; without minutes where a run did not record what a round takes."""
    rounds = fresh_rounds(group, found)
    if rounds is None:
        return f"over {count(MOST_ROUNDS, 'round')}"
    seconds = _seconds(group, found, rounds)
    return count(rounds, "round") + ("" if seconds is None else f", {_minutes(seconds)}")


def _why_fresh() -> Rich:
    return say(
        "What is undecided takes a run of its own, with more rounds: adding rounds to this one until it decides would "
        "be one look more than its intervals allow for. Each is expected to decide in four of five tries; the "
        "time is that of the two cases alone."
    )


def _sentence(group: Group, found: Open, rounds: int, settings: Mapping[str, Any]) -> Rich:
    seconds = _seconds(group, found, rounds)
    where = f"network {visible(group.text('network'))}" if group.work == NETWORK else shape_text(group.shape)
    return say(
        "To decide {who} against {other} at {margin} on {where} takes about {rounds}{minutes}: {command}.",
        who=entry_name(group.published[found.place].entry),
        other=entry_name(group.published[found.against].entry),
        margin=percent(MARGIN, 0),
        where=where,
        rounds=strong(count(rounds, "process round")),
        minutes="" if seconds is None else f", {_minutes(seconds)}",
        command=code(visible(_command(group, found, rounds, settings))),
    )


def _command(group: Group, found: Open, rounds: int, settings: Mapping[str, Any]) -> str:
    """The run of these two alone: one look, and as many rounds as it takes."""
    who, other = (group.published[place].record.implementation for place in (found.place, found.against))
    device = str(settings.get("device") or "cpu")
    options = [*SIZES.get(str(settings.get("size")), []), "--axes", "throughput"]
    options += ["--implementations", ",".join(dict.fromkeys((who, other))), "--baseline", other]
    options += ["--networks", group.text("network")] if group.work == NETWORK else []
    options += [] if device == "cpu" else ["--device", device]
    return shlex.join(["bn-bench", "run", *options, "--rounds", str(rounds), "--budget", "0"])


def _seconds(group: Group, found: Open, rounds: int) -> float | None:
    """Both cases' measured time in a round, times the rounds."""
    each = [group.published[place].record.number("round_s") for place in (found.place, found.against)]
    if any(value is None for value in each):
        return None
    return rounds * sum(value for value in each if value is not None)


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
