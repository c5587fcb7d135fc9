"""``docs/checkpoints.md``: what users must know and how damage ended, from the published run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from benchmarks.checkpoints.damages import ENDS, KINDS, WRONG
from benchmarks.harness.workers import CHECKOUT
from benchmarks.pages.markers import table
from benchmarks.report.markdown import inline
from benchmarks.report.reading import read_run
from benchmarks.report.run import Record, Run
from benchmarks.report.sections.restore_advice import advice
from benchmarks.report.sections.restore_damage import ends_of
from benchmarks.report.wording import DASH, percent

PAGE, PUBLISHED = CHECKOUT / "docs" / "checkpoints.md", CHECKOUT / "reports" / "checkpoints"
NOTHING = "No run is published yet: `bn-bench run --axes checkpoint --full --output reports/checkpoints` makes one."
FLIP = "bit_flip"


def sentences(run: Run) -> str:
    """What a user of each API needs to know, as the report tells it."""
    beyond = {"situation", "damage", "probe", "part", "source"}
    told = advice([one for one in run.records if one.axis == "checkpoint" and not beyond & set(one.case)])
    lines = "\n".join(f"- {inline(item)}" for item in (told.items if told else ()))
    names = dict.fromkeys(case.implementation for case in run.plan.cases)
    return (
        f"From the records of [one run](../reports/checkpoints/report.md) of {len(names)} implementations:\n\n{lines}"
    )


def damage(run: Run) -> str:
    """How the trials of each implementation's formats ended."""
    tried = [record for record in run.records if "damage" in record.case and record.number("trials")]
    head = ("implementation", "format", *ENDS, "flipped bits", "of them wrong", "other damage restored wrong")
    return table(head, [_row(record) for record in tried])


def _row(record: Record) -> Sequence[str]:
    flips = ends_of(record, FLIP)
    missed, bits = flips.get(WRONG, 0), sum(flips.values())
    others = [KINDS[kind] for kind in KINDS if kind != FLIP and ends_of(record, kind).get(WRONG)]
    return (
        f"`{record.implementation}`",
        f"`{record.text('format')}`",
        *(f"{int(record.number(end) or 0)}" for end in ENDS),
        f"{bits}",
        percent(missed / bits, 0) if bits else DASH,
        "; ".join(others) or DASH,
    )


def _published(make: Callable[[Run], str]) -> str:
    return make(read_run(PUBLISHED)) if PUBLISHED.exists() else NOTHING


BLOCKS = {"sentences": partial(_published, sentences), "damage": partial(_published, damage)}
