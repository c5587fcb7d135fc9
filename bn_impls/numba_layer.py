"""A kernel of our own for the CPU, compiled by Numba: what the machine allows when nothing but two passes is done.

What its user must remember:

- The loops stand in :mod:`bn_impls.numba_kernel`: the statistics in one pass over x (and dy), all results in a second.
- Sums are of differences from a value near the mean and end in float64, so a mean far from 0 costs no digits.
- 16-bit inputs are computed in float32; parameters, statistics and their gradients stay float32.
- The machine code for a dtype, a layout and a kind of call is made at the first such call, which takes some seconds,
  and is kept in the user's cache folder (:mod:`bn_impls.numba_code`); where none can be written, every process compiles
  again.
- ``NUMBA_NUM_THREADS`` limits the threads; small inputs are computed by the calling thread alone. A layer computes in
  memory of its own: one call at a time.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import Any

import numba
import numpy as np

from bn_impls import numba_terms as terms
from bn_impls.accuracy.dtypes import numpy_dtype
from bn_impls.canonical import npz_format
from bn_impls.interface import Array, Configuration, Conventions, Implementation, Layer, Unsupported
from bn_impls.numba_code import IN_MEMORY, Call, compile_for
from bn_impls.numba_lanes import LINE
from bn_impls.numba_plan import plan_for
from bn_impls.numba_threads import helpers
from bn_impls.numpy_boundary import identity, no_wait, observe
from bn_impls.state import State
from bn_impls.variants import found_in

PAGE = 4096  # bytes; a processor takes addresses that are equal in their last 12 bits for the same at first


class BatchNorm:
    """One layer: its state and the memory that its calls work in."""

    def __init__(self, settings: Configuration) -> None:
        """Start with gamma 1, beta 0 and the configured moving statistics; choose the matrix and the threads."""
        plan = plan_for(settings, numba.config.NUMBA_NUM_THREADS)
        self.shape, self.size = settings.input_shape, math.prod(settings.input_shape)
        self.dtype, self.memory_dtype = numpy_dtype(settings.dtype), np.dtype(str(IN_MEMORY[settings.dtype]))
        start, computed = settings.conventions, settings.parameter_dtype
        self.state = np.empty((4, settings.channels), computed)
        for row, value in enumerate((1.0, 0.0, start.initial_mean, start.initial_variance)):
            self.state[row] = value
        self.num_updates = 0
        self._memory = (np.empty(plan.slots, computed), np.zeros(plan.sums), np.empty((5, plan.slots), computed),
                        plan.numbers(), float(settings.decay), float(settings.epsilon))  # fmt: skip
        self._compiled = partial(compile_for, settings.dtype, "rows" if plan.by_rows else "columns")
        self._helpers = helpers(plan.threads - 1)
        self._spare = PAGE // self.dtype.itemsize if self.size * self.dtype.itemsize > PAGE else 0

    def inference(self, x: Array) -> Array:
        """y by the moving statistics."""
        y, _ = self._results(x, x)
        self._run("inference", x, None, y, None, None)
        return self._shaped(y)

    def training_step(self, x: Array) -> Array:
        """y by the batch's statistics, which move the moving ones."""
        y, _ = self._results(x, x)
        self._run("training_step", x, None, y, None, np.empty_like(self.state[:2]))
        self.num_updates += 1
        return self._shaped(y)

    def training_step_with_gradients(self, x: Array, dy: Array) -> tuple[Array, Array, Array, Array]:
        """The same, and the gradients of input, gamma and beta."""
        (y, dx), gradients = self._results(x, dy), np.empty_like(self.state[:2])
        self._run("training_step_with_gradients", x, dy, y, dx, gradients)
        self.num_updates += 1
        return self._shaped(y), self._shaped(dx), gradients[terms.GAMMA], gradients[terms.BETA]

    def _run(self, call: Call, x: Array, dy: Array | None, y: Array, dx: Array | None, gradients: Array | None) -> None:
        given, other, board = self._flat(x), None if dy is None else self._flat(dy), np.zeros(terms.BOARD, np.int64)
        work = self._compiled(call)
        arguments = (given, other, y, dx, self.state, gradients, *self._memory, board)
        for helper in self._helpers:
            helper.offer(work, arguments)
        work(*arguments)

    def _flat(self, tensor: Array) -> Array:
        """As the kernel reads it; a copy where it does not lie in order."""
        return tensor.reshape(-1).view(self.memory_dtype)

    def _shaped(self, result: Array) -> Array:
        return result.view(self.dtype).reshape(self.shape)

    def _results(self, x: Array, dy: Array) -> tuple[Array, Array]:
        """New memory for y and dx, at other places of a page than x and dy: see :data:`PAGE`."""
        if not self._spare:
            return np.empty(self.size, self.memory_dtype), np.empty(self.size, self.memory_dtype)
        origin = x.ctypes.data // LINE * LINE
        apart = (dy.ctypes.data - origin) % PAGE
        free = [place for place in range(PAGE // 4, PAGE, PAGE // 4) if abs(apart - place) >= PAGE // 8]
        return self._memory_at(origin + free[0]), self._memory_at(origin + free[1])

    def _memory_at(self, place: int) -> Array:
        """Memory whose address equals a given one within a page; its pages are asked for when they are written."""
        found = np.empty(self.size + self._spare, self.memory_dtype)
        first = (place - found.ctypes.data) % PAGE // self.dtype.itemsize
        return found[first : first + self.size]


# ---- the adapter ----------------------------------------------------------------------------------------------------

OWN = Conventions(ddof=0, initial_mean=0.0, initial_variance=1.0, warm_up=False, decay_in_float32=False)


def refusal(settings: Configuration) -> Unsupported | None:
    """Why this configuration cannot be built, or None."""
    if settings.device != "cpu":
        return Unsupported("this kernel computes on the CPU only")
    if settings.style != "eager":
        return Unsupported(f"a compiled kernel has one call style: eager, not {settings.style}")
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
        num_updates=int(layer.num_updates),
    )


def _load(layer: BatchNorm, state: State) -> None:
    layer.state[:] = [state["gamma"], state["beta"], state["moving_mean"], state["moving_variance"]]
    layer.num_updates = state["num_updates"]


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
    layer = BatchNorm(configuration)
    built = Layer(
        configuration=configuration,
        inference=layer.inference,
        training_step=layer.training_step,
        training_step_with_gradients=_gradients(layer, configuration),
        to_native=lambda array: np.array(array, layer.dtype, order="C"),
        to_numpy=identity,
        synchronize=no_wait,
        export_state=lambda: _export(layer),
        load_state=lambda state: _load(layer, state),
        observe=observe,
        formats={"npz": npz_format(lambda: _export(layer), lambda state: built.import_state(state))},
    )
    return built


IMPLEMENTATION = Implementation(
    conventions=OWN,
    packages=("numba", "llvmlite", "numpy"),
    build=build,
    variants=found_in("bn_impls.variants.numba_layer"),
)
