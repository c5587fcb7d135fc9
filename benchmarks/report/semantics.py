"""What the probes of a run observed: ``semantics.json`` in memory, and its answers grouped for readers.

The file carries the questions' texts and what to watch out for, so that it is drawn by what it says itself.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCHEMA = 1
SILENT = ("not offered", "not installed", "not asked")  # answers that say nothing of how it computes
TROUBLE = ("failed", "crashed", "timed out", "out of memory")


@dataclass(frozen=True)
class Seen:
    """One cell: what was observed of whom, what was declared, and the numbers."""

    who: str
    observed: str
    declared: str | None
    evidence: str

    @property
    def says_nothing(self) -> bool:
        """Whether there was nothing to observe."""
        return self.observed in SILENT

    @property
    def contradicts(self) -> bool:
        """Whether something else was declared; silence contradicts nothing."""
        return self.declared is not None and self.declared != self.observed


@dataclass(frozen=True)
class Question:
    """A question with its texts; ``watch`` maps the beginning of an observed value to a sentence of this gravity."""

    key: str
    title: str
    meaning: str
    watch: Mapping[str, str]
    gravity: int
    cells: tuple[Seen, ...]

    @property
    def usual(self) -> str | None:
        """What most do; None where no answer is given more often than every other."""
        ranked = Counter(cell.observed for cell in self.cells if not cell.says_nothing).most_common(2)
        if not ranked or ranked[0][1] < 2 or (len(ranked) > 1 and ranked[0][1] == ranked[1][1]):
            return None
        return ranked[0][0]

    def groups(self) -> list[tuple[str, list[Seen]]]:
        """Answers and who gave them: what most do first, what says nothing last."""
        found: dict[str, list[Seen]] = {}
        for cell in self.cells:
            found.setdefault(cell.observed, []).append(cell)
        return sorted(found.items(), key=lambda group: (group[0] in SILENT, group[0] != self.usual))

    def warnings(self) -> dict[str, list[str]]:
        """Sentences that what was observed calls for, and of whom."""
        found: dict[str, list[str]] = {}
        for cell in self.cells:
            for start, sentence in self.watch.items():
                if begins(cell.observed, start):
                    found.setdefault(sentence, []).append(cell.who)
                    break
        return found


@dataclass(frozen=True)
class Semantics:
    """Every question that was asked, in order."""

    questions: tuple[Question, ...]


NOTHING_ASKED = Semantics(())


def begins(text: str, start: str) -> bool:
    """Whether a text begins with these words, and not with longer ones."""
    rest = text[len(start) :]
    return text.startswith(start) and not (rest[:1].isalnum() or rest[:1] == ".")


def read_semantics(path: Path, damage: list[str]) -> Semantics:
    """Read the file of a run; what is damaged is reported and left out.

    Args:
        path: of ``semantics.json``; a run without one asked nothing.
        damage: receives one sentence for whatever could not be read.
    """
    if not path.is_file():
        return NOTHING_ASKED
    try:
        content = json.loads(path.read_bytes())
        if content["schema"] != SCHEMA:
            damage.append(f"semantics.json: not read, it has schema {content['schema']!r}, but should have {SCHEMA}")
            return NOTHING_ASKED
        answers = content["answers"].items()
        return Semantics(tuple(_question(entry, answers) for entry in content["questions"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        damage.append(f"semantics.json: not read ({type(error).__name__}: {str(error)[:100]})")
        return NOTHING_ASKED


def _question(entry: Mapping[str, object], answers: Any) -> Question:
    watch = entry["watch"]
    assert isinstance(watch, dict)
    cells: list[Seen] = []
    for who, row in answers:  # JSON; whatever it lacks raises and is reported
        if (cell := row.get(entry["key"])) is not None:
            cells.append(_seen(str(who), cell))
            others = cell.get("by_style", {}).items()
            cells += [
                _seen(f"{who} ({style})", other) for style, other in others if other["observed"] != cell["observed"]
            ]
    return Question(
        str(entry["key"]),
        str(entry["title"]),
        str(entry["meaning"]),
        {str(start): str(sentence) for start, sentence in watch.items()},
        int(str(entry["gravity"])),
        tuple(cells),
    )


def _seen(who: str, cell: Mapping[str, object]) -> Seen:
    declared = cell["declared"]
    return Seen(who, str(cell["observed"]), None if declared is None else str(declared), str(cell["evidence"]))
