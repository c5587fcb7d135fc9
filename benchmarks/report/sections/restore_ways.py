"""Which API restores what: implementations by ways to save, and the sentences that a user needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from benchmarks.checkpoints.diagnosis import PARTS, Lost, part_of
from benchmarks.checkpoints.ways import FORMATS, title
from benchmarks.checkpoints.ways import PARTS as WAYS
from benchmarks.report.document import Bullets, Cell, Column, Rich, Table, enumerate_spans, name, say, verdict
from benchmarks.report.run import Record
from benchmarks.report.tables import BLANK, implementation_cell, table
from benchmarks.report.view import View
from benchmarks.report.wording import DASH, shorten, visible

SHORT = {"weights": "weights", "statistics": "statistics", "counters": "num_updates", "slots": "slots", "step": "step"}
NOT_HERE = ("unsupported", "not_installed", "no_device")


def lost_parts(record: Record) -> list[str]:
    """Which of :data:`PARTS` did not come back, in their order."""
    raw = record.samples.get("lost")
    found = {part_of(str(one.get("name", ""))) for one in raw if isinstance(one, dict)} if isinstance(raw, list) else ()
    return [part for part in PARTS if part in found]


def lost_arrays(record: Record) -> list[Lost]:
    """The arrays that did not come back."""
    raw = record.samples.get("lost")
    entries = [one for one in raw if isinstance(one, dict)] if isinstance(raw, list) else []
    return [Lost(str(e.get("name", "")), str(e.get("cause", "")), str(e.get("other", ""))) for e in entries]


def ways_table(view: View, records: Sequence[Record]) -> Table | None:
    """A row an implementation, a column a way to save; None where only usual formats were measured.

    Args:
        view: the run.
        records: whole networks into a new object, also those that were not measured; with one way each, as in a run
            of the usual formats, the table of what came back says the same.
    """
    shown = {record.text("format") for record in records}
    ways = [way for way in (*FORMATS, *WAYS) if way in shown]
    if not ways or max(Counter(record.implementation for record in records).values()) < 2:
        return None
    by_place = {(record.implementation, record.text("format")): record for record in records}
    rows = [
        (implementation_cell(view, who), *(_cell(by_place.get((who, way))) for way in ways))
        for who in dict.fromkeys(record.implementation for record in records)
    ]
    columns = [Column("Implementation"), *(Column(way, help=title(way)) for way in ways)]
    note = say(
        "✓: weights, statistics, num_updates and optimizer all come back. ✗: what does not. {dash}: not offered; the "
        "list of cases without figures has the reasons. A column with a colon is a part that users often save by "
        "itself.",
        dash=DASH,
    )
    return table("checkpoint-ways", "Which API restores what", columns, rows, note)


def _cell(record: Record | None) -> Cell:
    if record is None:
        return BLANK
    if record.status in NOT_HERE:
        tried = "partial" in record.case
        return Cell("✗ refused" if tried else DASH, "b" if tried else "c", "warn" if tried else "quiet")
    if not record.measured:
        return Cell(record.status.replace("_", " "), "b", "bad")
    parts = lost_parts(record)
    if not parts:
        return Cell("✗ see below" if record.reason else "✓ all", "b" if record.reason else "a",
                    "bad" if record.reason else "good")  # fmt: skip
    on_purpose = "partial" in record.case
    return Cell(f"✗ {', '.join(SHORT[part] for part in parts)}", "b", "warn" if on_purpose else "bad")


def advice(records: Sequence[Record]) -> Bullets | None:
    """One sentence for each part that is saved by itself: what must be saved beside it, and by whom this was seen."""
    by_loss: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    refusals: dict[str, list[Record]] = {}
    for record in records:
        if "partial" not in record.case:
            continue
        way = record.text("format")
        if record.status == "unsupported":
            refusals.setdefault(way, []).append(record)
        elif record.measured and (parts := tuple(lost_parts(record))):
            by_loss.setdefault((way, parts), []).append(record.implementation)
    told = [_must_also(way, parts, who) for (way, parts), who in by_loss.items()]
    told += [_refused(way, of) for way, of in refusals.items() if of[0].reason and "refused" in of[0].reason]
    return Bullets(tuple(told)) if told else None


def _must_also(way: str, parts: Sequence[str], who: Sequence[str]) -> Rich:
    return say(
        "With {way} ({saved}) you must also {verdict} {parts}: they did not come back in {who}.",
        way=name(title(way)),
        saved=WAYS.get(way, ("", "a part"))[1],
        verdict=verdict("save", "warn"),
        parts=enumerate_spans([PARTS[part] for part in parts]),
        who=enumerate_spans([name(one) for one in who], 4),
    )


def _refused(way: str, records: Sequence[Record]) -> Rich:
    return say(
        "{way} ({saved}) is {verdict} in {who}: {why}.",
        way=name(title(way)),
        saved=WAYS.get(way, ("", ""))[1],
        verdict=verdict("refused", "warn"),
        who=enumerate_spans([name(record.implementation) for record in records], 4),
        why=shorten(visible(_cause(records[0].reason or "")), 200).rstrip("."),
    )


def _cause(reason: str) -> str:
    """What stands in the last parentheses of a refusal: the framework's own words."""
    return reason.rpartition("(")[2].rstrip(")") if "(" in reason else reason
