"""An answer as text with a table, and as JSON."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from bn_impls.explain.answer import Answer, OneSide
from bn_impls.explain.attribution import Explained
from bn_impls.explain.question import Question, plain
from bn_impls.explain.telling import sentences
from bn_impls.explain.wording import FIELD_WORDS, QUANTITY_WORDS, choices_words, percent, size

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
    rows = [HEADINGS, *(_row(answer, quantity) for quantity in answer.quantities)]
    return "\n".join([*told, "", *_table(rows), "", textwrap.fill(around, WIDTH)])


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    return [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]) for row in rows
    ]


def _row(answer: Answer, quantity: Explained) -> tuple[str, ...]:
    *_, name, difference, over_bound, parts = _pair_row(row_of(answer.a.name, answer.b.name, quantity))
    if quantity.missing and quantity.same:
        return name, "", "", "not compared"
    return name, difference, over_bound, "the same within rounding" if quantity.same else parts


def row_of(a: str, b: str, quantity: Explained) -> dict[str, Any]:
    """One quantity of a pair, as JSON takes it."""
    return {"a": a, "b": b} | asdict(quantity)


def json_ready(answer: Answer) -> dict[str, Any]:
    """The same facts for programs; what is infinite or NaN is written as :mod:`bn_impls.isolation.lines` does."""
    return {
        "a": answer.a.name,
        "b": answer.b.name,
        "question": plain(answer.question),
        "verdict": answer.verdict,
        "sentences": sentences(answer),
        "quantities": {
            quantity.quantity: {**asdict(quantity), "same": quantity.same} for quantity in answer.quantities
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


def circumstances_words(question: Mapping[str, Any]) -> str:
    """The circumstances of a comparison in a few words: shape and dtype, and what is unusual.

    Args:
        question: as :func:`bn_impls.explain.question.plain` gives it.
    """
    usual = plain(Question())
    told = {
        "layout": question["layout"].replace("_", " "), "steps": f"{question['steps']} steps",
        "offset": f"mean/std {question['offset']:g}", "scale": f"inputs times {question['scale']:g}",
        "decay": f"decay {question['decay']:g}", "epsilon": f"epsilon {question['epsilon']:g}",
        "defaults": "defaults of each API",
    }  # fmt: skip
    shape = f"{'x'.join(map(str, question['shape']))} {question['dtype']}"
    return ", ".join([shape, *(words for field, words in told.items() if question[field] != usual[field])])


SET_HEADINGS = ("circumstances", "compared", "pairs that differ", "unexplained", "explained by (differences)")


def sets_text(sets: Sequence[Mapping[str, Any]]) -> str:
    """Many circumstances, a line each, and every difference that nothing explains.

    Args:
        sets: what :func:`bn_impls.explain.every.explanations` gives.
    """
    lines = [*_table([SET_HEADINGS, *map(_set_row, sets)])]
    for entry in sets:
        if rows := [_pair_row(row) for row in entry["differences"] if row["unexplained"]]:
            lines += ["", f"unexplained: {entry['circumstances']}", *_table([PAIR_HEADINGS, *rows])]
    return "\n".join(lines)


def _set_row(entry: Mapping[str, Any]) -> tuple[str, ...]:
    rows = entry["differences"]
    pairs = {(row["a"], row["b"]) for row in rows}
    counted = Counter(cause for row in rows for cause in cause_names(row))
    causes = ", ".join(f"{name} ({count})" for name, count in counted.most_common())
    unexplained = sum(bool(row["unexplained"]) for row in rows)
    return entry["circumstances"], str(len(entry["implementations"])), str(len(pairs)), str(unexplained), causes


def cause_names(row: Mapping[str, Any]) -> list[str]:
    """The causes of one quantity of a pair, without sides and shares; those of less than a hundredth are left out."""
    names = [
        FIELD_WORDS[cause["field"]].removeprefix("the ") for cause in row["causes"] if abs(cause["share"]) >= LITTLE
    ]
    names += [choices_words(rounding["choices"]) for rounding in row["rounding"] if abs(rounding["share"]) >= LITTLE]
    return list(dict.fromkeys(names))


LITTLE = 0.01
PAIR_HEADINGS = ("A", "B", "quantity", "difference", "over bound", "explained by")


def pairs_text(found: dict[str, Any]) -> str:
    """Every pair that differs, as a table.

    Args:
        found: what :func:`bn_impls.explain.every.explanations` gives.
    """
    rows = [PAIR_HEADINGS, *(_pair_row(row) for row in found["differences"])]
    names = ", ".join(found["implementations"]) or "none"
    told = [textwrap.fill(f"compared: {names}; a pair and quantity that are not listed are the same within rounding",
                          WIDTH)]  # fmt: skip
    told += [textwrap.fill(f"left out: {name}: {reason}", WIDTH) for name, reason in found["left_out"].items()]
    return "\n".join([*told, "", *_table(rows)])


def _pair_row(row: dict[str, Any]) -> tuple[str, ...]:
    name = QUANTITY_WORDS[row["quantity"]].removeprefix("the ")
    return row["a"], row["b"], name, size(row["difference"]), f"{row['over_bound']:.3g}", explained_by(row)


def explained_by(row: dict[str, Any]) -> str:
    """The causes of one quantity of a pair with their shares, in a line."""
    parts = [f"{FIELD_WORDS[cause['field']].removeprefix('the ')} {percent(cause['share'])}" for cause in row["causes"]]
    parts += [f"rounding of {row[rounding['side']]} ({choices_words(rounding['choices'])}) {percent(rounding['share'])}"
              for rounding in row["rounding"]]  # fmt: skip
    if row["unexplained"]:
        parts.append(f"unexplained {size(row['unexplained'])}")
    return "; ".join(parts)
