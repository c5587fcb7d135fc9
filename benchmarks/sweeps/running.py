"""A sweep from its plan to its records; one process writes, whoever computes."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.cases import Case
from benchmarks.harness.folder import RunFolder
from benchmarks.harness.progress import Display
from benchmarks.statuses import LASTING
from benchmarks.sweeps.executor import Ended, Result
from bn_impls.errors import BadRunFolder

SHARED = "not kept: other cases ran on the same machine; --timed gives each one a machine of its own"
Run = Callable[[Sequence[Case]], Ended]


def run(folder: RunFolder, cases: Sequence[Case], execute: Run, display: Display, *, timed: bool) -> int:
    """Run every case that has no lasting record yet.

    Args:
        folder: receives a record as soon as its case ends.
        cases: of the sweep.
        execute: runs cases somewhere and yields them as they end.
        display: shows progress.
        timed: whether a duration means something.

    Returns:
        How many cases ran; of a finished sweep none.
    """
    open_cases = still_open(folder, cases)
    if not open_cases:
        return 0
    display.start(len(open_cases))
    ended = execute(open_cases)
    try:
        for case, result in ended:
            display.now(case.case_id)
            _record(folder, case, result, timed)
            display.advance()
    finally:
        ended.close()  # what is in flight is given up
        display.stop()
    return len(open_cases)


def still_open(folder: RunFolder, cases: Sequence[Case]) -> list[Case]:
    """The cases that have no lasting record."""
    lasting = {name for name, record in folder.records().items() if record["status"] in LASTING}
    return [case for case in cases if case.case_id not in lasting]


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder that only this user can enter, removed at the end.

    Raises:
        BadRunFolder: there is no room for temporary files.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="bn-bench-", ignore_cleanup_errors=True) as folder:
            yield Path(folder)
    except OSError as error:
        raise BadRunFolder(
            f"temporary files cannot be written ({error.strerror}); TMPDIR names another folder for them, and what was "
            "measured before is kept"
        ) from error


def _record(folder: RunFolder, case: Case, result: Result, timed: bool) -> None:
    samples = dict(result.outcome.get("samples", {}))
    if not timed and samples.pop("durations_ns", None):
        samples["durations"] = SHARED
    if result.curves is not None:
        with temporary_folder() as scratch:
            curves = scratch / "curves.npz"
            curves.write_bytes(result.curves)
            samples |= folder.keep_curves(curves)
    folder.append_record(case, {**result.outcome, "samples": samples}, result.versions)
