"""Keeps the study's tables in ``docs/calibration.md`` in step with the published records.

``python -m benchmarks.calibration.page`` rewrites what stands between the markers, ``--check`` compares.
"""

from __future__ import annotations

import argparse
import json
import sys

from benchmarks.calibration.rendering import markdown
from benchmarks.harness.workers import CHECKOUT

PAGE, PUBLISHED = CHECKOUT / "docs" / "calibration.md", CHECKOUT / "reports" / "calibration" / "calibration.json"
BEGIN, END = "<!-- begin: study -->\n", "<!-- end: study -->"
NOTHING = "No study is published yet: `bn-bench calibrate --output reports/calibration` makes one."


def rewritten(text: str) -> str:
    """The page with the tables made anew from the published study.

    Raises:
        ValueError: the page lacks the markers.
    """
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ValueError(f"{PAGE.name} should have the block {BEGIN.strip()} ... {END} once")
    study = markdown(json.loads(PUBLISHED.read_bytes())) if PUBLISHED.exists() else NOTHING
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{study}\n\n{END}{rest.split(END)[1]}"


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
