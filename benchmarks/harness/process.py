"""The scheduler's end of a worker process: requests, deadlines, and what became of a process that ended."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.harness.jsonlines import decode, encode

CHECKOUT = Path(__file__).resolve().parents[2]
OOM_EVENTS = Path("/sys/fs/cgroup/memory.events")


class WorkerLost(Exception):
    """The process is gone; ``status`` and ``reason`` go into the row of the case that it was working on."""

    def __init__(self, status: str, reason: str) -> None:
        """Keep both."""
        super().__init__(reason)
        self.status, self.reason = status, reason


@dataclass(frozen=True)
class WorkerSettings:
    """What every worker of a run is started with."""

    threads: int
    device: str
    data_dir: str | None
    download: bool

    def environment(self, extra: tuple[tuple[str, str], ...]) -> dict[str, str]:
        """Environment variables: thread counts for every library, passive waiting, the GPU hidden unless asked for."""
        threads = str(self.threads)
        counts = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "NUMBA", "VECLIB_MAXIMUM")
        chosen = {f"{library}_NUM_THREADS": threads for library in counts}
        chosen |= {"TF_NUM_INTRAOP_THREADS": threads, "TF_NUM_INTEROP_THREADS": threads}
        chosen |= {"OMP_WAIT_POLICY": "PASSIVE", "TF_CPP_MIN_LOG_LEVEL": "2", "PYTHONHASHSEED": "0"}
        if self.device == "cpu":
            chosen["CUDA_VISIBLE_DEVICES"] = "-1"
        path = os.pathsep.join(filter(None, [str(CHECKOUT), os.environ.get("PYTHONPATH", "")]))
        return {**os.environ, **chosen, **dict(extra), "PYTHONPATH": path}


class WorkerProcess:
    """One implementation in a process of its own."""

    def __init__(
        self, specification: str, settings: WorkerSettings, log: Path, extra: tuple[tuple[str, str], ...] = ()
    ) -> None:
        """Start the process and ask it to import the implementation; :meth:`started` waits for that.

        Args:
            specification: name or ``module:OBJECT``.
            settings: threads, device and data.
            log: file that receives whatever the process prints.
            extra: further environment variables.
        """
        self.log = log
        self._oom_kills = _oom_kills()
        with open(log, "wb") as stream:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.harness.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stream,
                env=settings.environment(extra),
                start_new_session=True,  # Ctrl-C reaches the scheduler alone, which then ends its workers
            )
        assert self.process.stdin is not None and self.process.stdout is not None
        self._requests, self._replies = self.process.stdin, self.process.stdout
        self._buffer = b""
        self._send(
            {
                "do": "start",
                "specification": specification,
                "data_dir": settings.data_dir,
                "download": settings.download,
            }
        )

    def started(self, timeout_s: float) -> dict[str, Any]:
        """Wait until the implementation is imported.

        Raises:
            WorkerLost: it ended or hung, or its import failed.
        """
        reply = self._receive(timeout_s)
        if reply["status"] != "ok":
            self.close()
            raise WorkerLost(reply["status"], reply["reason"])
        return reply

    def ask(self, request: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
        """Send a request and wait for its reply, without spinning.

        Raises:
            WorkerLost: the process ended, or gave no reply in time and was killed.
        """
        self._send(request)
        return self._receive(timeout_s)

    def _send(self, request: Mapping[str, Any]) -> None:
        try:
            self._requests.write(encode(request).encode() + b"\n")
            self._requests.flush()
        except BrokenPipeError as error:
            raise self._lost() from error

    def _receive(self, timeout_s: float) -> dict[str, Any]:
        with selectors.DefaultSelector() as selector:
            selector.register(self._replies, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                if not selector.select(timeout_s):
                    self.close()
                    raise WorkerLost("timed_out", f"no answer within {timeout_s:g} s; the process was killed")
                chunk = os.read(self._replies.fileno(), 1 << 20)
                if not chunk:
                    raise self._lost()
                self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        reply: dict[str, Any] = decode(line.decode())
        return reply

    def _lost(self) -> WorkerLost:
        code = self.process.wait()
        self.close()
        words = _last_line(self.log)
        said = f"; its last words: {words}" if words else ""
        if code == -signal.SIGKILL and _oom_kills() > self._oom_kills:
            return WorkerLost("out_of_memory", f"the kernel killed the process for memory{said}")
        if code < 0:
            return WorkerLost("crashed", f"the process was ended by {signal.Signals(-code).name}{said}")
        return WorkerLost("crashed", f"the process exited with code {code} in the middle of a case{said}")

    def close(self) -> None:
        """End the process, with everything it started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for stream in (self._requests, self._replies):
            with contextlib.suppress(OSError):
                stream.close()


def _oom_kills() -> int:
    """How often the kernel has killed for memory in this control group; 0 where that cannot be read."""
    try:
        lines = OOM_EVENTS.read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)


def _last_line(log: Path) -> str:
    try:
        lines = log.read_text(errors="replace").strip().splitlines()
    except OSError:
        return ""
    return lines[-1].strip()[:300] if lines else ""
