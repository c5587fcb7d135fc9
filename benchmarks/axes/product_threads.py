"""With how many threads NumPy multiplies matrices in this process.

Workers that run side by side have fewer than those that are timed, and with another number a sum may be rounded
otherwise. What is compared to the last bit must be computed with the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import ThreadpoolController


def product_threads() -> int | None:
    """The number that OpenBLAS uses; None where NumPy has another library."""
    return max((pool["num_threads"] for pool in _openblas().info()), default=None)


@contextmanager
def with_product_threads(number: int | None) -> Iterator[None]:
    """Products inside are taken with so many threads; None changes nothing."""
    with _openblas().limit(limits=number):
        yield


def _openblas() -> ThreadpoolController:
    return ThreadpoolController().select(internal_api="openblas")
