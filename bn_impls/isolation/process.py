"""The asking end of a worker process: requests, deadlines, and what became of a process that ended."""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bn_impls.isolation.lines import decode, encode
from bn_impls.isolation.oom import OomKills
from bn_impls.isolation.variables import with_temporary_folder

ENDING_S = 5.0  # longest time between a worker's last reply and its end
FRAME = re.compile(r'  File "(?:.*[\\/])?([^\\/"]+)", line (\d+) in (.+)')
LOOK_AGAIN_S = 1.0  # where the system cannot say at once that a process has ended


class WorkerLost(Exception):
    """The process is gone; ``status`` and ``reason`` go into the row of the case that it was working on."""

    def __init__(self, status: str, reason: str) -> None:
        """Keep both."""
        super().__init__(reason)
        self.status, self.reason = status, reason


class WorkerProcess:
    """One implementation in a process of its own, served by :func:`bn_impls.isolation.serving.serve`."""

    def __init__(self, module: str, start: Mapping[str, Any], environment: Mapping[str, str], log: Path) -> None:
        """Start the process and ask it to import the implementation; :meth:`started` waits for that.

        Args:
            module: whose ``__main__`` serves; it gets this process's number as its argument.
            start: fields of the first request, ``start``.
            environment: every variable that the process has, but for the folder of its temporary files.
            log: file that receives whatever the process prints; temporary files lie beside it as long as it lives.
        """
        self.log = log
        self._temporary = Path(tempfile.mkdtemp(prefix="tmp-", dir=log.parent))
        self._oom_kills = OomKills.now()
        with open(log, "wb") as stream:
            self.process = subprocess.Popen(
                # -P: a folder `benchmarks` where the user stands must not stand in for ours
                [sys.executable, "-P", "-m", module, str(os.getpid())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stream,
                env=with_temporary_folder(environment, self._temporary),
                start_new_session=True,  # Ctrl-C reaches the asker alone, which then ends its workers
            )
        assert self.process.stdin is not None and self.process.stdout is not None
        self._requests, self._replies = self.process.stdin, self.process.stdout
        self._buffer = b""
        with contextlib.suppress(BrokenPipeError):  # it has ended already; `started` says why
            self._write({"do": "start", **start})

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
        try:
            self._write(request)
        except BrokenPipeError as error:
            raise self._lost() from error
        return self._receive(timeout_s)

    def _write(self, request: Mapping[str, Any]) -> None:
        self._requests.write(encode(request) + b"\n")
        self._requests.flush()

    def _receive(self, timeout_s: float) -> dict[str, Any]:
        deadline = time.monotonic() + timeout_s
        with self._events() as selector:
            while b"\n" not in self._buffer:
                left = deadline - time.monotonic()
                if left <= 0:
                    self.close()
                    raise WorkerLost("timed_out", f"no answer within {timeout_s:g} s; the process was killed")
                ready = selector.select(min(left, LOOK_AGAIN_S))
                if any(key.fileobj is self._replies for key, _ in ready):
                    chunk = os.read(self._replies.fileno(), 1 << 20)
                    if not chunk:
                        raise self._lost()
                    self._buffer += chunk
                elif self.process.poll() is not None:  # something that it started still holds the pipe open
                    raise self._lost()
        line, _, self._buffer = self._buffer.partition(b"\n")
        return self._understood(line)

    @contextmanager
    def _events(self) -> Iterator[selectors.BaseSelector]:
        """Wakes up for a reply, and, where the system can say it, for the end of the process."""
        with selectors.DefaultSelector() as selector, contextlib.ExitStack() as opened:
            selector.register(self._replies, selectors.EVENT_READ)
            with contextlib.suppress(AttributeError, OSError):  # not on Linux, reaped already, or forbidden
                end = os.pidfd_open(self.process.pid)
                opened.callback(os.close, end)
                selector.register(end, selectors.EVENT_READ)
            yield selector

    def _understood(self, line: bytes) -> dict[str, Any]:
        try:
            reply = decode(line)
        except ValueError:
            reply = None
        if isinstance(reply, dict) and "status" in reply:
            return reply
        self.close()
        raise WorkerLost("crashed", f"something else than a reply came through the worker's pipe: {line[:100]!r}")

    def _lost(self) -> WorkerLost:
        try:
            code = self.process.wait(ENDING_S)
        except subprocess.TimeoutExpired:
            self.close()
            return WorkerLost("crashed", "the process closed the pipe of its replies and went on; it was killed")
        self.close()
        words = _last_words(self.log)
        said = f"; its last words: {words}" if words else ""
        if code == -signal.SIGKILL and self._oom_kills.more():
            return WorkerLost("out_of_memory", f"the kernel killed the process for memory{said}")
        if code < 0:
            return WorkerLost("crashed", f"the process was ended by {_signal_name(-code)}{said}")
        return WorkerLost("crashed", f"the process exited with code {code} in the middle of a case{said}")

    def kill(self) -> None:
        """Let the process end, with everything it started; :meth:`close` waits for that."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()  # also where it left its group

    def close(self) -> None:
        """End the process, with everything it started."""
        self.kill()
        self.process.wait()
        for stream in (self._requests, self._replies):
            with contextlib.suppress(OSError):
                stream.close()
        shutil.rmtree(self._temporary, ignore_errors=True)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # real-time signals have no names
        return f"signal {number}"


def _last_words(log: Path) -> str:
    """The last line that the process printed and, where a signal ended it, the line of Python that it was in."""
    try:
        with open(log, "rb") as stream:
            stream.seek(max(0, log.stat().st_size - (1 << 16)))
            lines = stream.read().decode(errors="replace").strip().splitlines()
    except OSError:
        return ""
    fatal = next((n for n in reversed(range(len(lines))) if lines[n].startswith("Fatal Python error: ")), len(lines))
    words = [line.strip()[:300] for line in lines[:fatal][-1:]]
    if place := next(filter(None, map(FRAME.match, lines[fatal:])), None):  # faulthandler's, the innermost first
        words.append("in {2} at {0}:{1}".format(*place.groups()))
    return ", ".join(filter(None, words))
