"""Keeps what pages state in step with its source: ``python -m benchmarks.pages`` rewrites, ``--check`` compares."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from benchmarks.pages import calibration, checkpoints, claims, hump, networks, readme, replicas
from benchmarks.pages.markers import Blocks, filled

PAGES: Mapping[Path, Blocks] = {
    page.PAGE: page.BLOCKS for page in (readme, networks, checkpoints, calibration, claims, hump, replicas)
}


def made() -> dict[Path, str]:
    """Every file that is made from committed records -> what it should hold."""
    texts = {page: filled(page.read_text(encoding="utf-8"), blocks) for page, blocks in PAGES.items()}
    return texts | claims.pictures()


def main() -> int:
    """Rewrite or check; 1 if a file differs from its sources."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if something differs")
    options = parser.parse_args()
    texts = made()
    if options.check:
        return int(any(not file.exists() or file.read_text(encoding="utf-8") != text for file, text in texts.items()))
    for file, text in texts.items():
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
