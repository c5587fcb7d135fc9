"""Reading the Markdown of this repository: fenced blocks, the commands in them, links, and names of files.

In a ``console`` block a line that begins with ``$`` is a command, and what follows is its output. In an output, ``...``
stands for whatever varies, and any white space for any other, as in doctest.
"""

from __future__ import annotations

import doctest
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```(?P<language>\w*)(?: (?P<file>\S+))?\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
INLINE = re.compile(r"`(?P<text>[^`\n]+)`")
VARYING = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@dataclass(frozen=True)
class Command:
    """A command of a ``console`` block and the output shown under it."""

    text: str
    output: str


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the file that it names, its text, and the page's line that it begins at."""

    language: str
    file: str | None
    text: str
    line: int

    def commands(self) -> Iterator[Command]:
        """The commands of a ``console`` block, in order."""
        for part in re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            yield Command(command, output)


def pages() -> list[Path]:
    """Every page that a reader is sent to."""
    examples = (CHECKOUT / "examples").rglob("*.md")
    return [CHECKOUT / "README.md", CHECKOUT / "CONTRIBUTING.md", *sorted((CHECKOUT / "docs").rglob("*.md")), *examples]


def blocks(text: str) -> list[Block]:
    """The fenced blocks of a page, in order."""
    return [
        Block(found["language"], found["file"], found["text"], text.count("\n", 0, found.start()) + 1)
        for found in FENCE.finditer(text)
    ]


def prose(text: str) -> str:
    """A page without its fenced blocks."""
    return FENCE.sub("", text)


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def same_output(shown: str, got: str) -> bool:
    """Whether an output is what a page shows."""
    return doctest.OutputChecker().check_output(shown, got, VARYING)


def changed(text: str, difference: str) -> str:
    """Apply a ``diff`` block without context lines: each removed line must be there once.

    Raises:
        ValueError: it does not fit.
    """
    lines = difference.splitlines(keepends=True)
    removed = "".join(line[1:] for line in lines if line.startswith("-"))
    added = "".join(line[1:] for line in lines if line.startswith("+"))
    if text.count(removed) != 1:
        raise ValueError(f"{removed!r} is there {text.count(removed)} times, but should be there once")
    return text.replace(removed, added)
