"""The worker process: one implementation, requests in, replies out, one JSON line each.

Requests and replies go through duplicates of the original standard input and output. Standard output itself is then
pointed at standard error, so that whatever a framework prints cannot damage a reply, and standard input at nothing, so
that whatever asks there cannot eat a request. A process that an implementation forks has neither duplicate. A worker
waits in a blocking read, which costs no CPU time.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from benchmarks.harness.jsonlines import encode
from bn_impls.errors import BnBenchError


def main() -> None:
    """Serve requests until standard input ends."""
    _die_with_parent(int(sys.argv[1]))
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    os.register_at_fork(after_in_child=lambda: _cut_off(requests, replies, nothing))
    server = Server()
    for line in requests:
        request = json.loads(line)
        _reply(replies, _guarded(getattr(server, f"do_{request.pop('do')}"), request))


def _die_with_parent(scheduler: int) -> None:
    """On Linux, be killed when the scheduler ends, also when this process hangs then."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != scheduler:  # it ended before this process could ask to be told
        sys.exit()


def _cut_off(requests: BinaryIO, replies: BinaryIO, nothing: int) -> None:
    """In a forked process: no request may be taken, no reply given, and no pipe held open."""
    os.dup2(nothing, requests.fileno(), inheritable=False)
    os.dup2(2, replies.fileno(), inheritable=False)


def _reply(stream: BinaryIO, reply: bytes) -> None:
    stream.write(reply + b"\n")
    stream.flush()


def _guarded(act: Callable[..., dict[str, Any]], request: Mapping[str, Any]) -> bytes:
    """Any exception of an implementation becomes the row's status; the worker goes on."""
    try:
        return encode(act(**request))
    except Exception as error:  # whatever somebody's implementation raises is this row's reason
        traceback.print_exc()
        return encode(_row_of(error))


def _row_of(error: Exception) -> dict[str, Any]:
    kind = type(error).__name__
    out_of_memory = isinstance(error, MemoryError) or kind in ("ResourceExhaustedError", "OutOfMemoryError")
    first_line = (str(error).splitlines() or ["no message"])[0][:500]
    place = "" if isinstance(error, BnBenchError) else _place(error)
    return {"status": "out_of_memory" if out_of_memory else "failed", "reason": f"{kind}: {first_line}{place}"}


def _place(error: Exception) -> str:
    """Where it was raised: the file's name without its folders, which are nobody's business."""
    frames = traceback.extract_tb(error.__traceback__)
    return f" [{Path(frames[-1].filename).name} line {frames[-1].lineno}]" if frames else ""


class Server:
    """What a worker can be asked to do. Each method returns a reply."""

    def __init__(self) -> None:
        """Nothing is imported before ``do_start``."""
        self.prepared: dict[str, Any] = {}

    def do_start(self, specification: str, data_dir: str | None, download: bool) -> dict[str, Any]:
        """Import the implementation (and with it its framework)."""
        from bn_impls import registry

        began = time.perf_counter()
        self.implementation = registry.load(registry.describe(specification))
        self.data_dir, self.download = None if data_dir is None else Path(data_dir), download
        versions = {}
        for package in self.implementation.packages:
            try:
                versions[package] = importlib.metadata.version(package)
            except importlib.metadata.PackageNotFoundError:
                versions[package] = "not a distribution"
        return {"status": "ok", "import_s": time.perf_counter() - began, "versions": versions}

    def _surroundings(self, scratch: str) -> Any:
        from benchmarks.axes.outcome import Surroundings

        return Surroundings(scratch=Path(scratch), data_dir=self.data_dir, download=self.download)

    def do_run(self, axis: str, stage: str, parameters: dict[str, Any], scratch: str) -> dict[str, Any]:
        """Run one stage of a case of an axis that is not timed pass by pass."""
        from benchmarks.axes import agreement, checkpoint, convergence

        surroundings = self._surroundings(scratch)
        if axis == "checkpoint":
            return self._finish(checkpoint.run_stage(stage, self.implementation, parameters, surroundings), scratch)
        run = {"agreement": agreement.run, "convergence": convergence.run}[axis]
        return self._finish(run(self.implementation, parameters, surroundings), scratch)

    def _finish(self, outcome: Any, scratch: str) -> dict[str, Any]:
        from dataclasses import asdict

        reply = asdict(outcome)
        arrays = reply.pop("arrays")
        if arrays:
            import numpy as np

            np.savez(Path(scratch) / "curves.npz", allow_pickle=False, **arrays)
            reply["curves"] = "curves.npz"
        return reply

    def do_prepare(self, case_id: str, parameters: dict[str, Any], scratch: str) -> dict[str, Any]:
        """Build a case to be timed."""
        from dataclasses import asdict

        from benchmarks.axes import throughput
        from benchmarks.axes.outcome import Outcome

        prepared = throughput.prepare(self.implementation, parameters, self._surroundings(scratch))
        if isinstance(prepared, Outcome):
            return asdict(prepared)
        self.prepared[case_id] = prepared
        return {"status": "ok", "facts": prepared.facts, "labels": prepared.labels}

    def do_pass(self, case_id: str, loops: int, count: int) -> dict[str, Any]:
        """Take the samples of one pass."""
        from benchmarks.axes.throughput import peak_rss_mib, sample

        prepared = self.prepared[case_id]
        durations = sample(prepared, loops, count)
        steps = loops * prepared.timed.steps
        return {"status": "ok", "loops": steps, "durations_ns": durations, "peak_rss_mib": peak_rss_mib()}

    def do_release(self, case_id: str) -> dict[str, Any]:
        """Let go of a case."""
        self.prepared.pop(case_id).timed.close()
        return {"status": "ok"}


if __name__ == "__main__":
    main()
