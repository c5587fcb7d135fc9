"""The adapter of batch normalizations on JAX: pure functions of their values, and the values held between calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import jax
import numpy as np

from bn_impls import jax_boundary as boundary
from bn_impls.interface import Array, Configuration, Layer, Unsupported
from bn_impls.state import State

COUNT = "num_updates"


class Pure(Protocol):
    """A batch normalization as functions of its values."""

    def inference(self, parameters: Any, statistics: Any, x: jax.Array) -> jax.Array:
        """Output by the moving statistics."""

    def forward(self, parameters: Any, statistics: Any, x: jax.Array) -> tuple[jax.Array, Any]:
        """Output by the batch's statistics, and the new moving ones."""

    def gradients(self, parameters: Any, statistics: Any, x: jax.Array, dy: jax.Array) -> Any:
        """(output, gradient of the input, gradients of gamma and beta), and the new moving statistics."""


class PureLayer(Protocol):
    """The same, and its library's trees of values by canonical names, each array of shape (C,)."""

    @property
    def pure(self) -> Pure:
        """The functions."""

    def start(self) -> tuple[Any, Any]:
        """Parameters and statistics before anything was set or updated."""

    def parameters_of(self, arrays: Mapping[str, Array]) -> Any:
        """A tree in main memory of its own; only parameters that the layer has are looked for."""

    def named_parameters(self, parameters: Any) -> dict[str, Any]:
        """``gamma`` and ``beta`` of such a tree, those that the layer has."""

    def statistics_of(self, arrays: Mapping[str, Array]) -> Any:
        """A tree in main memory of its own, from ``moving_mean``, ``moving_variance`` and ``num_updates``."""

    def named_statistics(self, statistics: Any) -> dict[str, Any]:
        """``moving_mean`` and ``moving_variance`` of such a tree."""


def start_of(settings: Configuration) -> State:
    """Gamma 1, beta 0, and the statistics where the conventions say."""
    ones = np.ones(settings.channels)
    return State(
        gamma=ones,
        beta=0 * ones,
        moving_mean=settings.conventions.initial_mean * ones,
        moving_variance=settings.conventions.initial_variance * ones,
        num_updates=0,
    )


class HeldState:
    """What is kept between calls: parameters and statistics on the device, and how often these were updated."""

    parameters: Any
    statistics: Any
    updates: int

    def __init__(self, settings: Configuration, make: Callable[[Configuration], PureLayer]) -> None:
        """Make the layer on the device, and set it to its start."""
        self.settings, self.place = settings, boundary.placed(settings.device)
        with jax.default_device(self.place):
            self.layer = make(settings)
        self.pure, self.updates = self.layer.pure, 0
        self.parameters, self.statistics = boundary.copied(self.layer.start(), self.place)

    def callables(self) -> tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]:
        """Inference, training step and training step with gradients: each a pure function and one assignment."""
        functions = (self.pure.inference, self.pure.forward, self.pure.gradients)
        infers, forward, gradients = (boundary.styled(function, self.settings.style) for function in functions)

        def inference(x: jax.Array) -> Any:
            return infers(self.parameters, self.statistics, x)

        def training_step(x: jax.Array) -> Any:
            y, self.statistics = forward(self.parameters, self.statistics, x)
            self.updates += 1
            return y

        def with_gradients(x: jax.Array, dy: jax.Array) -> Any:
            results, self.statistics = gradients(self.parameters, self.statistics, x, dy)
            self.updates += 1
            return results

        return inference, training_step, with_gradients

    def load(self, state: State) -> None:
        """Set the canonical state; a parameter that is off has no place to go."""
        given: dict[str, Any] = {**state}
        self.parameters = jax.device_put(self.layer.parameters_of(given), self.place)
        self.statistics = jax.device_put(self.layer.statistics_of(given), self.place)
        self.updates = state["num_updates"]

    def export(self) -> State:
        """Copies as the canonical state."""
        ones = np.ones(self.settings.channels, self.settings.parameter_dtype)
        found = self.layer.named_parameters(self.parameters) | self.layer.named_statistics(self.statistics)
        return State(
            gamma=np.array(found.get("gamma", ones)),
            beta=np.array(found.get("beta", 0 * ones)),
            moving_mean=np.array(found["moving_mean"]),
            moving_variance=np.array(found["moving_variance"]),
            num_updates=self.updates,
        )

    def own_arrays(self) -> dict[str, Array]:
        """Copies of everything by the library's own names, also of what the canonical state leaves out."""
        return boundary.named_leaves((self.parameters, self.statistics)) | {COUNT: np.array(self.updates, np.int64)}

    def load_own_arrays(self, arrays: Mapping[str, Array]) -> None:
        """Set all of it."""
        trees = (self.parameters, self.statistics)
        self.parameters, self.statistics = boundary.filled(trees, arrays, self.place)
        self.updates = int(arrays[COUNT])


def layer_of(held: HeldState) -> Layer:
    """The layer of the interface around a state."""
    configuration = held.settings
    inference, training_step, with_gradients = held.callables()
    return Layer(
        configuration=configuration,
        inference=inference,
        training_step=training_step,
        training_step_with_gradients=with_gradients,
        to_native=boundary.to_native(configuration.device, configuration.dtype),
        to_numpy=boundary.to_numpy,
        synchronize=boundary.synchronize,
        export_state=held.export,
        load_state=held.load,
        observe=boundary.observe,
        formats={"orbax": boundary.orbax_format(held.own_arrays, held.load_own_arrays)},
    )


def unbuilt(configuration: Configuration) -> Unsupported:
    """Nothing is built: a checkpoint's values are arguments of pure functions."""
    return Unsupported("its values are arguments of pure functions; there is no object that could lack them")
