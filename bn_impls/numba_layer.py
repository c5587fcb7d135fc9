"""A kernel of our own for the CPU, compiled by Numba: what the machine allows when nothing but two passes is done.

What its user must remember:

- The loops stand in :mod:`bn_impls.numba_kernel`: the statistics in one pass over x (and dy), all results in a second.
- Sums are float64 whatever the input is, so a mean far from 0 costs no digits.
- The machine code for a rank and dtype is made when the first such layer is built, which takes seconds, and is kept in
  the user's cache folder; where none can be written, every process compiles again.
- Numba's cache is not safe where two processes fill it at once (one may load the code of another signature, and crash);
  whoever compiles here holds a lock.
- ``NUMBA_NUM_THREADS`` limits the threads; small inputs are computed by the calling thread alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numba
import numpy as np

from bn_impls import numba_kernel as kernel
from bn_impls.canonical import npz_format
from bn_impls.interface import Array, Configuration, Conventions, Implementation, Layer, Unsupported
from bn_impls.numba_code import compile_for
from bn_impls.numba_threads import helpers
from bn_impls.numpy_boundary import identity, no_wait, observe
from bn_impls.state import State

SMALL = 1 << 15  # elements; to start threads takes about as long as to normalize so many


class BatchNorm:
    """One layer: its state and the memory that its calls work in."""

    def __init__(self, settings: Configuration) -> None:
        """Start with gamma 1, beta 0 and the configured moving statistics; choose the matrix and the threads."""
        self.settings = settings
        self.matrix = matrix = Matrix.of(settings, numba.config.NUMBA_NUM_THREADS)
        computed = settings.parameter_dtype
        start = settings.conventions
        self.state = np.empty((4, settings.channels), computed)
        for row, value in enumerate((1.0, 0.0, start.initial_mean, start.initial_variance)):
            self.state[row] = value
        self.count = 0
        slots = matrix.width if not matrix.by_rows else settings.channels
        sums = np.zeros((1 if matrix.grouped else matrix.pieces, 4, settings.channels * kernel.LANES if matrix.by_rows else slots))
        self.memory = (np.empty(slots, computed), sums, np.empty((5, slots), computed), matrix.plan(settings.channels), float(settings.decay), float(settings.epsilon))
        self.dtype = np.dtype(settings.dtype)
        self.shape = settings.input_shape
        self.size = math.prod(self.shape)
        self.helpers = helpers(matrix.threads - 1)
        self.none = np.empty((2, 0), computed)

    def inference(self, x: Array) -> Array:
        """y by the moving statistics."""
        x = x.reshape(-1)
        y = self._empty(x.__array_interface__['data'][0] // 64 * 64 + 1024)
        self._run(kernel.INFERENCE, x, x, y, y, self.none)
        return y.reshape(self.shape)

    def training_step(self, x: Array) -> Array:
        """y by the batch's statistics, which move the moving ones."""
        x = x.reshape(-1)
        y = self._empty(x.__array_interface__['data'][0] // 64 * 64 + 1024)
        self._run(kernel.STEP, x, x, y, y, np.empty_like(self.state[:2]))
        self.count += 1
        return y.reshape(self.shape)

    def training_step_with_gradients(self, x: Array, dy: Array) -> tuple[Array, Array, Array, Array]:
        """The same, and the gradients of input, gamma and beta."""
        p = x.__array_interface__['data'][0] // 64 * 64 if self.size>=4096 else 0
        y, dx = self._empty(p+1024), self._empty(p+2048)
        gradients = np.empty_like(self.state[:2])
        self._run(kernel.GRADIENTS, x.reshape(-1), dy.reshape(-1), y, dx, gradients)
        self.count += 1
        return y.reshape(self.shape), dx.reshape(self.shape), gradients[0], gradients[1]

    def _empty(self, page) -> Array:
        if self.size < 4096:
            return np.empty(self.size, self.dtype)
        item = self.dtype.itemsize
        buffer = np.empty(self.size + 4096 // item, self.dtype)
        first = (page - buffer.__array_interface__["data"][0]) % 4096 // item
        return buffer[first:first + self.size]

    def _run(self, mode: int, x: Array, dy: Array, y: Array, dx: Array, gradients: Array) -> None:
        call = (mode, x, dy, y, dx, self.state, gradients, *self.memory, np.zeros(kernel.BOARD, np.int64))
        for helper in self.helpers:
            helper.offer(kernel.work, call)
        kernel.work(*call)


import os
@dataclass(frozen=True)
class Matrix:
    """How a tensor is seen, and divided."""

    by_rows: bool
    rows: int
    width: int
    pieces: int
    grouped: bool
    piece: int
    past: bool
    threads: int

    def plan(self, channels):
        return np.array([self.by_rows, self.rows, self.width, channels, self.pieces, self.grouped, self.piece, self.past], np.int64)

    @classmethod
    def of(cls, settings: Configuration, threads: int) -> Matrix:
        shape, channels = settings.input_shape, settings.channels
        size = math.prod(shape)
        by_rows = settings.channel_axis != len(shape) - 1
        width = math.prod(shape[2:]) if by_rows else channels * folds(size // max(channels, 1), channels)
        rows = size // max(width, 1)
        threads = threads if size >= int(os.environ.get('K_SMALL', SMALL)) else 1
        if by_rows:
            piece = max(1, int(os.environ.get('K_GB', 1<<16)) * channels // max(1, size))
            groups = -(-channels // piece)
        else:
            piece = min(-(-channels // (2 * threads) // 64) * 64, max(64, int(os.environ.get('K_GC', 16384)) // max(rows, 1) // 64 * 64))
            groups = -(-channels // piece)
        grouped = groups >= 2 * threads and (by_rows or (width == channels and rows <= int(os.environ.get('K_GR', 1024))))
        if threads == 1: grouped = by_rows
        pieces = groups
        if not grouped:
            n = 1 if threads == 1 else int(os.environ.get('K_PIECES', 32))
            piece = max(-(-rows // n), 1)
            if not by_rows: piece = -(-piece // kernel.FLUSH) * kernel.FLUSH
            pieces = max(1, -(-rows // piece))
        past = bool(int(os.environ.get('K_PAST', size * 4 > (1<<21)))) and width % kernel.LANES == 0
        return cls(by_rows, rows, width, pieces, grouped, piece, past, threads)


def folds(positions: int, channels: int) -> int:
    """How many positions make a row: so many that whole vectors do, if their number can be divided so."""
    wanted = kernel.WIDE // math.gcd(kernel.WIDE, channels)
    while wanted > 1 and wanted * channels > 512:
        wanted //= 2
    return math.gcd(wanted, positions) if positions else 1


# ---- the adapter ----------------------------------------------------------------------------------------------------

OWN = Conventions(ddof=0, initial_mean=0.0, initial_variance=1.0, warm_up=False, decay_in_float32=False)
DTYPES = ("float32", "float64")


def refusal(settings: Configuration) -> Unsupported | None:
    """Why this configuration cannot be built, or None."""
    if settings.device != "cpu":
        return Unsupported("this kernel computes on the CPU only")
    if settings.style != "eager":
        return Unsupported(f"a compiled kernel has one call style: eager, not {settings.style}")
    if settings.dtype not in DTYPES:
        return Unsupported(f"{settings.dtype} is not offered: only {' and '.join(DTYPES)} are")
    if settings.conventions.ddof:
        return Unsupported("this kernel divides by n; ddof 1 is not offered")
    mean, variance = settings.conventions.initial_mean, settings.conventions.initial_variance
    if settings.conventions != replace(OWN, initial_mean=mean, initial_variance=variance):
        return Unsupported("this kernel applies its decay as given, at every update; nothing else is offered")
    return None


def _export(layer: BatchNorm) -> State:
    gamma, beta, moving_mean, moving_variance = layer.state.copy()
    return State(
        gamma=gamma,
        beta=beta,
        moving_mean=moving_mean,
        moving_variance=moving_variance,
        num_updates=int(layer.count),
    )


def _load(layer: BatchNorm, state: State) -> None:
    layer.state[:] = [state["gamma"], state["beta"], state["moving_mean"], state["moving_variance"]]
    layer.count = state["num_updates"]


def _gradients(layer: BatchNorm, settings: Configuration) -> Any:
    """The call with gradients, with None in the place of a parameter that is off."""
    given = layer.training_step_with_gradients
    if settings.scale and settings.center:
        return given

    def without(x: Array, dy: Array) -> tuple[Array, Array, Array | None, Array | None]:
        y, dx, dgamma, dbeta = given(x, dy)
        return y, dx, dgamma if settings.scale else None, dbeta if settings.center else None

    return without


def build(configuration: Configuration) -> Layer | Unsupported:
    """Build a layer."""
    if reason := refusal(configuration):
        return reason
    compile_for(configuration.dtype)
    layer = BatchNorm(configuration)
    built = Layer(
        configuration=configuration,
        inference=layer.inference,
        training_step=layer.training_step,
        training_step_with_gradients=_gradients(layer, configuration),
        to_native=lambda array: np.array(array, configuration.dtype, order="C"),
        to_numpy=identity,
        synchronize=no_wait,
        export_state=lambda: _export(layer),
        load_state=lambda state: _load(layer, state),
        observe=observe,
        formats={"npz": npz_format(lambda: _export(layer), lambda state: built.import_state(state))},
    )
    return built


IMPLEMENTATION = Implementation(conventions=OWN, packages=("numba", "llvmlite", "numpy"), build=build)
