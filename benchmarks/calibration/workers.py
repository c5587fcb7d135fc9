"""Which workers are timed against each other: copies of one implementation, and copies with an injected slowdown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from bn_impls.registry import Descriptor, describe

SUBJECTS = "benchmarks.calibration.subjects"
SLOWDOWNS = (2, 5, 10, 20)
"""Percent."""


@dataclass(frozen=True)
class Worker:
    """One process of a round.

    Attributes:
        percent: how much slower it is made; 0 for none.
        copy: tells apart workers of the same percent.
    """

    percent: int
    copy: int = 1

    @property
    def name(self) -> str:
        """``same-1`` or ``slower-5-1``."""
        return f"slower-{self.percent}-{self.copy}" if self.percent else f"same-{self.copy}"

    @classmethod
    def named(cls, name: str) -> Worker:
        """Read a name back.

        Raises:
            ValueError: it is none.
        """
        match name.split("-"):
            case ["same", copy]:
                found = cls(0, int(copy))
            case ["slower", percent, copy]:
                found = cls(int(percent), int(copy))
            case _:
                raise ValueError(f"got {name!r}, but should be a worker's name such as same-1 or slower-5-1")
        return found

    def descriptor(self, implementation: str) -> Descriptor:
        """What the scheduler starts: the implementation, wrapped by :data:`SUBJECTS`."""
        specification = f"{SUBJECTS}:{implementation}/{self.name}"
        return replace(describe(implementation), name=specification, target=specification)


def of_specification(specification: str) -> tuple[str, Worker]:
    """Implementation and worker of a descriptor's name."""
    implementation, _, name = specification.removeprefix(f"{SUBJECTS}:").rpartition("/")
    return implementation, Worker.named(name)


POOL_WORKERS = (*(Worker(0, copy) for copy in (1, 2, 3, 4)), *(Worker(percent) for percent in SLOWDOWNS))
"""Eight, as many as are alive at once: pairs of equals, and one of each slowdown."""

LIVE_PAIRS: Mapping[int, tuple[tuple[Worker, Worker], ...]] = {
    0: ((Worker(0, 1), Worker(0, 2)), (Worker(0, 3), Worker(0, 4))),
    5: ((Worker(5), Worker(0, 5)),),
    10: ((Worker(10), Worker(0, 6)),),
}
"""Percent -> pairs of workers, the slower one first; no process is in two pairs."""

LIVE_WORKERS = tuple(worker for pairs in LIVE_PAIRS.values() for pair in pairs for worker in pair)
