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

import contextlib
import math
from collections.abc import Iterator
from dataclasses import replace
from functools import cache, partial
from typing import Any

import numba
import numpy as np

from bn_impls import numba_kernel as kernel
from bn_impls.canonical import npz_format
from bn_impls.interface import Array, Configuration, Conventions, Implementation, Layer, Unsupported
from bn_impls.numpy_boundary import identity, no_wait, observe
from bn_impls.state import State

SMALL = 1 << 15  # elements; to start threads takes about as long as to normalize so many
WIDE = 256  # columns of a row at most, if channels are fewer: sums of so many stay in the nearest cache


class BatchNorm:
    """One layer: its state and the memory that its calls work in."""

    def __init__(self, settings: Configuration) -> None:
        """Start with gamma 1, beta 0 and the configured moving statistics; choose the matrix and the threads."""
        shape, channels = settings.input_shape, settings.channels
        size = math.prod(shape)
        self.by_rows = settings.channel_axis != len(shape) - 1
        slots = channels if self.by_rows else channels * folds(size // max(channels, 1), channels)
        width = math.prod(shape[2:]) if self.by_rows else slots
        self.matrix = size // max(width, 1), width
        start = settings.conventions
        self.state = np.empty((4, channels), settings.dtype)
        for row, value in enumerate((1.0, 0.0, start.initial_mean, start.initial_variance)):
            self.state[row] = value
        self.count = np.zeros(1, np.int64)
        threads = 1 if size < SMALL else numba.get_num_threads()
        memory = (self.state, self.count, np.empty(slots), np.empty((threads, 8, slots)),
                  np.empty((5, slots), settings.dtype))  # fmt: skip
        constants = (*memory, self.by_rows, self.matrix, float(settings.decay), float(settings.epsilon))
        self.inference = partial(kernel.inference, *constants)
        self.training_step = partial(kernel.training_step, *constants)
        self.training_step_with_gradients: Any = partial(kernel.training_step_with_gradients, *constants)


def folds(positions: int, channels: int) -> int:
    """How many positions make a row: a power of two that divides their number, within :data:`WIDE` columns."""
    found = 1
    while positions and positions % (2 * found) == 0 and 2 * found * channels <= WIDE:
        found *= 2
    return found


@cache
def compile_for(rank: int, dtype: str) -> None:
    """Compile the three calls for inputs of a rank and dtype, or load them; once a process."""
    x = np.ones((1,) * rank, dtype)
    settings = Configuration(
        input_shape=x.shape,
        layout="channels_last",
        dtype=dtype,
        decay=0.0,
        epsilon=1.0,
        center=True,
        scale=True,
        conventions=OWN,
        style="eager",
        device="cpu",
    )
    numba.get_num_threads()  # starts Numba's threads: code compiled against saved threaded code crashes without them
    with locked_cache():
        layer = BatchNorm(settings)
        layer.inference(x)
        layer.training_step(x)
        layer.training_step_with_gradients(x, x)


@contextlib.contextmanager
def locked_cache() -> Iterator[None]:
    """Keep other processes out while machine code is saved: Numba writes its index before the files it names."""
    with open(kernel.__file__, "rb") as source:
        with contextlib.suppress(ImportError, OSError):  # Windows has no such locks, nor have some file systems
            import fcntl

            fcntl.flock(source, fcntl.LOCK_EX)  # until the file is closed
        yield


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
        num_updates=int(layer.count[0]),
    )


def _load(layer: BatchNorm, state: State) -> None:
    layer.state[:] = [state["gamma"], state["beta"], state["moving_mean"], state["moving_variance"]]
    layer.count[0] = state["num_updates"]


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
    compile_for(len(configuration.input_shape), configuration.dtype)
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
