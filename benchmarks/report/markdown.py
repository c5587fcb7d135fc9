"""The report as Markdown, for GitHub and for a terminal: aligned tables, figures as links."""

from __future__ import annotations

import re
import unicodedata

from benchmarks.report.document import (
    Block,
    Bullets,
    Cards,
    Figure,
    Fold,
    Heading,
    Matrix,
    Paragraph,
    Report,
    Rich,
    Span,
    Table,
    Terms,
    name,
)
from benchmarks.report.wording import visible

MOST_ROWS = 80  # of one table; results.csv has all records
_SPECIAL = re.compile(r"[\\`*\[\]|~$]|(?<![^\W_])_|_(?![^\W_])")  # an underscore inside a word is plain


def write_markdown(report: Report) -> str:
    """The report as one Markdown file that lies beside ``figures/``."""
    lines = [f"# {escape(report.heading)}", "", inline(report.subtitle), ""]
    lines += [f"- **{escape(term)}**: {escape(value)}" for term, value in report.facts]
    for section in report.sections:
        lines += ["", f"## {escape(section.title)}"]
        for block in section.blocks:
            lines += ["", *block_lines(block)]
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """Text that Markdown and HTML both leave alone."""
    text = visible(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(lambda match: "\\" + match[0], text)


def inline(spans: Rich) -> str:
    """A sentence."""
    return "".join(_span(span) for span in spans)


def _span(span: Span) -> str:
    text = escape(span.text)
    if span.kind in ("strong", "good", "warn", "bad", "name") and text.strip():
        return f"**{text}**"
    if span.kind == "line":
        return "\\\n  "  # a break inside the item of a list
    if span.kind == "code":
        return f"`{visible(span.text).replace('`', chr(39))}`"
    return text  # places in the page have no address here


def block_lines(block: Block) -> list[str]:
    """One block of a section, line by line."""
    match block:
        case Paragraph():
            return [("> " if block.tone else "") + inline(block.text)]
        case Heading():
            return [f"### {escape(block.text)}"]
        case Fold():
            inner = [line for one in block.blocks for line in ("", *block_lines(one))]
            return [f"#### {inline(block.title)}", *inner]
        case Bullets():
            return [f"- {inline(item)}" for item in block.items]
        case Terms():
            return [f"- **{escape(term)}**: {inline(meaning)}" for term, meaning in block.items]
        case Cards():
            return _cards(block)
        case Figure():
            return [f"![{escape(block.title)}](figures/{block.key}.svg)", "", inline(block.caption)]
        case Table():
            return _table(block)
        case Matrix():
            return _matrix(block)


def _cards(block: Cards) -> list[str]:
    return [f"- {escape(card.use)}: {inline(card.choice)}. {inline(card.evidence)}" for card in block.items]


def _table(block: Table) -> list[str]:
    header = [escape(column.title) for column in block.columns]
    rows = [[escape(cell.text) for cell in row] for row in block.rows[:MOST_ROWS]]
    numeric = [column.numeric for column in block.columns]
    widths = [max(3, *(_width(line[i]) for line in [header, *rows])) for i in range(len(header))]
    rule = "|".join("-" * (width + 1) + (":" if right else "-") for width, right in zip(widths, numeric, strict=True))
    lines = [inline((name(block.title),)), "", _line(header, widths, numeric), f"|{rule}|"]
    lines += [_line(row, widths, numeric) for row in rows]
    total = block.total or len(block.rows)
    if total > len(rows):
        lines += ["", f"{len(rows):,} of {total:,} rows; all records are in `results.csv`."]
    return [*lines, "", inline(block.note)] if block.note else lines


def _matrix(block: Matrix) -> list[str]:
    """One list for each question: an answer and who gave it; the marks repeat what colour says on the page."""
    lines = [inline((name(block.title),))]
    for row in block.rows:
        lines += ["", f"**{escape(row.title)}** - {escape(row.meaning)}", ""]
        for found in row.answers:
            text = f"**{escape(found.text)}**" if found.tone in ("warn", "bad") else escape(found.text)
            lines.append(f"- {text}: {escape(', '.join(found.names))}")
    return [*lines, "", inline(block.note)] if block.note else lines


def _line(texts: list[str], widths: list[int], numeric: list[bool]) -> str:
    cells = []
    for text, width, right in zip(texts, widths, numeric, strict=True):
        space = " " * (width - _width(text))
        cells.append(space + text if right else text + space)
    return f"| {' | '.join(cells)} |"


def _width(text: str) -> int:
    """Columns that the text takes in a terminal."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(unicodedata.combining(character) > 0 for character in text)
