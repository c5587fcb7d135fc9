"""Blocks of a page between markers, which are made from their sources and never by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

Blocks = Mapping[str, Callable[[], str]]


def filled(text: str, blocks: Blocks) -> str:
    """A page with what stands between the markers of every block made anew.

    Args:
        text: Markdown with ``<!-- begin: NAME -->`` and ``<!-- end: NAME -->`` once for each block, a line each.
        blocks: name -> what makes its Markdown.

    Raises:
        ValueError: a block's markers are not there once.
    """
    for name, make in blocks.items():
        begin, end = f"<!-- begin: {name} -->\n", f"<!-- end: {name} -->"
        if text.count(begin) != 1 or text.count(end) != 1:
            raise ValueError(f"the page should have the block {begin.strip()} ... {end} once")
        before, rest = text.split(begin)
        text = f"{before}{begin}\n{make()}\n\n{end}{rest.split(end)[1]}"
    return text


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
