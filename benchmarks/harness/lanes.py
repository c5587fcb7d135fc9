"""Work in which nothing is timed for a verdict: implementations side by side, each in a lane of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

from benchmarks.harness.environment import usable_cores

MOST_LANES = 4  # a worker with its framework takes up to a GiB of memory


class Stopped(Exception):
    """The run ends early; a lane starts nothing more."""


def how_many(pieces: int) -> int:
    """Lanes for so many pieces of work: as many as there are cores, up to :data:`MOST_LANES`."""
    return max(1, min(usable_cores(), MOST_LANES, pieces))


def side_by_side(work: Sequence[Callable[[], None]], stop: Callable[[], None]) -> None:
    """Run pieces of work, :func:`how_many` at once.

    Args:
        work: pieces that do not depend on each other; begun in their order.
        stop: makes every piece under way raise :class:`Stopped` soon; called where one raised, or on an interrupt.
    """
    with ThreadPoolExecutor(how_many(len(work)), "lane") as pool:
        try:
            ended, _ = wait([pool.submit(piece) for piece in work], return_when=FIRST_EXCEPTION)
            for one in ended:
                one.result()
        except BaseException:  # an interrupt, a full disk: the other lanes end too, at once
            pool.shutdown(wait=False, cancel_futures=True)
            stop()
            raise
