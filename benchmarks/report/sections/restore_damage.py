"""Damaged checkpoints: who refuses them, and who restores something wrong without a word."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.checkpoints.damages import CRASHED, ENDS, IDENTICAL, KINDS, REFUSED, WRONG
from benchmarks.report.document import Bullets, Cell, Column, Rich, Table, name, say, verdict
from benchmarks.report.run import Record, as_number
from benchmarks.report.sections.sentences import bullets
from benchmarks.report.tables import BLANK, count_cell, implementation_cell, table, text_cell
from benchmarks.report.view import View
from benchmarks.report.wording import count, listing, percent


def ends_of(record: Record, kind: str) -> dict[str, int]:
    """How the trials of a kind of damage ended: end -> number of trials."""
    by_kind = record.samples.get("by_kind")
    ends = by_kind.get(kind) if isinstance(by_kind, dict) else None
    if not isinstance(ends, dict):
        return {}
    return {end: int(number) for end in ENDS if (number := as_number(ends.get(end)))}


def damage_blocks(view: View, records: Sequence[Record]) -> tuple[Bullets, Table] | None:
    """Sentences and table; None where nothing was damaged.

    Args:
        view: the run.
        records: those with a damage that hold figures.
    """
    tried = [record for record in records if record.number("trials")]
    if not tried:
        return None
    told = [(int(record.number(WRONG) or 0), _sentence(record)) for record in tried]
    return bullets(told, "the table of damaged checkpoints has them"), _table(view, tried)


def _sentence(record: Record) -> Rich:
    trials, wrong, crashed = (int(record.number(key) or 0) for key in ("trials", WRONG, CRASHED))
    who, way, of = name(record.implementation), name(record.text("format")), count(trials, "damaged checkpoint")
    crashes = f"; {count(crashed, 'trial')} crashed or hung" if crashed else ""
    if not wrong:
        words = verdict("nothing wrong", "good")
        told = say("{who} restores {words} from {of} in the format {way}", who=who, words=words, of=of, way=way)
        return say("{told}{crashes}.", told=told, crashes=crashes)
    kinds = [_share(record, kind) for kind in KINDS if ends_of(record, kind).get(WRONG)]
    return say(
        "{who} {words} from {wrong} of {of} in the format {way} ({share}): {kinds}{crashes}.",
        who=who,
        words=verdict("restores something wrong without complaint", "bad"),
        wrong=wrong,
        of=of,
        way=way,
        share=percent(wrong / trials, 0),
        kinds=listing(kinds, 4) or "none",
        crashes=crashes,
    )


def _share(record: Record, kind: str) -> str:
    ends = ends_of(record, kind)
    return f"{KINDS[kind]} ({ends.get(WRONG, 0)} of {sum(ends.values())})"


def _table(view: View, records: Sequence[Record]) -> Table:
    columns = [
        Column("Implementation"),
        Column("Format"),
        *(Column(end.capitalize(), True, help=words) for end, words in ENDS.items()),
        *(Column(kind.replace("_", " ").capitalize(), help=words) for kind, words in KINDS.items()),
    ]
    note = say(
        "In the columns of damages: trials refused / bit-identical / wrong, and those that crashed. Checkpoints of one "
        "layer, 256 channels; bits are flipped one at a time, spread over all files. Where saving was disturbed, "
        "bit-identical is the earlier checkpoint or the new one, and refused means that both are lost, and that this "
        "is noticed."
    )
    rows = [_row(view, record) for record in records]
    return table("checkpoint-damage", "What became of damaged checkpoints", columns, rows, note)


def _row(view: View, record: Record) -> tuple[Cell, ...]:
    numbers = {end: int(record.number(end) or 0) for end in ENDS}
    return (
        implementation_cell(view, record.implementation),
        text_cell(record.text("format")),
        *(count_cell(n, "bad" if n and end in (WRONG, CRASHED) else "") for end, n in numbers.items()),
        *(_kind_cell(ends_of(record, kind)) for kind in KINDS),
    )


def _kind_cell(ends: dict[str, int]) -> Cell:
    if not ends:
        return BLANK
    wrong, crashed = ends.get(WRONG, 0), ends.get(CRASHED, 0)
    text = f"{ends.get(REFUSED, 0)} / {ends.get(IDENTICAL, 0)} / {wrong}"
    return Cell(f"{text}, {crashed} crashed" if crashed else text, wrong, "bad" if wrong or crashed else "good")
