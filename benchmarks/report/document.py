"""The report as a document, before it is HTML or Markdown: sections of sentences, tables, figures and cards.

Whatever stands in a document is plain text; the page and the Markdown file each escape it in their own way.
So a name that a user chose cannot become markup, and both files say the same.
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Span:
    """A piece of a sentence.

    ``kind`` is empty, ``strong``, a verdict (``good``, ``warn``, ``bad``), ``name`` (what a user named),
    ``code``, ``link`` (to the ``target``) or ``line`` (what follows begins a line).
    """

    text: str
    kind: str = ""
    target: str = ""


Rich = tuple[Span, ...]
Part = Span | Rich | str | int


def name(text: str) -> Span:
    """Something that a user named."""
    return Span(text, "name")


def strong(text: str) -> Span:
    """The words that carry the sentence."""
    return Span(text, "strong")


def verdict(text: str, tone: str) -> Span:
    """The words that judge: ``good``, ``warn`` or ``bad``."""
    return Span(text, tone)


def code(text: str) -> Span:
    """Something to type."""
    return Span(text, "code")


def link(text: str, target: str) -> Span:
    """A link to a place in the report."""
    return Span(text, "link", target)


def lines(parts: Sequence[Rich]) -> Rich:
    """Sentences, each of which begins a line."""
    return tuple(span for place, part in enumerate(parts) for span in ((Span(" ", "line"),) if place else ()) + part)


def say(template: str, **parts: Part) -> Rich:
    """Fill a sentence.

    Args:
        template: text with ``{fields}``; only the parts may come from users.
        parts: what stands in the fields.

    Returns:
        The spans of the sentence.
    """
    spans: list[Span] = []
    for text, key, _, _ in string.Formatter().parse(template):
        if text:
            spans.append(Span(text))
        if key is not None:
            spans.extend(rich(parts[key]))
    return tuple(spans)


def rich(part: Part) -> Rich:
    """Anything that may stand in a sentence, as spans."""
    if isinstance(part, tuple):
        return part
    return (part if isinstance(part, Span) else Span(str(part)),)


def enumerate_spans(parts: Sequence[Part], limit: int = 6) -> Rich:
    """``a, b and c`` of spans; what exceeds the limit is counted."""
    shown: list[Part] = list(parts)
    if len(shown) > limit:
        shown = [*shown[: limit - 1], f"{len(parts) - limit + 1} more"]
    spans: list[Span] = []
    for index, part in enumerate(shown):
        if index:
            spans.append(Span(" and " if index == len(shown) - 1 else ", "))
        spans.extend(rich(part))
    return tuple(spans)


def plain(spans: Rich) -> str:
    """The sentence without any marks."""
    return "".join(span.text for span in spans)


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    ``value`` is what it sorts by (None sorts last), ``tone`` one of empty, ``good``, ``warn``, ``bad``,
    ``quiet``; the text says the same in words, colour only repeats it. ``series`` is the colour of an
    implementation.
    """

    text: str
    value: float | str | None = None
    tone: str = ""
    series: int | None = None


@dataclass(frozen=True)
class Column:
    """A column: its title, whether it holds numbers, what the title means, and whether its text is long."""

    title: str
    numeric: bool = False
    help: str = ""
    long: bool = False


@dataclass(frozen=True)
class Table:
    """A table; ``total`` says how many rows there were before it was cut."""

    key: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: Rich = ()
    total: int | None = None

    @property
    def left_out(self) -> int:
        """Rows that the table does not hold."""
        return max((self.total or 0) - len(self.rows), 0)


@dataclass(frozen=True)
class Figure:
    """A figure: SVG in sentinel colours, a caption, and the same in words for who cannot see it."""

    key: str
    title: str
    caption: Rich
    alternative: str
    svg: str


@dataclass(frozen=True)
class Paragraph:
    """A paragraph; ``tone`` marks it as a note to heed."""

    text: Rich
    tone: str = ""


@dataclass(frozen=True)
class Bullets:
    """A list of sentences."""

    items: tuple[Rich, ...]


@dataclass(frozen=True)
class Heading:
    """A heading inside a section."""

    text: str
    key: str


@dataclass(frozen=True)
class Card:
    """An answer: for which use, which implementation, on what evidence."""

    use: str
    choice: Rich
    evidence: Rich
    tone: str = ""


@dataclass(frozen=True)
class Cards:
    """Answers side by side."""

    items: tuple[Card, ...]


@dataclass(frozen=True)
class Terms:
    """Terms and what they mean, or keys and their values; ``anchored`` ones can be linked to, as ``#term-ulp``."""

    items: tuple[tuple[str, Rich], ...]
    anchored: bool = False


@dataclass(frozen=True)
class Found:
    """One answer to a question: its text, who gave it, and what was seen of each."""

    text: str
    names: tuple[str, ...]
    tone: str
    evidence: tuple[str, ...]


@dataclass(frozen=True)
class Asked:
    """A question and its answers, the commonest first."""

    title: str
    meaning: str
    answers: tuple[Found, ...]


@dataclass(frozen=True)
class Matrix:
    """Questions with their answers grouped by what was found, so that it stays readable with many names."""

    key: str
    title: str
    rows: tuple[Asked, ...]
    note: Rich = ()


@dataclass(frozen=True)
class Fold:
    """Blocks behind a line that opens them."""

    key: str
    title: Rich
    blocks: tuple[Block, ...]


Block = Fold | Table | Figure | Paragraph | Bullets | Heading | Cards | Terms | Matrix


@dataclass(frozen=True)
class Section:
    """A section of the report; ``nav`` is its short name for the bar."""

    key: str
    title: str
    blocks: tuple[Block, ...]
    nav: str = ""


@dataclass(frozen=True)
class Report:
    """The whole report. ``title`` names it in a browser's tab, ``heading`` on the page."""

    title: str
    heading: str
    subtitle: Rich
    facts: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...] = field(default=())

    @property
    def figures(self) -> tuple[Figure, ...]:
        """Every figure, in order."""
        return tuple(figure for section in self.sections for figure in _figures(section.blocks))


def _figures(blocks: Sequence[Block]) -> Iterator[Figure]:
    for block in blocks:
        if isinstance(block, Figure):
            yield block
        elif isinstance(block, Fold):
            yield from _figures(block.blocks)
