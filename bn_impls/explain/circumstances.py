"""The circumstances in which all pairs are compared: those that the agreement axis measures, as questions."""

from __future__ import annotations

from bn_impls.explain.question import Question
from bn_impls.interface import FLOATS

ROWS, MAPS = Question().shape, (4, 5, 5, 3)  # APIs differ by rank
MANY = 50  # steps over which the agreement axis follows the moving statistics
MEANS = (1e3, 1e4)  # over the deviation
TINY = 0.01  # of the usual deviations, which leaves most variances below epsilon

USUAL = (
    *(
        Question(shape=shape, dtype=dtype)
        for dtype in sorted(FLOATS, key=lambda name: name != "float32")
        for shape in (ROWS, MAPS)
    ),
    Question(shape=(4, 3, 5, 5), layout="channels_first"),
    *(Question(shape=shape, steps=MANY) for shape in (ROWS, MAPS)),
    *(Question(shape=shape, offset=mean) for mean in MEANS for shape in (ROWS, MAPS)),
    *(Question(shape=shape, scale=TINY) for shape in (ROWS, MAPS)),
)
