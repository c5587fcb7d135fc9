"""Keeps the verdicts in ``docs/claims.md`` in step with a run folder.

``python -m benchmarks.claims.page RUN`` rewrites what stands between the markers from the run's ``claims.json``, and
copies its pictures beside the page; ``--check`` compares.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.claims.model import KINDS
from benchmarks.claims.verdicts import read
from benchmarks.harness.folder import ENVIRONMENT
from benchmarks.harness.workers import CHECKOUT
from benchmarks.readme import table
from benchmarks.report.claims import not_a_drawing
from benchmarks.report.figures.canvas import for_file
from benchmarks.report.markdown import escape
from benchmarks.report.wording import significant

PAGE, PUBLISHED = CHECKOUT / "docs" / "claims.md", CHECKOUT / "reports" / "claims"
PICTURES = CHECKOUT / "docs" / "claims"
BEGIN, END = "<!-- begin: verdicts -->\n", "<!-- end: verdicts -->"
NOTHING = "No run is published yet: `bn-bench claims --output reports/claims` makes one."


def rewritten(text: str, run: Path) -> str:
    """The page with the verdicts made anew from a run.

    Raises:
        ValueError: the page lacks the markers.
        BadRunFolder: the run holds no verdicts that this version can read.
    """
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ValueError(f"{PAGE.name} should have the block {BEGIN.strip()} ... {END} once")
    told = f"{introduction(run)}\n\n{markdown(read(run))}" if run.exists() else NOTHING
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{told}\n\n{END}{rest.split(END)[1]}"


def introduction(run: Path) -> str:
    """Which run this is, and how many verdicts of each kind it gave."""
    content, where = read(run), json.loads((run / ENVIRONMENT).read_text(encoding="utf-8"))
    kinds = Counter(entry["kind"] for entry in content.get("claims", []))
    counted = ", ".join(f"{kinds[kind]} {kind}" for kind in KINDS)
    versions = ", ".join(f"{name} {version}" for name, version in where["versions"].items())
    return (
        f"One run of the size `{content['size']}` on {where['cores']} cores of an {where['cpu_model']}, with "
        f"{versions}. Of {kinds.total()} claims: {counted}."
    )


def markdown(content: Mapping[str, Any]) -> str:
    """All verdicts: a table, then each claim with its rule, figures and picture."""
    entries = content.get("claims", [])
    heads = ("claim", "document", "it says", "verdict")
    rows = [
        (f"[{one['id']}](#{one['id'].lower()})", ", ".join(one["documents"]), escape(one["statement"]), _verdict(one))
        for one in entries
    ]
    return "\n\n".join([table(heads, rows), *map(_claim, entries)])


def _verdict(entry: Mapping[str, Any]) -> str:
    return f"**{entry['kind']}**" + (f": {escape(entry['on'])}" if entry["on"] else "")


def _claim(entry: Mapping[str, Any]) -> str:
    parts = [
        f"### {entry['id']}",
        f"> {escape(entry['statement'])} ({'document' if len(entry['documents']) == 1 else 'documents'} "
        f"{', '.join(entry['documents'])})",
        f"{_verdict(entry)}. {escape(entry['sentence'])}",
        f"**What this means for you.** {escape(entry['meaning'])}",
        f"*Experiment:* {escape(entry['experiment'])}",
        f"*Rule, fixed before the run:* {escape(entry['rule'])}",
    ]
    if entry["picture"]:
        drawn = entry["picture"]
        parts += [f"![{escape(drawn['alternative'])}](claims/{entry['id']}.svg)", escape(drawn["caption"])]
    if entry["figures"]:
        rows = [(name.replace("_", " "), _number(value, "no number")) for name, value in entry["figures"].items()]
        parts.append(table(("figure", "value"), rows))
    if entry["printed"]:
        rows_printed = [
            (
                escape(one["what"]),
                _number(one["printed"], "as a picture"),
                _number(one["ours"], "none"),
                escape(one["why"]),
            )
            for one in entry["printed"]
        ]
        parts.append(table(("figure", "printed", "ours", "why they differ"), rows_printed))
    return "\n\n".join(parts)


def _number(value: Any, absent: str) -> str:
    return absent if value is None else significant(float(value), 4)


def pictures(run: Path) -> dict[Path, str]:
    """The page's pictures: file -> SVG on a white ground."""
    found = {}
    for entry in read(run).get("claims", []) if run.exists() else []:
        if entry["picture"]:
            svg = (run / entry["picture"]["file"]).read_text(encoding="utf-8")
            if not_a_drawing(svg) is None:
                found[PICTURES / f"{entry['id']}.svg"] = for_file(svg)
    return found


def main() -> int:
    """Rewrite or check; 1 if the page or a picture differs from the run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "run", metavar="RUN", type=Path, nargs="?", default=PUBLISHED, help="run folder of the verdicts"
    )
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if something differs")
    options = parser.parse_args()
    texts = {PAGE: rewritten(PAGE.read_text(encoding="utf-8"), options.run), **pictures(options.run)}
    if options.check:
        return int(any(not file.exists() or file.read_text(encoding="utf-8") != text for file, text in texts.items()))
    for file, text in texts.items():
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
