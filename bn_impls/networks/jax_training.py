"""Many training steps in one JAX call, for every library on JAX.

In style ``xla`` one compiled call scans over k steps and reuses the memory of the state it was given (donation). In
style ``eager`` Python runs the same step, and JAX dispatches every operation by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bn_impls import jax_boundary as boundary
from bn_impls.interface import Array, Observation, Statistics, Trainer, TrainerConfiguration, Unsupported
from bn_impls.jax_layer import COUNT
from bn_impls.networks.jax_network import LOSSES, JaxNetwork, MakeBatchNorm, Masks, Tree
from bn_impls.networks.jax_optimizers import Slots, rates, updated


class Training:
    """The state of a network in training, and the pure functions over it."""

    def __init__(self, settings: TrainerConfiguration, make_batch_norm: MakeBatchNorm) -> None:
        """Build the network; its weights and slots start at 0, its statistics where the conventions say."""
        self.settings, self.place = settings, boundary.placed(settings.device)
        self.network = JaxNetwork(settings, make_batch_norm)
        shapes = settings.network.parameter_shapes()
        self.parameters = self.network.parameters_of({name: np.zeros(shape) for name, shape in shapes.items()})
        self.statistics = self.network.statistics_at_start()
        self.slots: Slots = {slot: jax.tree.map(jnp.zeros_like, self.parameters) for slot in settings.optimizer.slots}
        self.steps = 0
        self.last = 1  # steps of the last training call
        self.updates = dict.fromkeys(self.network.batch_norms, 0)
        compiled = boundary.styled(self._scan, "xla", donated=(0, 1, 2))
        self.run: Callable[..., Any] = compiled if settings.style == "xla" else self._loop
        predictors = {"moving": self._predict_moving, "batch": self._predict_batch}
        self.predictors = {name: boundary.styled(call, settings.style) for name, call in predictors.items()}

    # ---- pure functions ----

    def _step(self, state: Any, x: jax.Array, labels: jax.Array, masks: Masks, rate: Any) -> Any:
        parameters, statistics, slots = state

        def loss_of(parameters: Tree) -> Any:
            logits, moved = self.network.apply(parameters, statistics, x, True, masks)
            return LOSSES[self.settings.network.loss](logits, labels), moved

        (loss, moved), gradients = jax.value_and_grad(loss_of, has_aux=True)(parameters)
        parameters, slots = updated(self.settings.optimizer, rate, parameters, slots, gradients)
        return (parameters, moved, slots), loss

    def _scan(self, parameters: Tree, statistics: Tree, slots: Slots, data: Any, batches: Any) -> Any:
        inputs, labels = data

        def body(state: Any, batch: Any) -> Any:
            rows, masks, rate = batch
            return self._step(state, inputs[rows], labels[rows], masks, rate)

        return jax.lax.scan(body, (parameters, statistics, slots), batches)

    def _loop(self, parameters: Tree, statistics: Tree, slots: Slots, data: Any, batches: Any) -> Any:
        inputs, labels = data
        rows, masks, rate = batches
        state, losses = (parameters, statistics, slots), []
        for step in range(len(rows)):
            chosen = {name: mask[step] for name, mask in masks.items()}
            state, loss = self._step(state, inputs[rows[step]], labels[rows[step]], chosen, rate[step])
            losses.append(loss)
        return state, jnp.stack(losses)

    def _predict_moving(self, parameters: Tree, statistics: Tree, x: jax.Array) -> Any:
        return self.network.apply(parameters, statistics, x, False, {})[0]

    def _predict_batch(self, parameters: Tree, statistics: Tree, x: jax.Array) -> Any:
        return self.network.apply(parameters, statistics, x, True, {})[0]

    # ---- the trainer's calls ----

    def _put(self, array: Any, dtype: str) -> jax.Array:
        return jax.device_put(np.array(array, dtype), self.place)

    def load_data(self, inputs: Array, labels: Array) -> None:
        """Put the data set on the device."""
        self.data = self._put(inputs, self.settings.dtype), self._put(labels, "int32")

    def _batches(self, indices: Array, masks: Mapping[str, Array]) -> Any:
        dtype = self.settings.dtype
        corrected = rates(self.settings.optimizer, self.steps, len(indices), dtype)
        native = {name: self._put(mask, dtype) for name, mask in masks.items()}
        return self._put(indices, "int32"), native, self._put(corrected, dtype)

    def train(self, indices: Array, masks: Mapping[str, Array]) -> Array:
        """Run one step for each row of indices, all in one call."""
        batches, self.last = self._batches(indices, masks), len(indices)
        state, losses = self.run(self.parameters, self.statistics, self.slots, self.data, batches)
        self.parameters, self.statistics, self.slots = state
        self.steps += len(indices)
        self.updates = {name: count + len(indices) for name, count in self.updates.items()}
        return boundary.to_numpy(losses)

    def predict(self, inputs: Array, statistics: Statistics) -> Array:
        """Logits, with dropout off."""
        x = self._put(inputs, self.settings.dtype)
        return boundary.to_numpy(self.predictors[statistics](self.parameters, self.statistics, x))

    # ---- export and import ----

    def export_weights(self) -> dict[str, Array]:
        """Copies of weights and statistics."""
        counts = {f"{name}/num_updates": np.array(count, np.int64) for name, count in self.updates.items()}
        named = self.network.named_parameters(self.parameters) | self.network.named_statistics(self.statistics)
        return named | counts

    def load_weights(self, weights: Mapping[str, Array]) -> None:
        """Set weights and statistics."""
        self.parameters = self.network.parameters_of(weights)
        self.statistics = self.network.statistics_of(weights)
        self.updates = {name: int(weights[f"{name}/num_updates"]) for name in self.updates}

    def export_optimizer(self) -> dict[str, Array]:
        """Copies of slots and step."""
        slots = {
            f"{name}/{slot}": array
            for slot, tree in self.slots.items()
            for name, array in self.network.named_parameters(tree).items()
        }
        return slots | {"step": np.array(self.steps, np.int64)}

    def load_optimizer(self, arrays: Mapping[str, Array]) -> None:
        """Set slots and step."""
        self.steps = int(arrays["step"])
        self.slots = {slot: self.network.parameters_of(arrays, f"/{slot}") for slot in self.slots}

    # ---- checkpoints ----

    def own_arrays(self) -> dict[str, Array]:
        """Copies of everything by the library's own names, also of what the canonical names leave out."""
        counts = {f"{COUNT}/{name}": count for name, count in self.updates.items()} | {"steps": self.steps}
        return boundary.named_leaves(self._state()) | {name: np.array(n, np.int64) for name, n in counts.items()}

    def _state(self) -> dict[str, Any]:
        return {"parameters": self.parameters, "statistics": self.statistics, "slots": self.slots}

    def parameter_arrays(self) -> dict[str, Array]:
        """Copies of the parameters alone, as whoever saves ``params`` and forgets the statistics."""
        return boundary.named_leaves({"parameters": self.parameters})

    def load_parameter_arrays(self, arrays: Mapping[str, Array]) -> None:
        """Set the parameters, and nothing else."""
        self.parameters = boundary.filled({"parameters": self.parameters}, arrays, self.place)["parameters"]

    def load_own_arrays(self, arrays: Mapping[str, Array]) -> None:
        """Set all of it."""
        state = boundary.filled(self._state(), arrays, self.place)
        self.parameters, self.statistics, self.slots = state["parameters"], state["statistics"], state["slots"]
        self.updates = {name: int(arrays[f"{COUNT}/{name}"]) for name in self.updates}
        self.steps = int(arrays["steps"])

    def observe(self) -> Mapping[str, Observation]:
        """Look at a weight, and at the training call, which gets copies of the state.

        A compiled call gets as many steps as the last one had, so that it is not compiled again.
        """
        steps, size = self.last if self.settings.style == "xla" else 2, self.settings.batch_size
        shapes = self.settings.network.dropout_shapes()
        masks = {name: np.ones((steps, size, *shape), np.float32) for name, shape in shapes.items()}
        batches = self._batches(np.zeros((steps, size), np.int32), masks)

        def copies() -> Any:
            return jax.block_until_ready(jax.tree.map(jnp.copy, (self.parameters, self.statistics, self.slots)))

        self.run(*copies(), self.data, batches)  # compiles, where it must
        state = copies()
        _, style = boundary.watch(lambda: self.run(*state, self.data, batches))
        return boundary.labels_of(jax.tree.leaves(self.parameters)[0], "a weight") | {"style": style}


def jax_trainer(configuration: TrainerConfiguration, make_batch_norm: MakeBatchNorm) -> Trainer | Unsupported:
    """Build the network around an implementation's layer.

    Args:
        configuration: which network, optimizer and conventions.
        make_batch_norm: makes the layer as pure functions, with its values at the start.

    Returns:
        The trainer, or why there is none.
    """
    if reason := boundary.refusal(configuration.device, configuration.style, configuration.dtype):
        return reason
    training = Training(configuration, make_batch_norm)
    return Trainer(
        configuration=configuration,
        load_data=training.load_data,
        train=training.train,
        predict=training.predict,
        export_weights=training.export_weights,
        load_weights=training.load_weights,
        export_optimizer=training.export_optimizer,
        load_optimizer=training.load_optimizer,
        observe=training.observe,
        formats={"orbax": boundary.orbax_format(training.own_arrays, training.load_own_arrays)},
        partial_formats={
            "orbax:parameters": boundary.orbax_format(training.parameter_arrays, training.load_parameter_arrays)
        },
    )
