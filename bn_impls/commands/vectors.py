"""``bn-bench vectors DIR``: write the golden vectors, or check a set."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("folder", metavar="DIR", type=Path, help="where the set goes: a folder, missing or empty")
    parser.add_argument("--force", action="store_true", help="replace a set that lies there; nothing else is replaced")
    parser.add_argument("--verify", action="store_true", help="write nothing; check every file of the set in DIR")


def act(options: argparse.Namespace) -> int:
    """Write or check.

    Returns:
        0.

    Raises:
        BnBenchError: the folder cannot be written or holds something else; a file is missing or damaged.
    """
    from bn_impls.vectors.export import export
    from bn_impls.vectors.verify import verify

    if options.verify:
        cases, files = verify(options.folder)
        print(f"{options.folder}: {files} files of {cases} cases are as they were written")
        return 0
    size = export(options.folder, force=options.force)
    cases, files = verify(options.folder)
    print(f"{options.folder}: {cases} cases in {files} files, {size / 1000:.0f} kB; README.md there explains them")
    return 0
