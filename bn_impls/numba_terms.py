"""What the compiled functions of the kernel have in common: how they are compiled, and the names of rows and counters.

*Slot* k of a sum or a coefficient is column k, of channel k modulo the channels; by rows, it is lane k modulo
:data:`LANES` of channel k // :data:`LANES`.
"""

from __future__ import annotations

import numba

# called by compiled code only, so that nothing is compiled for calls from Python
plain = numba.njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
# put into the caller before it is compiled; each function that is not costs its own run of LLVM
inlined = numba.njit(error_model="numpy", inline="always")

WIDE, NARROW = 64, 16  # lanes: as many as registers hold sums and coefficients of, and for what remains
LANES = NARROW  # slots of a channel by rows
FLUSH = 32  # terms of a lane that are added before their sum goes to float64
SHIFT_ROWS, SHIFT_VALUES = 16, 64  # rows, and values of a row, at most, whose mean is the shift
D, SQUARES, DY, DY_D = 0, 1, 2, 3  # the sums of one slot
MEAN, FACTOR, OFFSET, MEAN_DY, SLOPE = 0, 1, 2, 3, 4  # the coefficients of one slot
GAMMA, BETA, MOVING_MEAN, MOVING_VARIANCE = 0, 1, 2, 3  # the rows of the state
ROWS, WIDTH, CHANNELS, PIECES, GROUPED, PIECE, PAST = range(7)  # the plan
STARTED, SHIFTED, CLAIMED, ADDED, READY, TAKEN, WRITTEN, BOARD = range(0, 64, 8)  # counters, a cache line each
