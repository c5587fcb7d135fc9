"""Through the frameworks' own files: who claims to read another's, and what came back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.report.document import (
    Block,
    Cell,
    Column,
    Heading,
    Paragraph,
    Rich,
    enumerate_spans,
    name,
    say,
    verdict,
)
from benchmarks.report.run import Record
from benchmarks.report.sections.sentences import bullets
from benchmarks.report.tables import implementation_cell, table, text_cell
from benchmarks.report.view import View
from benchmarks.report.wording import count, listing, significant, visible

KEY = "own-files"
FILES: Mapping[str, str] = {
    "weights-h5": ".weights.h5 (save_weights, load_weights)",
    "keras-archive": ".keras (save, load_model)",
    "h5-model": ".h5 of a whole model (save, load_model)",
    "h5-weights": ".h5 of weights (save_weights, load_weights)",
    "h5-weights-by-name": ".h5 of weights, by_name=True into layers of other names",
    "saver": "tf.train.Saver, read by tf.train.Checkpoint into variables of the same names",
    "saver-unnamed": "tf.train.Saver, read by tf.train.Checkpoint into variables without names",
    "saver-unnamed-asserted": "tf.train.Saver, read with assert_consumed() into variables without names",
    "checkpoint-by-name": "tf.train.Checkpoint, read by tf.train.Saver",
    "onnx": "torch.onnx.export in evaluation mode",
    "onnx-training": "torch.onnx.export of a module left in training mode",
}
OUTCOMES: Mapping[str, tuple[str, str]] = {
    "restored": ("restored", "good"),
    "nothing": ("silently restored nothing", "bad"),
    "part": ("silently restored a part", "bad"),
    "wrong": ("read without complaint, and wrong", "bad"),
    "refused": ("refused with an error", "warn"),
}
COLUMNS = (
    Column("Written by"),
    Column("Read by"),
    Column("File", long=True),
    Column("Outcome"),
    Column("What was seen", long=True),
)


def blocks(view: View, records: Sequence[Record]) -> list[Block]:
    """Sentences and a table; nothing where no file was exchanged."""
    if not records:
        return []
    lead = say(
        "One small network, dense and batch normalization, in a file that one framework wrote and another claims to "
        "read. What counts is what the reader holds afterwards, not whether it complained."
    )
    rows = [_row(view, record) for record in records]
    return [
        Heading("Through the frameworks' own files", KEY),
        Paragraph(lead),
        bullets([_sentence(outcome, records) for outcome in OUTCOMES if _of(outcome, records)]),
        table(f"{KEY}-table", "Files of one framework, read by another", COLUMNS, rows),
    ]


def _of(outcome: str, records: Sequence[Record]) -> list[Record]:
    return [record for record in records if record.metrics.get("outcome") == outcome]


def _sentence(outcome: str, records: Sequence[Record]) -> tuple[int, Rich]:
    found, (words, tone) = _of(outcome, records), OUTCOMES[outcome]
    readings = [(_file(record), name(record.text("source")), name(record.implementation)) for record in found]
    who = [say("{file} of {source} in {target}", file=file, source=a, target=b) for file, a, b in readings]
    weight = {"good": 0, "warn": 1, "bad": 2}[tone]
    said = verdict(words[0].upper() + words[1:], tone)
    return weight, say(
        "{words} in {cases}: {who}.", words=said, cases=count(len(found), "case"), who=enumerate_spans(who, 6)
    )


def _file(record: Record) -> str:
    kind = record.text("file")
    return FILES.get(kind, visible(kind))


def _row(view: View, record: Record) -> tuple[Cell, ...]:
    outcome = str(record.metrics.get("outcome", record.status))
    words, tone = OUTCOMES.get(outcome, (record.status, ""))
    return (
        implementation_cell(view, record.text("source")),
        implementation_cell(view, record.implementation),
        text_cell(_file(record), 90),
        Cell(visible(words), outcome, tone),
        text_cell(_seen(record), 300),
    )


def _seen(record: Record) -> str:
    if not record.measured:
        return record.reason or ""
    if "refusal" in record.metrics:
        return record.text("refusal")
    lost, over = record.metrics.get("arrays_lost"), record.number("inference_over_bound")
    told = [f"not as written: {listing([str(one) for one in lost])}"] if isinstance(lost, list) and lost else []
    if over is not None:
        told.append(f"inference {significant(over, 2)} of the bound of rounding off")
    warned = record.metrics.get("warned")
    return "; ".join([*told, *(str(one) for one in (warned if isinstance(warned, list) else [])[:1])])
