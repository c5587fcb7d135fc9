"""Keeps the figures in ``docs/checkpoints.md`` in step with the published run of all formats, situations and damage.

``python -m benchmarks.checkpoint_page`` rewrites what stands between the markers, ``--check`` compares.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from benchmarks.checkpoints.damages import CRASHED, ENDS, KINDS, WRONG
from benchmarks.harness.workers import CHECKOUT
from benchmarks.readme import table
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
    missed, bits = flips.get(WRONG, 0) + flips.get(CRASHED, 0), sum(flips.values())
    others = [KINDS[kind] for kind in KINDS if kind != FLIP and ends_of(record, kind).get(WRONG)]
    return (
        f"`{record.implementation}`",
        f"`{record.text('format')}`",
        *(f"{int(record.number(end) or 0)}" for end in ENDS),
        f"{bits}",
        percent(missed / bits, 0) if bits else DASH,
        "; ".join(others) or DASH,
    )


BLOCKS = {"sentences": sentences, "damage": damage}


def rewritten(text: str) -> str:
    """The page with what stands between its markers made anew from the published run.

    Raises:
        ValueError: the page lacks a pair of markers.
    """
    run = read_run(PUBLISHED) if PUBLISHED.exists() else None
    for name, made in BLOCKS.items():
        begin, end = f"<!-- begin: {name} -->\n", f"<!-- end: {name} -->"
        if text.count(begin) != 1 or text.count(end) != 1:
            raise ValueError(f"{PAGE.name} should have the block {begin.strip()} ... {end} once")
        before, rest = text.split(begin)
        text = f"{before}{begin}\n{NOTHING if run is None else made(run)}\n\n{end}{rest.split(end)[1]}"
    return text


def main() -> int:
    """Rewrite or check; 1 if the page differs from the records."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if something differs")
    options = parser.parse_args()
    old = PAGE.read_text(encoding="utf-8")
    new = rewritten(old)
    if not options.check:
        PAGE.write_text(new, encoding="utf-8")
    return int(options.check and new != old)


if __name__ == "__main__":
    sys.exit(main())
