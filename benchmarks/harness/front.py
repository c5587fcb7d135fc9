"""``bn-bench run``: a thin front of the pytest run, which says in the end what came out."""

from __future__ import annotations

import argparse
import shlex
import sys
import traceback
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from benchmarks.harness.folder import RunFolder
from benchmarks.harness.session import GOOD_STATUSES, exit_code
from benchmarks.harness.stash import RECORDS, SESSION, TROUBLE
from benchmarks.harness.workers import CHECKOUT

USAGE, FAILED, INTERRUPTED = 2, 3, 130


class Watch:
    """Keeps hold of pytest's configuration, where the plugin leaves the run, and of what no record says."""

    def __init__(self) -> None:
        """Nothing has happened yet."""
        self.config: pytest.Config | None = None
        self.interrupted = False
        self.unexpected: list[str] = []

    def pytest_configure(self, config: pytest.Config) -> None:
        """Remember it."""
        self.config = config

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Tell Ctrl-C from the other reasons for which pytest stops."""
        self.interrupted = excinfo.type is KeyboardInterrupt

    def pytest_exception_interact(
        self, call: pytest.CallInfo[Any], report: pytest.CollectReport | pytest.TestReport
    ) -> None:
        """Keep what is no row's reason: an error of the suite itself."""
        if call.excinfo is not None and call.excinfo.type is not pytest.fail.Exception:
            self.unexpected.append(report.longreprtext)


def run(options: argparse.Namespace, given: list[str]) -> int:
    """Run pytest on the benchmark with the same options.

    Args:
        options: as parsed by the command line, which has already refused what is wrong.
        given: the arguments as the user wrote them.

    Returns:
        The exit code of ``bn-bench``.
    """
    watch = Watch()
    fixed = ["--benchmark-only", "--benchmark-quiet", f"--rootdir={CHECKOUT}", f"-c{CHECKOUT / 'pyproject.toml'}"]
    quiet = ["-pno:terminal", "-Wdefault"]  # a warning of a library is no reason to lose a user's run
    try:
        ended = pytest.main([*fixed, *quiet, str(CHECKOUT / "benchmarks"), *given], plugins=[watch])
    except Exception:  # in pytest's own last steps; what was measured is kept all the same
        watch.unexpected.append(traceback.format_exc())
        ended = pytest.ExitCode.INTERNAL_ERROR
    return closing_words(watch, int(ended))


def closing_words(watch: Watch, ended: int) -> int:
    """Say what came out.

    Returns:
        The exit code of ``bn-bench``.
    """
    stash = watch.config.stash if watch.config is not None else pytest.Stash()
    session, trouble = stash.get(SESSION, None), stash.get(TROUBLE, [])
    for text in (*trouble, *watch.unexpected[:1]):
        print(f"bn-bench: {text}", file=sys.stderr)
    folder = session.folder if session is not None else None
    if ended == pytest.ExitCode.USAGE_ERROR:  # with trouble too
        return USAGE
    if watch.interrupted:
        print(_interrupted(folder))
        return INTERRUPTED
    if folder is None or watch.unexpected or ended == pytest.ExitCode.INTERNAL_ERROR:
        print("bn-bench: the suite itself failed, which should not happen; please report it", file=sys.stderr)
        return FAILED
    nothing: dict[str, dict[str, Any]] = {}
    records = stash.get(RECORDS, nothing)
    return tell(folder, records)


def _interrupted(folder: RunFolder | None) -> str:
    if folder is None:
        return "interrupted before anything was measured"
    return f"interrupted; what was measured is kept: bn-bench run --resume {shlex.quote(str(folder.path))}"


def tell(folder: RunFolder, records: Mapping[str, Mapping[str, Any]]) -> int:
    """Print how the cases of a run ended, and what is wrong with which.

    Returns:
        The exit code.
    """
    planned = folder.planned()
    told = [records[case.case_id] for case in planned if case.case_id in records]
    counts = Counter(record["status"] for record in told)
    print(f"{len(told)} cases: {', '.join(f'{count} {status}' for status, count in counts.most_common())}")
    undeciding = {case.case_id for case in planned if not case.decides}
    for record in told:
        if record["status"] not in GOOD_STATUSES:
            only_told = record["status"] == "disagrees" and record["case_id"] in undeciding
            aside = " (told; it decides no exit code, see docs/decisions/0011)" if only_told else ""
            print(f"  {record['status']}{aside}: {record['case_id']}: {record['reason']}")
    for case in planned:
        if case.case_id not in records:
            print(f"  planned, but without a record: {case.case_id}")
    for line in folder.damage:
        print(f"  damaged: {line}")
    print(f"report: {_short(folder.path / 'index.html')}")
    return exit_code(planned, records)


def _short(path: Path) -> Path:
    try:
        return path.resolve().relative_to(Path.cwd())
    except ValueError:
        return path
