"""A process that serves requests: one JSON line in, one JSON line out.

Requests and replies go through duplicates of the original standard input and output. Standard output itself is then
pointed at standard error, so that whatever a framework prints cannot damage a reply, and standard input at nothing, so
that whatever asks there cannot eat a request. A process that an implementation forks has neither duplicate. A server
waits in a blocking read, which costs no CPU time.
"""

from __future__ import annotations

import ctypes
import faulthandler
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from bn_impls.errors import BnBenchError
from bn_impls.isolation.lines import encode

MEMORY_ERRORS = ("ResourceExhaustedError", "OutOfMemoryError")  # TensorFlow's; PyTorch's on a GPU
MEMORY_WORDS = (  # of errors whose type does not tell
    "DefaultCPUAllocator: can't allocate memory",  # PyTorch on a CPU: a RuntimeError
    "RESOURCE_EXHAUSTED: Out of memory",  # JAX: a JaxRuntimeError
)


def serve(server: object, parent: int) -> None:
    """Answer requests until standard input ends.

    Args:
        server: a request ``{"do": "x", ...}`` is answered by its method ``do_x`` of the other fields, which returns the
            reply; an exception becomes a reply whose ``status`` and ``reason`` tell of it.
        parent: the process that asks; this one ends with it.
    """
    _die_with_parent(parent)
    faulthandler.enable()  # a crash says where in Python it was; `process` puts that into the row
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    os.register_at_fork(after_in_child=lambda: _cut_off(requests, replies, nothing))
    for line in requests:
        request = json.loads(line)
        _reply(replies, _guarded(getattr(server, f"do_{request.pop('do')}"), request))


def _die_with_parent(parent: int) -> None:
    """On Linux, be killed when the parent ends, also when this process hangs then."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:  # it ended before this process could ask to be told
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
    first_line = (str(error).splitlines() or ["no message"])[0][:500]
    place = "" if isinstance(error, BnBenchError) else _place(error)
    status = "out_of_memory" if _is_of_memory(error) else "failed"
    return {"status": status, "reason": f"{kind}: {first_line}{place}"}


def _is_of_memory(error: Exception) -> bool:
    if isinstance(error, MemoryError) or type(error).__name__ in MEMORY_ERRORS:
        return True
    return any(words in str(error) for words in MEMORY_WORDS)


def _place(error: Exception) -> str:
    """Where it was raised: the file's name without its folders, which are nobody's business."""
    frames = traceback.extract_tb(error.__traceback__)
    return f" [{Path(frames[-1].filename).name} line {frames[-1].lineno}]" if frames else ""
