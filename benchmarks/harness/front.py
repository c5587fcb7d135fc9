"""``bn-bench run``: a thin front of the pytest run, which says in the end what came out."""

from __future__ import annotations

import argparse
import shlex
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from benchmarks.harness.process import CHECKOUT
from benchmarks.harness.session import GOOD_STATUSES, Session, exit_code
from benchmarks.harness.stash import RECORDS, SESSION

USAGE, FAILED, INTERRUPTED = 2, 3, 130


class Watch:
    """Keeps hold of pytest's configuration, where the plugin leaves the run."""

    config: pytest.Config | None = None

    def pytest_configure(self, config: pytest.Config) -> None:
        """Remember it."""
        self.config = config


def run(options: argparse.Namespace, given: list[str]) -> int:
    """Run pytest on the benchmark with the same options.

    Args:
        options: as parsed by the command line, which has already refused what is wrong.
        given: the arguments as the user wrote them.

    Returns:
        The exit code of ``bn-bench``.
    """
    watch = Watch()
    fixed = ["--benchmark-only", "-p", "no:terminal", f"--rootdir={CHECKOUT}", f"-c{CHECKOUT / 'pyproject.toml'}"]
    ended = pytest.main([*fixed, str(CHECKOUT / "benchmarks"), *given], plugins=[watch])
    if ended == pytest.ExitCode.USAGE_ERROR:
        return USAGE
    session = watch.config.stash.get(SESSION, None) if watch.config else None
    folder = session.folder if session else None
    if session is None or folder is None:
        return FAILED
    if ended == pytest.ExitCode.INTERRUPTED:
        print(f"interrupted; what was measured is kept: bn-bench run --resume {shlex.quote(str(folder.path))}")
        return INTERRUPTED
    assert watch.config is not None
    records = watch.config.stash.get(RECORDS, {})
    _tell(session, records)
    return exit_code(records.values()) if records else FAILED


def _tell(session: Session, records: Mapping[str, Mapping[str, Any]]) -> None:
    assert session.folder is not None
    counts = Counter(record["status"] for record in records.values())
    print(f"{len(records)} cases: {', '.join(f'{count} {status}' for status, count in counts.most_common())}")
    for record in records.values():
        if record["status"] not in GOOD_STATUSES:
            print(f"  {record['status']}: {record['case_id']}: {record['reason']}")
    for line in session.folder.damage:
        print(f"  damaged: {line}")
    print(f"report: {_short(session.folder.path / 'index.html')}")


def _short(path: Path) -> Path:
    try:
        return path.resolve().relative_to(Path.cwd())
    except ValueError:
        return path
