"""Claims: what the source documents say, re-tested; a table of verdicts, and behind each its rule and figures."""

from __future__ import annotations

from collections import Counter

from benchmarks.report.claims import KINDS, Judged, read_claims
from benchmarks.report.document import (
    Block,
    Bullets,
    Cell,
    Column,
    Figure,
    Fold,
    Paragraph,
    Rich,
    Section,
    Table,
    code,
    enumerate_spans,
    say,
    strong,
    verdict,
)
from benchmarks.report.tables import number_cell, table, text_cell
from benchmarks.report.view import View
from benchmarks.report.wording import count, significant, visible

TONES = {"confirmed": "good", "refuted": "bad", "depends": "warn", "undecided": ""}
LONGEST = 2000
COLUMNS = (
    Column("Claim"),
    Column("Document"),
    Column("It says", long=True),
    Column("Verdict"),
    Column("What was found", long=True),
)


def build(view: View) -> Section:
    """The section."""
    damage: list[str] = []
    found = read_claims(view.run.folder, damage)
    notes = [Paragraph(say("{what}.", what=visible(line)), "note") for line in damage]
    if not found:
        told = say(
            "This run re-tested none of the source documents' claims. {command} does.", command=code("bn-bench claims")
        )
        return Section("claims", "What the documents claim", (Paragraph(told), *notes), "Claims")
    blocks: tuple[Block, ...] = (Paragraph(_lead(found)), *notes, _table(found), *(_fold(claim) for claim in found))
    return Section("claims", "What the documents claim", blocks, "Claims")


def _lead(found: tuple[Judged, ...]) -> Rich:
    counts = Counter(claim.kind for claim in found)
    told = [verdict(f"{counts[kind]} {kind}", TONES[kind]) for kind in KINDS if counts[kind]]
    return say(
        "{claims} of the source documents {were} re-tested by {rules}: {told}.",
        claims=count(len(found), "claim"),
        were="was" if len(found) == 1 else "were",
        rules=strong("rules that stand in code"),
        told=enumerate_spans(told),
    )


def _verdict(claim: Judged) -> str:
    return f"{claim.kind}: {visible(claim.on)}" if claim.on else claim.kind


def _table(found: tuple[Judged, ...]) -> Table:
    rows = [
        (
            text_cell(claim.id),
            text_cell(", ".join(claim.documents)),
            text_cell(claim.statement, LONGEST),
            Cell(_verdict(claim), KINDS.index(claim.kind), TONES[claim.kind]),
            text_cell(claim.sentence, LONGEST),
        )
        for claim in found
    ]
    return table("claims-table", "Verdicts", COLUMNS, rows)


def _fold(claim: Judged) -> Fold:
    key = f"claim-{claim.id}"
    blocks: list[Block] = [
        Paragraph(say("{found}", found=visible(claim.sentence))),
        Paragraph(say("{label} {what}", label=strong("What this means for you."), what=visible(claim.meaning))),
        Bullets(
            (
                say("{label} {what}", label=strong("Experiment."), what=visible(claim.experiment)),
                say("{label} {what}", label=strong("Rule."), what=visible(claim.rule)),
            )
        ),
    ]
    for number, drawn in enumerate(claim.pictures, start=1):
        figure = f"{key}-figure" if number == 1 else f"{key}-figure-{number}"
        caption = say("{text}", text=visible(drawn.caption))
        blocks.append(Figure(figure, visible(drawn.title), caption, visible(drawn.alternative), drawn.svg))
    if claim.figures:
        rows = [(text_cell(name.replace("_", " ")), number_cell(value, 4)) for name, value in claim.figures.items()]
        blocks.append(table(f"{key}-figures", "Figures", (Column("Figure"), Column("Value", True)), rows))
    if claim.printed:
        blocks.append(_printed(claim, key))
    title = say(
        "{id}, {documents}: {statement} {kind}",
        id=strong(visible(claim.id)),
        documents=visible(", ".join(claim.documents)),
        statement=visible(claim.statement),
        kind=verdict(_verdict(claim), TONES[claim.kind]),
    )
    return Fold(key, title, tuple(blocks))


def _printed(claim: Judged, key: str) -> Table:
    columns = (Column("Figure"), Column("Printed", True), Column("Ours", True), Column("Why they differ", long=True))
    rows = [
        (
            text_cell(one.what, 120),
            Cell("as a picture" if one.printed is None else significant(one.printed, 4), one.printed),
            number_cell(one.ours, 4),
            text_cell(one.why, LONGEST),
        )
        for one in claim.printed
    ]
    return table(f"{key}-printed", "What the document printed", columns, rows)
