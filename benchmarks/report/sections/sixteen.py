"""16 bits in the agreement section: what is computed and kept in float32 behind a float16 or bfloat16 input."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.report.document import Block, Cell, Column, Heading, Paragraph, Rich, enumerate_spans, name, say, strong
from benchmarks.report.errors import SIXTEEN_BITS, Worst, grouped
from benchmarks.report.run import Record
from benchmarks.report.tables import BLANK, implementation_cell, number_cell, parameter_cell, table
from benchmarks.report.view import View
from benchmarks.report.wording import visible

PARTS = {
    "training_dtype": "Training computes in",
    "gradient_dtype": "Gradients in",
    "inference_dtype": "Inference in",
    "statistics_dtype": "Keeps statistics in",
    "parameter_dtype": "Keeps parameters in",
}
WORDS = {"training_dtype": "training", "gradient_dtype": "gradients", "inference_dtype": "inference"}


def sixteen_bits(view: View) -> list[Block]:
    """Heading, sentences and table; nothing where nothing was measured in 16 bits."""
    records = [r for r in view.agreements if r.text("dtype") in SIXTEEN_BITS and r.text("training_dtype")]
    if not records:
        return []
    lead = say(
        "A good layer takes 16 bits in, computes in float32, keeps parameters and statistics in float32, and rounds "
        "its result once. The arithmetic is not declared but seen: an error that this cannot explain is one of "
        "computing in 16 bits."
    )
    sentence = _sentence(records)
    columns = [
        Column("Implementation"),
        Column("dtype"),
        *(Column(title) for title in PARTS.values()),
        Column("Error over bound", True, "as a multiple of what a good evaluation of that dtype must cost"),
    ]
    rows = [_row(view, worst) for worst in _worsts(records)]
    told = [Paragraph(sentence)] if sentence else []
    return [
        Heading("In 16 bits", "sixteen"),
        Paragraph(lead),
        *told,
        table("sixteen-table", "Arithmetic behind 16 bits, as seen", columns, rows),
    ]


def _worsts(records: Sequence[Record]) -> list[Worst]:
    found: dict[tuple[str, str], list[Record]] = {}
    for worst in grouped(records):
        found.setdefault((worst.implementation, worst.records[0].text("dtype")), []).extend(worst.records)
    return [Worst(tuple(of)) for of in found.values()]


def _row(view: View, worst: Worst) -> tuple[Cell, ...]:
    return (
        implementation_cell(view, worst.implementation),
        parameter_cell(worst.records[0], "dtype"),
        *(_seen(worst, part) for part in PARTS),
        number_cell(worst.over_bound, 2, "warn" if (worst.over_bound or 0) > 1 else "good"),
    )


def _seen(worst: Worst, part: str) -> Cell:
    seen = [text for record in worst.records if (text := record.text(part))]
    if not seen:
        return BLANK
    narrow = next((text for text in seen if text in SIXTEEN_BITS), None)
    return Cell(visible(narrow or seen[0]), narrow or seen[0], "warn" if narrow else "good")


def _sentence(records: Sequence[Record]) -> Rich:
    """Who computes or keeps what in 16 bits."""
    parts = []
    for who in dict.fromkeys(record.implementation for record in records):
        own = [record for record in records if record.implementation == who]
        narrow = [word for part, word in WORDS.items() if any(record.text(part) in SIXTEEN_BITS for record in own)]
        if any(record.text("statistics_dtype") in SIXTEEN_BITS for record in own):
            narrow.append("the moving statistics")
        if narrow:
            parts.append(say("{who} ({what})", who=name(who), what=", ".join(narrow)))
    if not parts:
        return say("{all} of those measured do so.", all=strong("All"))
    return say("Not so {who}.", who=enumerate_spans(parts, 6))
