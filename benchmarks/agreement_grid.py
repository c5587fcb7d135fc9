"""What the agreement axis compares, as plain values: shapes, dtypes, layouts, parameters that are off, conditions.

A run has a cheap core and more of it the longer it may take. Ill-conditioned inputs stand side by side in the channels
of one case (:mod:`bn_impls.accuracy.inputs`), because building, tracing and compiling a layer costs far more than
computing with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from bn_impls.accuracy.inputs import CHANNELS_EACH, conditions

Shape = tuple[int, ...]

SMALL_SHAPES: tuple[Shape, ...] = ((7, 5), (8, 7, 7, 5))  # odd sizes
OTHER_RANKS: tuple[Shape, ...] = ((6, 9, 5), (4, 3, 5, 3, 5))
CHANNELS_FIRST: tuple[Shape, ...] = ((6, 5, 9), (4, 5, 3, 5, 3))
ONE_MAP: Shape = (1, 7, 7, 5)
ODD_SHAPES: tuple[Shape, ...] = ((2, 5), (3, 1), (33, 17), (13, 1, 1, 3))
ROWS: tuple[Shape, ...] = ((63,), (5, 5, 3))  # of the conditions, without their channels
SIXTEEN_BITS = ("float16", "bfloat16")


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """One comparison with the reference.

    Attributes:
        shape: of the input.
        dtype: of the input.
        layout: where the channels are.
        center: whether beta is added.
        scale: whether gamma multiplies.
        gradients: ``first``, or ``second_order``.
        input: ``normal``; ``conditions``, side by side; ``one_value`` a channel; ``empty``.
    """

    shape: Shape
    dtype: str = "float32"
    layout: str = "channels_last"
    center: bool = True
    scale: bool = True
    gradients: str = "first"
    input: str = "normal"

    @property
    def steps(self) -> int:
        """Training steps: fifty where moving statistics are followed, two where one is long."""
        if self.shape in SMALL_SHAPES and self.dtype in ("float32", "float64") and not self.suffix:
            return 50
        return 2 if prod(self.shape) > 1_000_000 else 8

    @property
    def suffix(self) -> str:
        """What is unusual, for the end of a label."""
        unusual = (
            (not self.center, "no_center"),
            (not self.scale, "no_scale"),
            (self.gradients != "first", self.gradients),
            (self.input != "normal", self.input),
        )
        return "".join(f"-{word}" for holds, word in unusual if holds)


def small(size: str) -> Iterator[Agreement]:
    """Everything on small shapes, for one call style of one implementation.

    Args:
        size: ``quick``, ``default`` or ``full``.
    """
    for shape in SMALL_SHAPES:
        for dtype in ("float32", "float64"):
            yield Agreement(shape=shape, dtype=dtype)
    yield Agreement(shape=(8, 5, 7, 7), layout="channels_first")
    yield conditioned(ROWS[1])
    yield Agreement(shape=SMALL_SHAPES[1], dtype="bfloat16")
    yield Agreement(shape=SMALL_SHAPES[1], gradients="second_order")
    if size != "quick":
        yield from _default()
    if size == "full":
        yield from _full()


def conditioned(rows: Shape, dtype: str = "float32", layout: str = "channels_last") -> Agreement:
    """All conditions of a dtype side by side."""
    channels = CHANNELS_EACH * len(conditions(dtype))
    shape = (*rows, channels) if layout == "channels_last" else (rows[0], channels, *rows[1:])
    return Agreement(shape=shape, dtype=dtype, layout=layout, input="conditions")


def _default() -> Iterator[Agreement]:
    yield conditioned(ROWS[0])
    for shape in (*OTHER_RANKS, ONE_MAP):
        yield Agreement(shape=shape)
    yield Agreement(shape=SMALL_SHAPES[1], center=False)
    yield Agreement(shape=SMALL_SHAPES[1], scale=False)
    yield Agreement(shape=SMALL_SHAPES[1], dtype="float16")
    yield Agreement(shape=SMALL_SHAPES[0], gradients="second_order")
    yield Agreement(shape=(1, 5), input="one_value")
    yield Agreement(shape=(0, 5), input="empty")


def _full() -> Iterator[Agreement]:
    for dtype in ("float64", *SIXTEEN_BITS):
        for rows in ROWS:
            yield conditioned(rows, dtype)
        for shape in OTHER_RANKS:
            yield Agreement(shape=shape, dtype=dtype)
    yield conditioned(ROWS[1], layout="channels_first")
    for dtype in SIXTEEN_BITS:
        yield Agreement(shape=SMALL_SHAPES[0], dtype=dtype)
        yield Agreement(shape=(8, 5, 7, 7), dtype=dtype, layout="channels_first")
    for shape in CHANNELS_FIRST:
        yield Agreement(shape=shape, layout="channels_first")
    for shape in ODD_SHAPES:
        yield Agreement(shape=shape)
    for center, scale in ((False, True), (True, False), (False, False)):
        yield Agreement(shape=SMALL_SHAPES[0], center=center, scale=scale)
    yield Agreement(shape=SMALL_SHAPES[1], center=False, scale=False)
    for shape in SMALL_SHAPES:
        yield Agreement(shape=shape, dtype="float64", gradients="second_order")
    yield Agreement(shape=(8, 5, 7, 7), layout="channels_first", gradients="second_order")
    yield Agreement(shape=(1, 1, 1, 5), input="one_value")
    yield Agreement(shape=(0, 7, 7, 5), input="empty")
