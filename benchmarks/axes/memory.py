"""What a process holds in memory, and what calls leave behind in it.

Resident memory alone finds no small leak: freed memory is kept by the C library (docs/decisions/0009), so a leak first
fills what others have left. The C library's own count of bytes in use shows every block at once.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import resource
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

STATUS = Path("/proc/self/status")
NOTABLE_BYTES = 2**15  # what frameworks keep or give back by chance in a pass is a third of it
SETTLING_LOOKS, SETTLING_S = 8, 0.0025
MANY_OBJECTS = 20_000
FIELDS = ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")


class _MallocInfo(ctypes.Structure):
    """``struct mallinfo2`` of glibc 2.33 and later: over all arenas."""

    _fields_ = [(name, ctypes.c_size_t) for name in FIELDS]


def _heap_counter() -> Callable[[], int] | None:
    """Bytes that ``malloc`` has given out and not got back; None where the C library does not count them."""
    if sys.platform != "linux":
        return None
    count = getattr(ctypes.CDLL(None), "mallinfo2", None)
    if count is None:
        return None
    count.restype = _MallocInfo

    def in_use() -> int:
        found = count()
        return int(found.uordblks + found.hblkhd)  # from the heaps, and mapped one by one

    return in_use


heap_bytes = _heap_counter()


def reset_peak() -> None:
    """Let the peak of resident memory begin anew, where the kernel can."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_rss_mib() -> float:
    """The most memory that this process has held resident since :func:`reset_peak`, its framework included.

    Linux' ``ru_maxrss`` would not do: a new process starts with its parent's.
    """
    if STATUS.exists():
        return _status_kib("VmHWM") / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # macOS: bytes


def rss_mib() -> float | None:
    """Resident memory now; None where the system does not tell."""
    return _status_kib("VmRSS") / 1024 if STATUS.exists() else None


def _status_kib(field: str) -> float:
    lines = STATUS.read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(field))


@dataclass
class Growth:
    """What grew between the beginning and the end of a watch; None where it cannot be counted.

    Attributes:
        heap_bytes: in use according to the C library.
        python_blocks: of Python's own small-object allocator, which the C library does not see.
    """

    heap_bytes: int | None = None
    python_blocks: int | None = None


@contextlib.contextmanager
def watched() -> Iterator[Growth]:
    """Compare what is in use before and after, garbage collected both times.

    A runtime that frees in the background gets some time for it where there seems to be growth.
    """
    growth = Growth()
    gc.collect()
    heap = heap_bytes() if heap_bytes else 0
    blocks = sys.getallocatedblocks()
    try:
        yield growth
    finally:
        gc.collect()
        growth.python_blocks = sys.getallocatedblocks() - blocks
        growth.heap_bytes = _settled(heap_bytes, heap) if heap_bytes else None


def _settled(in_use: Callable[[], int], before: int) -> int:
    grown = in_use() - before
    for _ in range(SETTLING_LOOKS):
        if grown < NOTABLE_BYTES:
            break
        time.sleep(SETTLING_S)
        grown = min(grown, in_use() - before)
    return grown


class Settled:
    """Collections that pass over lasting objects: frameworks have half a million, a prepared case some thousands.

    A collection of everything takes a quarter of a second with TensorFlow. So what lasts is set aside (``gc.freeze``)
    where there is much of it, and taken back only where a case that has ended may be among it.
    """

    def __init__(self) -> None:
        """Nothing is set aside yet."""
        self.holds_a_case = False

    def once_imported(self) -> None:
        """Set the framework aside at once: nothing of it is garbage that a case could leave."""
        gc.freeze()

    def before_a_case(self) -> None:
        """Collect all that earlier cases have left, so that it does not count as the next one's."""
        gc.collect()
        if self.holds_a_case or _many_objects():
            gc.unfreeze()
            gc.collect()
            gc.freeze()
            self.holds_a_case = False

    def once_prepared(self) -> None:
        """Collect what preparing has left, so that the collections around each pass have little to look at."""
        gc.collect()
        if _many_objects():  # of modules that were imported on the way, which no case takes along when it ends
            gc.freeze()
            self.holds_a_case = True


def _many_objects() -> bool:
    """Whether a collection takes longer than a millisecond or two; what is set aside is not counted."""
    return len(gc.get_objects()) > MANY_OBJECTS
