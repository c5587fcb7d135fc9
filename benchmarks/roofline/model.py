"""What a pass of batch normalization must do: bytes that it must move and operations that it must carry out.

An input has C channels of m values each, N = C m, and s bytes a value; parameters and statistics have p bytes each
(float32 for 16-bit inputs, otherwise the input's own dtype).

**Moved** is what has to cross the border of the cache whatever the algorithm: every input is read once, every result is
written once. **Accessed** is what the processor has to read and write altogether. Mean and variance need all values of
a channel before the first result can be written, so x (and dy) are read a second time; where they wait between the two
readings, in a cache or in memory, is the algorithm's choice, so the second reading counts as accessed, not as moved.

====================================  ====================================  ===================  ====================
pass                                  reads and writes of N values          moved                accessed
====================================  ====================================  ===================  ====================
``inference``                         x; y                                  2 N s +  4 C p       2 N s +  4 C p
``training_forward``                  x, x again; y                         2 N s +  6 C p       3 N s +  6 C p
``training_forward_backward``         x, dy, both again; y, dx              4 N s +  8 C p       6 N s +  8 C p
====================================  ====================================  ===================  ====================

Of every channel inference reads gamma, beta, mean and variance; training writes the two statistics as well; the
backward pass also writes the gradients of gamma and beta. Forward and backward are one call here, which is given x and
dy. An API that runs them one after the other reads x and dy once more (8 N s); that is its cost, not the limit's.

**Operations** are additions, subtractions, multiplications, divisions and roots of this evaluation, the shortest that
we know (a multiplication by -1 and a constant such as 1 - decay cost nothing)::

    a channel's coefficients   a = gamma / sqrt(variance + epsilon),  b = beta - a mean                            5
    y = a x + b                                                                                            2 a value

    sums                       sum x,  sum x^2                                                             3 a value
    mean = sum x / m,          variance = sum x^2 / m - mean mean                                                  4
    two moving statistics      decay old + (1 - decay) new                                                         6

    sums                       sum dy,  sum dy x                                                           3 a value
    dbeta = sum dy,            dgamma = i (sum dy x - mean dbeta),  with i = 1 / sqrt(variance + epsilon)          3
    dx = a dy + c x + e        c = -a i dgamma / m,  e = -(a dbeta / m + c mean)                           4 a value, 7

The gradient is that of Ioffe and Szegedy (2015), section 3, gathered by powers of x and dy. With the backward pass i is
computed and a = gamma i, one operation more. A library that guards its sums against cancellation does more than this.

The roofline model is that of Williams, Waterman and Patterson (2009), with a roof for the caches as in Ilic, Pratas and
Sousa (2014): no pass can take less time than its moved bytes at the copy bandwidth of where its data fit, its accessed
bytes at that of the cache, or its operations at the arithmetic rate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

ITEM_BYTES: Mapping[str, int] = {"float64": 8, "float32": 4, "float16": 2, "bfloat16": 2}


@dataclass(frozen=True)
class Demand:
    """What one call must do.

    Attributes:
        moved_bytes: distinct bytes read and written; they are also the working set.
        accessed_bytes: bytes read and written, second readings included.
        operations: additions, subtractions, multiplications, divisions and roots.
        arithmetic_dtype: the dtype in which these are carried out.
    """

    moved_bytes: int
    accessed_bytes: int
    operations: int
    arithmetic_dtype: str


@dataclass(frozen=True)
class PerElement:
    """Counts of one kind of pass: of values (N) and of channels (C)."""

    moved: int
    read_again: int
    operations: int
    channel_moved: int
    channel_operations: int


PASSES: Mapping[str, PerElement] = {
    "inference": PerElement(2, 0, 2, 4, 5),
    "training_forward": PerElement(2, 1, 3 + 2, 6, 4 + 6 + 5),
    "training_forward_backward": PerElement(4, 2, 3 + 2 + 3 + 4, 8, 4 + 6 + 5 + 1 + 3 + 7),
}


def demand(work: str, shape: Sequence[int], layout: str, dtype: str) -> Demand | None:
    """The model of one pass.

    Args:
        work: ``inference``, ``training_forward`` or ``training_forward_backward``.
        shape: of the input, batch first.
        layout: ``channels_first``, where the channels are axis 1; anything else has them last.
        dtype: of the input.

    Returns:
        What the pass must do; None for a kind of pass or a dtype that has no model.
    """
    counts = PASSES.get(work)
    if counts is None or dtype not in ITEM_BYTES or len(shape) < 2:
        return None
    values, channels = prod(shape), shape[1] if layout == "channels_first" else shape[-1]
    item, parameter = ITEM_BYTES[dtype], max(ITEM_BYTES[dtype], 4)
    moved = counts.moved * values * item + counts.channel_moved * channels * parameter
    return Demand(
        moved_bytes=moved,
        accessed_bytes=moved + counts.read_again * values * item,
        operations=counts.operations * values + counts.channel_operations * channels,
        arithmetic_dtype="float64" if dtype == "float64" else "float32",
    )
