"""A sweep on this machine: several executors side by side."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence

from benchmarks.cases import Case
from benchmarks.sweeps.executor import Ended, Executor, Result


def run_locally(cases: Sequence[Case], jobs: int, make: Callable[[], Executor]) -> Ended:
    """Run cases, several at once; those of one implementation follow each other, so that it is imported seldom.

    Args:
        cases: each is run once.
        jobs: executors at once.
        make: a new executor.

    Yields:
        Each case with what became of it, in the order in which they end. When the generator is closed, the cases in
        flight are given up and their processes end.
    """
    waiting: queue.SimpleQueue[Case] = queue.SimpleQueue()
    for case in sorted(cases, key=lambda case: case.implementation):
        waiting.put(case)
    ended: queue.SimpleQueue[tuple[Case, Result] | BaseException | None] = queue.SimpleQueue()
    executors = [make() for _ in range(min(jobs, len(cases)))]
    stopped = threading.Event()

    def work(executor: Executor) -> None:
        try:
            while not stopped.is_set():
                case = waiting.get_nowait()
                ended.put((case, executor.run(case)))
        except queue.Empty:
            ended.put(None)
        except BaseException as error:  # the thread that reads raises it
            ended.put(error)
        finally:
            executor.close()

    threads = [threading.Thread(target=work, args=(executor,), name="executor") for executor in executors]
    for thread in threads:
        thread.start()
    try:
        yield from _until_all_ended(ended, len(threads))
    finally:
        stopped.set()
        for executor in executors:
            executor.close()
        for thread in threads:
            thread.join()


def _until_all_ended(ended: queue.SimpleQueue[tuple[Case, Result] | BaseException | None], working: int) -> Ended:
    while working:
        one = ended.get()
        if one is None:
            working -= 1
        elif isinstance(one, BaseException):
            raise one
        else:
            yield one
