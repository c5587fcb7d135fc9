"""An answer as text with a table, and as JSON."""

from __future__ import annotations

import textwrap
from dataclasses import asdict
from typing import Any

from bn_impls.explain.answer import Answer, OneSide
from bn_impls.explain.attribution import Explained
from bn_impls.explain.question import plain
from bn_impls.explain.telling import sentences
from bn_impls.explain.wording import FIELD_WORDS, QUANTITY_WORDS, percent, size

WIDTH = 100
HEADINGS = ("quantity", "difference", "over bound", "explained by")


def text(answer: Answer) -> str:
    """What a person reads: the answer, then the figures."""
    question = answer.question
    told = [textwrap.fill(sentence, WIDTH, subsequent_indent="  ") for sentence in sentences(answer)]
    settings = "each API's own epsilon, decay and start values" if question.defaults else (
        f"decay {question.decay:g}, epsilon {question.epsilon:g}")  # fmt: skip
    around = (
        f"{question.steps} steps of {'x'.join(map(str, question.shape))} {question.dtype}, "
        f"{question.layout.replace('_', ' ')}, mean/std of the inputs {question.offset:g}, {settings}; "
        f"{answer.a.name} {answer.a.style}, {answer.b.name} {answer.b.style}"
    )
    return "\n".join([*told, "", *_table(answer), "", textwrap.fill(around, WIDTH)])


def _table(answer: Answer) -> list[str]:
    rows = [HEADINGS, *(_row(answer, quantity) for quantity in answer.quantities)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS) - 1)]
    return [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]) for row in rows
    ]


def _row(answer: Answer, quantity: Explained) -> tuple[str, str, str, str]:
    parts = [f"{FIELD_WORDS[cause.field].removeprefix('the ')} {percent(cause.share)}" for cause in quantity.causes]
    parts += [
        f"rounding of {getattr(answer, rounding.side).name} {percent(rounding.share)}" for rounding in quantity.rounding
    ]
    if quantity.unexplained:
        parts.append(f"unexplained {size(quantity.unexplained)}")
    name = QUANTITY_WORDS[quantity.quantity].removeprefix("the ")
    words = "the same within rounding" if quantity.same else "; ".join(parts)
    return name, size(quantity.difference), f"{quantity.over_bound:.3g}", words


def json_ready(answer: Answer) -> dict[str, Any]:
    """The same facts for programs; what is infinite or NaN is written as :mod:`bn_impls.isolation.lines` does."""
    return {
        "a": answer.a.name,
        "b": answer.b.name,
        "question": plain(answer.question),
        "verdict": answer.verdict,
        "sentences": sentences(answer),
        "quantities": {
            quantity.quantity: {
                "difference": quantity.difference,
                "over_bound": quantity.over_bound,
                "same": quantity.same,
                "causes": [asdict(cause) for cause in quantity.causes],
                "rounding": [asdict(rounding) for rounding in quantity.rounding],
                "unexplained": quantity.unexplained,
            }
            for quantity in answer.quantities
        },
        "causes": answer.causes(),
        "sides": {side.name: _side(side) for side in (answer.a, answer.b)},
        "remedies": [asdict(remedy) for remedy in answer.remedies],
    }


def _side(side: OneSide) -> dict[str, Any]:
    return {
        "style": side.style,
        "semantics": vars(side.found.semantics),
        "rounding": dict(side.found.rounding),
        "reproduced": side.found.solved,
        "over_bound": dict(side.found.excess),
        "undeclared": {field: {"declared": declared, "found": found}
                       for field, (declared, found) in side.undeclared().items()},
        "also": side.alternatives(),
        "dtypes": side.observed.dtypes,
    }  # fmt: skip
