"""``bn-bench semantics``: observe what implementations do where they may differ."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable

from bn_impls.registry import describe, descriptors

CONTRADICTED, FAILED = 1, 3


def add_options(parser: argparse.ArgumentParser) -> None:
    """Which implementations, which questions, and how to print."""
    parser.epilog = (
        "exit codes: 0 as declared; 1 something else than declared was observed; 2 usage; 3 a question failed, "
        "crashed, timed out, ran out of memory or was not asked"
    )
    parser.add_argument("names", metavar="NAME", nargs="*", help="implementations, or module:OBJECT; all if left out")
    parser.add_argument("--question", action="append", default=[], metavar="KEY", help="ask this one only; repeatable")
    parser.add_argument(
        "--styles", choices=("all", "usual"), default="all",
        help="all: in every call style, with a line of its own where one differs (default); usual: in its users' usual "
        "one alone, which is faster",
    )  # fmt: skip
    parser.add_argument(
        "--all",
        action="store_true",
        help="show every question; with two names or more, only differences are by default",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object: name, question, what was observed")


def act(options: argparse.Namespace) -> int:
    """Ask, and print.

    Returns:
        0; 1 where something else than declared was observed, 3 where an implementation failed or its process was lost.

    Raises:
        UnknownName: no implementation or question has this name.
    """
    from bn_impls.errors import UnknownName
    from bn_impls.semantics.observing import observe
    from bn_impls.semantics.questions import BY_KEY, QUESTIONS
    from bn_impls.semantics.table import TROUBLE, as_text, contradicts, differing

    for key in options.question:
        if key not in BY_KEY:
            raise UnknownName.among("question", key, BY_KEY, "docs/semantics.md says what each one asks.")
    questions = [BY_KEY[key] for key in dict.fromkeys(options.question)] or list(QUESTIONS)
    chosen = [describe(name) for name in dict.fromkeys(options.names)] or list(descriptors().values())
    show = _progress if sys.stderr.isatty() else _lines()
    matrix = {}
    for descriptor in chosen:
        styles = descriptor.styles if options.styles == "all" else descriptor.styles[:1]
        matrix[descriptor.name] = observe(descriptor, styles, questions, show)  # type: ignore[arg-type]  # checked when built
    show("")
    if options.json:
        print(json.dumps(matrix, indent=1, ensure_ascii=False))
    else:
        shown = questions if options.all or len(options.names) < 2 else differing(matrix, questions)
        print(as_text(matrix, shown))
        if same := len(questions) - len(shown):
            print(f"\n{same} of {len(questions)} the same; --all shows them")
    cells = [cell for row in matrix.values() for cell in row.values()]
    if any(cell["observed"] in TROUBLE for cell in cells):
        return FAILED
    return CONTRADICTED if any(contradicts(cell) for cell in cells) else 0


def _lines() -> Callable[[str], None]:
    """A line of progress each time that another implementation is asked."""
    told: set[str] = set()

    def show(text: str) -> None:
        who = text.partition(": ")[0]
        if who and who not in told:
            told.add(who)
            print(f"asking {who}", file=sys.stderr, flush=True)

    return show


def _progress(text: str) -> None:
    print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
