"""What a claim is: an experiment as cases, a rule, a verdict, and a picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from benchmarks.cases import Case
from benchmarks.claims.results import Results

Size = Literal["quick", "full"]
Kind = Literal["confirmed", "refuted", "depends", "undecided"]
SIZES: tuple[Size, ...] = ("quick", "full")
KINDS: tuple[Kind, ...] = ("confirmed", "refuted", "depends", "undecided")


@dataclass(frozen=True, kw_only=True)
class Printed:
    """A figure that a document printed, beside ours.

    Attributes:
        what: the quantity with its unit.
        printed: the document's figure; None where it showed a picture only.
        ours: this run's figure.
        why: why they differ, or why they cannot be compared.
    """

    what: str
    printed: float | None
    ours: float | None
    why: str


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What came out.

    Attributes:
        kind: ``confirmed``, ``refuted``, ``depends`` or ``undecided``.
        on: on what it depends, or what deciding needs (``12 seeds instead of 2``); empty otherwise.
        sentence: what was found, with the figures that decide, as one sentence.
        figures: name with unit (``test_accuracy_gain_points``) -> number.
        printed: the document's own figures beside ours.
    """

    kind: Kind
    sentence: str
    on: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)
    printed: tuple[Printed, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a verdict that leaves out on what it depends, or what deciding needs."""
        if (self.kind in ("depends", "undecided")) != bool(self.on):
            raise ValueError(f"a verdict {self.kind!r} with on={self.on!r}: only depends and undecided say on what")


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A figure of a claim.

    Attributes:
        title: short.
        caption: what is seen, in a sentence or two.
        alternative: the same in words, for who cannot see it.
        height_in: in inches; every figure is as wide as the report's page.
        paint: draws onto a canvas of the report, in its sentinel colours
            (:mod:`benchmarks.report.figures.canvas`).
    """

    title: str
    caption: str
    alternative: str
    height_in: float
    paint: Callable[[Any], None]


def no_picture(results: Results) -> Picture | None:
    """A claim without a picture."""
    return None


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One claim of a source document.

    Attributes:
        id: ``C01`` and on.
        documents: that make it, such as ``("000", "003")``.
        statement: the claim, in our words.
        experiment: what is done to test it, in words.
        rule: when it is confirmed, refuted, depends or is undecided, in words with the thresholds that the code has.
        cases: size -> the cases that it needs; equal cases of several claims run once.
        judge: its results -> the verdict. It may raise :class:`benchmarks.claims.results.Missing` where a case has no
            figures, which makes the verdict ``undecided``.
        meaning: verdict -> what this means for you, in a sentence or two.
        picture: its results -> a picture, or None; it may raise ``Missing`` as well.
        further_pictures: shown below it, each drawn by itself: one whose curves are missing does not take the others.
    """

    id: str
    documents: tuple[str, ...]
    statement: str
    experiment: str
    rule: str
    cases: Callable[[Size], list[Case]]
    judge: Callable[[Results], Verdict]
    meaning: Callable[[Verdict], str]
    picture: Callable[[Results], Picture | None] = no_picture
    further_pictures: tuple[Callable[[Results], Picture | None], ...] = ()
