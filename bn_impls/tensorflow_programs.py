"""Which programs XLA compiled in this process and whether one ran, as XLA itself tells TensorFlow's profiler.

XLA hands every program that it holds to the profiler when a trace ends, also those that were compiled before it began.
A program is named after the function that it was compiled from.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.tsl.profiler.protobuf import xplane_pb2  # the format of the profiler's files

PROGRAMS = "/host:metadata"  # the plane with XLA's programs; there is none where XLA compiled nothing
RUNS_PROGRAM = re.compile("Executable::Execute|:XLA GPU module")  # part of the event by which a compiled program starts


@dataclass(frozen=True)
class Programs:
    """What XLA told."""

    compiled: frozenset[str]
    ran: bool

    def of(self, function: str) -> str | None:
        """The name of the program that XLA compiled from a function, or None.

        Args:
            function: its name in TensorFlow, such as ``__inference_call_22``.
        """
        start = re.sub(r"[^\w.-]", "_", function).lstrip("_")  # XLA's names: other characters, another beginning
        found = re.compile(rf"(^|_){re.escape(start)}__")  # then come the attributes of the compilation
        return next((name for name in sorted(self.compiled) if found.search(name)), None)


def watch(call: Callable[[], Any] = lambda: None) -> tuple[Any, Programs]:
    """Call under TensorFlow's profiler, which takes about 15 ms.

    Args:
        call: what is watched; without it only the programs of earlier calls are listed.

    Returns:
        The result, and the programs that XLA holds after it.
    """
    profiler = tf.profiler.experimental
    options = profiler.ProfilerOptions(host_tracer_level=2, python_tracer_level=0, device_tracer_level=0)
    with tempfile.TemporaryDirectory() as folder:
        with profiler.Profile(folder, options):
            result = call()
        spaces = [xplane_pb2.XSpace.FromString(path.read_bytes()) for path in Path(folder).rglob("*.xplane.pb")]
    planes = [plane for space in spaces for plane in space.planes]
    names = [(plane.name, entry.name) for plane in planes for entry in plane.event_metadata.values()]
    return result, Programs(
        compiled=frozenset(name for plane, name in names if plane == PROGRAMS),
        ran=any(plane != PROGRAMS and RUNS_PROGRAM.search(name) for plane, name in names),
    )
