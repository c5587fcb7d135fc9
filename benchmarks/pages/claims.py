"""``docs/claims.md``: the verdicts of the published run, and its pictures beside the page."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.claims.model import KINDS
from benchmarks.claims.verdicts import read
from benchmarks.harness.folder import ENVIRONMENT
from benchmarks.harness.workers import CHECKOUT
from benchmarks.pages.markers import table
from benchmarks.report.claims import not_a_drawing, pictures_of
from benchmarks.report.figures.canvas import for_file
from benchmarks.report.markdown import escape
from benchmarks.report.wording import significant

PAGE, PUBLISHED = CHECKOUT / "docs" / "claims.md", CHECKOUT / "reports" / "claims"
PICTURES = CHECKOUT / "docs" / "claims"
NOTHING = "No run is published yet: `bn-bench claims --output reports/claims` makes one."


def verdicts(run: Path = PUBLISHED) -> str:
    """All verdicts of a run: what it was, a table, then each claim with its rule, figures and picture.

    Raises:
        BadRunFolder: the run holds no verdicts that this version can read.
    """
    return f"{introduction(run)}\n\n{markdown(read(run))}" if run.exists() else NOTHING


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
        f"*Rule:* {escape(entry['rule'])}",
    ]
    for drawn in pictures_of(entry):
        shown = f"claims/{Path(drawn['file']).name}"
        parts += [f"![{escape(drawn['alternative'])}]({shown})", escape(drawn["caption"])]
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


def pictures(run: Path = PUBLISHED) -> dict[Path, str]:
    """The page's pictures: file -> SVG on a white ground."""
    found = {}
    for entry in read(run).get("claims", []) if run.exists() else []:
        for drawn in pictures_of(entry):
            svg = (run / drawn["file"]).read_text(encoding="utf-8")
            if not_a_drawing(svg) is None:
                found[PICTURES / Path(drawn["file"]).name] = for_file(svg)
    return found


BLOCKS = {"verdicts": verdicts}
