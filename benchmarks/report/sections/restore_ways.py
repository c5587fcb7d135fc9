"""Which API restores what: implementations by ways to save, and the sentences that a user needs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from benchmarks.checkpoints.diagnosis import PARTS, Lost, part_of
from benchmarks.checkpoints.ways import FORMATS, title
from benchmarks.checkpoints.ways import PARTS as WAYS
from benchmarks.report.document import Bullets, Cell, Column, Rich, Table, enumerate_spans, name, say, verdict
from benchmarks.report.run import Record
from benchmarks.report.tables import BLANK, implementation_cell, table
from benchmarks.report.view import View
from benchmarks.report.wording import DASH, shorten, significant, visible

SHORT = {"weights": "weights", "statistics": "statistics", "counters": "num_updates", "slots": "slots", "step": "step"}
MOST_NAMED = 6
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
        "✓ all: weights, statistics, num_updates and optimizer come back. ✓ inference: another program infers the same "
        "from the file. ✗: what does not come back. {dash}: not offered; the list of cases without figures has the "
        "reasons. A column with a colon is a part that users often save by itself.",
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
    if "export" in record.case:
        good = record.status == "ok"
        return Cell("✓ inference" if good else "✗ inference", "a" if good else "b", "good" if good else "bad")
    parts = lost_parts(record)
    if not parts:
        return Cell("✗ see below" if record.reason else "✓ all", "b" if record.reason else "a",
                    "bad" if record.reason else "good")  # fmt: skip
    on_purpose = "partial" in record.case
    return Cell(f"✗ {', '.join(SHORT[part] for part in parts)}", "b", "warn" if on_purpose else "bad")


def advice(records: Sequence[Record]) -> Bullets | None:
    """What a user of each API needs to know, in sentences: what it brings back, and what must be saved beside a part.

    Args:
        records: whole networks into a new object.

    Returns:
        One sentence or more for each way, those of an API together; None where only usual formats were measured.
    """
    if max(Counter(record.implementation for record in records).values(), default=0) < 2:
        return None
    told: list[Rich] = []
    for way in FORMATS:
        of = [record for record in records if record.text("format").partition(":")[0] == way]
        told += [*_whole(way, of), *_exported(way, of), *_of_parts(of)]
    return Bullets(tuple(told)) if told else None


def _by_loss(records: Sequence[Record]) -> dict[tuple[str, tuple[str, ...]], list[str]]:
    """(way, parts that it does not bring back) -> implementations."""
    found: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for record in records:
        found.setdefault((record.text("format"), tuple(lost_parts(record))), []).append(record.implementation)
    return found


def _whole(way: str, records: Sequence[Record]) -> list[Rich]:
    """Where everything is saved."""
    of = [record for record in records if record.measured and not {"partial", "export"} & set(record.case)]
    back = [record.implementation for record in of if record.status == "ok" and not lost_parts(record)]
    told = [_comes_back(way, back, len(of))] if back else []
    lost = [record for record in of if lost_parts(record)]
    return told + [_lacks(way, parts, who) for (_, parts), who in _by_loss(lost).items()]


def _comes_back(way: str, who: Sequence[str], tried: int) -> Rich:
    everybody = len(who) == tried > MOST_NAMED
    return say(
        "With {way} {verdict} in {who}.",
        way=name(title(way)),
        verdict=verdict("everything comes back", "good"),
        who=f"all {tried} implementations" if everybody else enumerate_spans([name(one) for one in who], MOST_NAMED),
    )


def _lacks(way: str, parts: Sequence[str], who: Sequence[str]) -> Rich:
    return say(
        "With {way} {parts} {verdict} in {who}; the rest does.",
        way=name(title(way)),
        parts=enumerate_spans([PARTS[part] for part in parts]),
        verdict=verdict("must be kept elsewhere: it does not come back", "warn"),
        who=enumerate_spans([name(one) for one in who], MOST_NAMED),
    )


def _exported(way: str, records: Sequence[Record]) -> list[Rich]:
    """Files to infer from."""
    of = [record for record in records if "export" in record.case and record.measured]
    if not of:
        return []
    off = max(record.number("inference_difference_abs") or 0.0 for record in of)
    return [
        say(
            "{way} that {who} exported {verdict}: a logit is at most {off} off. Nobody trains on from it.",
            way=name(title(way)),
            who=enumerate_spans([name(record.implementation) for record in of], MOST_NAMED),
            verdict=verdict("infers the same in ONNX Runtime", "good")
            if all(record.status == "ok" for record in of)
            else verdict("infers something else in ONNX Runtime", "bad"),
            off=significant(off, 2),
        )
    ]


def _of_parts(records: Sequence[Record]) -> list[Rich]:
    """Where a part is saved by itself."""
    partial = [record for record in records if "partial" in record.case]
    lossy = [record for record in partial if record.measured and lost_parts(record)]
    refusals: dict[str, list[Record]] = {}
    for record in partial:
        if record.status == "unsupported" and "refused" in (record.reason or ""):
            refusals.setdefault(record.text("format"), []).append(record)
    told = [_must_also(way, parts, who) for (way, parts), who in _by_loss(lossy).items()]
    return told + [_refused(way, of) for way, of in refusals.items()]


def _must_also(way: str, parts: Sequence[str], who: Sequence[str]) -> Rich:
    return say(
        "With {way} ({saved}) you must also {verdict} {parts}: they did not come back in {who}.",
        way=name(title(way)),
        saved=WAYS.get(way, ("", "a part"))[1],
        verdict=verdict("save", "warn"),
        parts=enumerate_spans([PARTS[part] for part in parts]),
        who=enumerate_spans([name(one) for one in who], MOST_NAMED),
    )


def _refused(way: str, records: Sequence[Record]) -> Rich:
    return say(
        "{way} ({saved}) is {verdict} in {who}: {why}.",
        way=name(title(way)),
        saved=WAYS.get(way, ("", ""))[1],
        verdict=verdict("refused", "warn"),
        who=enumerate_spans([name(record.implementation) for record in records], 4),
        why=shorten(visible(cause(records[0].reason or "")), 200).rstrip("."),
    )


def cause(reason: str) -> str:
    """What stands in parentheses in a refusal: the framework's own words."""
    found = re.search(r"\((.*)\)(?:; it must come from[^)]*)?$", reason, re.DOTALL)
    return found[1] if found else reason
