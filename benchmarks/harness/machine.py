"""The machine's own rates, measured once in a run by a process of their own, for the roofline."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from benchmarks.harness.folder import RunFolder
from benchmarks.harness.progress import Display
from benchmarks.harness.sentinel import Sentinel
from benchmarks.settings import Settings
from bn_impls.isolation.process import WorkerLost, WorkerProcess
from bn_impls.isolation.variables import environment

MACHINE = "machine.json"
SCHEMA = 1
LONGEST_S = 60.0
ONE_THREAD_A_PRODUCT = tuple(
    (f"{library}_NUM_THREADS", "1") for library in ("OPENBLAS", "MKL", "OMP", "VECLIB_MAXIMUM")
)
SAMPLES, QUICK_SAMPLES = 20, 4
BESIDE = ("load_1min", "steal_share", "others_share")  # what the sentinel saw while the processor was measured


def measure_machine(folder: RunFolder, threads: int, display: Display) -> None:
    """Write ``machine.json``, unless a part of this run that was interrupted has written it.

    What keeps the machine from being measured goes into the file as a reason; it never ends a run.

    Args:
        folder: receives it.
        threads: of the run's workers.
        display: shows progress.
    """
    if (folder.path / MACHINE).exists():
        return
    chosen = folder.settings
    display.start(1)
    try:
        display.now(f"the {chosen.device}'s copy bandwidth and arithmetic rate")
        found = _measured_or_why_not(chosen, threads)
        folder.write_json(MACHINE, {"schema": SCHEMA, chosen.device: found})
        display.advance()
    finally:
        display.stop()


def _measured_or_why_not(chosen: Settings, threads: int) -> dict[str, Any]:
    try:
        with tempfile.TemporaryDirectory(prefix="bn-bench-", ignore_cleanup_errors=True) as scratch:
            return _measured(chosen, threads, Path(scratch) / "machine.log")
    except OSError as error:
        return {
            "status": "failed",
            "reason": f"no process, or no temporary file, can be made for it ({error.strerror})",
        }


def _measured(chosen: Settings, threads: int, log: Path) -> dict[str, Any]:
    request = {
        "do": "measure",
        "device": chosen.device,
        "threads": threads,
        "samples": QUICK_SAMPLES if chosen.size == "quick" else SAMPLES,
    }
    variables = environment(threads, chosen.device, ONE_THREAD_A_PRODUCT)
    worker = WorkerProcess("benchmarks.roofline.worker", {}, variables, log)
    try:
        worker.started(LONGEST_S)
        sentinel = Sentinel()
        found = worker.ask(request, LONGEST_S)
        look = sentinel.look()
        return found | ({key: look[key] for key in BESIDE} if chosen.device == "cpu" else {})
    except WorkerLost as lost:
        return {"status": lost.status, "reason": lost.reason}
    finally:
        worker.close()
