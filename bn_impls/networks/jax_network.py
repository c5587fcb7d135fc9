"""The Flax builder: a network of ``nnx`` modules around an implementation's layer, as pure functions of its state.

In style ``xla`` one compiled call scans over k steps and reuses the memory of the state it was given (donation). In
style ``eager`` Python runs the same step, and JAX dispatches every operation by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from bn_impls import jax_boundary as boundary
from bn_impls.interface import Array, Configuration, Observation, Statistics, Trainer, TrainerConfiguration, Unsupported
from bn_impls.networks.description import (
    Activation,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    MaxPool,
    NamedLayer,
)
from bn_impls.networks.jax_optimizers import Slots, rates, updated

MakeBatchNorm = Callable[[Configuration], nnx.BatchNorm]
Masks = Mapping[str, jax.Array]
ACTIVATIONS = {"relu": jax.nn.relu, "elu": jax.nn.elu, "tanh": jnp.tanh, "sigmoid": jax.nn.sigmoid}
NAMES = {"scale": "gamma", "bias": "beta", "mean": "moving_mean", "var": "moving_variance"}


class FlaxNetwork(nnx.Module):
    """Modules in order; batch normalization is whatever was handed in."""

    def __init__(self, settings: TrainerConfiguration, make_batch_norm: MakeBatchNorm) -> None:
        self.named = nnx.static(tuple(settings.network.named_layers()))
        self.parts = nnx.data({named.name: _module(named, settings, make_batch_norm) for named in self.named})

    def __call__(self, h: jax.Array, training: bool, masks: Masks) -> jax.Array:
        """Logits; dropout layers multiply by their masks, and do nothing without one."""
        for named in self.named:
            h = self._apply(named, h, training, masks)
        return h

    def _apply(self, named: NamedLayer, h: jax.Array, training: bool, masks: Masks) -> jax.Array:
        match named.layer:
            case Dense() | Conv():
                return self.parts[named.name](h)
            case BatchNorm():
                return self.parts[named.name](h, use_running_average=not training)
            case MaxPool(size=size):
                return nnx.max_pool(h, (size, size), (size, size))
            case Flatten():
                return h.reshape(len(h), -1)
            case Activation(function=function):
                return ACTIVATIONS[function](h)
            case Dropout():
                return h * masks[named.name] if named.name in masks else h
        raise TypeError(f"{named.name} is a {type(named.layer).__name__}, which this builder does not know")


def _module(named: NamedLayer, settings: TrainerConfiguration, make_batch_norm: MakeBatchNorm) -> nnx.Module | None:
    common: dict[str, Any] = {"dtype": settings.dtype, "param_dtype": settings.dtype, "rngs": nnx.Rngs(0)}
    match named.layer:
        case Dense(units=units):
            return nnx.Linear(named.input_shape[0], units, **common)
        case Conv(filters=filters, size=size):
            return nnx.Conv(named.input_shape[-1], filters, (size, size), padding="SAME", **common)
        case BatchNorm():
            return make_batch_norm(settings.layer_configuration(named.layer, named.input_shape))
        case _:
            return None


class Training:
    """The state of a network in training, and the pure functions over it."""

    def __init__(self, settings: TrainerConfiguration, make_batch_norm: MakeBatchNorm) -> None:
        """Build the network on the device and take it apart."""
        self.settings, self.place = settings, boundary.placed(settings.device)
        with jax.default_device(self.place):
            network = FlaxNetwork(settings, make_batch_norm)
            self.structure, self.parameters, self.statistics = nnx.split(network, nnx.Param, nnx.BatchStat)
            slots = {slot: jax.tree.map(jnp.zeros_like, self.parameters) for slot in settings.optimizer.slots}
        self.slots: Slots = slots
        self.steps = 0
        self.updates = {n.name: 0 for n in settings.network.named_layers() if isinstance(n.layer, BatchNorm)}
        compiled = boundary.styled(self._scan, "xla", donated=(0, 1, 2))
        self.run: Callable[..., Any] = compiled if settings.style == "xla" else self._loop
        predictors = {"moving": self._predict_moving, "batch": self._predict_batch}
        self.predictors = {name: boundary.styled(call, settings.style) for name, call in predictors.items()}

    # ---- pure functions ----

    def _forward(self, parameters: Any, statistics: Any, x: jax.Array, training: bool, masks: Masks) -> Any:
        network = nnx.merge(self.structure, parameters, statistics, copy=True)
        return network(x, training, masks), nnx.state(network, nnx.BatchStat)

    def _step(self, state: Any, x: jax.Array, labels: jax.Array, masks: Masks, rate: Any) -> Any:
        parameters, statistics, slots = state

        def loss_of(parameters: Any) -> Any:
            logits, moved = self._forward(parameters, statistics, x, True, masks)
            chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], axis=1)
            return -chosen.mean(), moved

        (loss, moved), gradients = jax.value_and_grad(loss_of, has_aux=True)(parameters)
        parameters, slots = updated(self.settings.optimizer, rate, parameters, slots, gradients)
        return (parameters, moved, slots), loss

    def _scan(self, parameters: Any, statistics: Any, slots: Slots, data: Any, batches: Any) -> Any:
        inputs, labels = data

        def body(state: Any, batch: Any) -> Any:
            rows, masks, rate = batch
            return self._step(state, inputs[rows], labels[rows], masks, rate)

        return jax.lax.scan(body, (parameters, statistics, slots), batches)

    def _loop(self, parameters: Any, statistics: Any, slots: Slots, data: Any, batches: Any) -> Any:
        inputs, labels = data
        rows, masks, rate = batches
        state, losses = (parameters, statistics, slots), []
        for step in range(len(rows)):
            chosen = {name: mask[step] for name, mask in masks.items()}
            state, loss = self._step(state, inputs[rows[step]], labels[rows[step]], chosen, rate[step])
            losses.append(loss)
        return state, jnp.stack(losses)

    def _predict_moving(self, parameters: Any, statistics: Any, x: jax.Array) -> Any:
        return self._forward(parameters, statistics, x, False, {})[0]

    def _predict_batch(self, parameters: Any, statistics: Any, x: jax.Array) -> Any:
        return self._forward(parameters, statistics, x, True, {})[0]

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
        batches = self._batches(indices, masks)
        state, losses = self.run(self.parameters, self.statistics, self.slots, self.data, batches)
        self.parameters, self.statistics, self.slots = state
        self.steps += len(indices)
        self.updates = {name: count + len(indices) for name, count in self.updates.items()}
        return boundary.to_numpy(losses)

    def predict(self, inputs: Array, statistics: Statistics) -> Array:
        """Logits, with dropout off."""
        x = self._put(inputs, self.settings.dtype)
        return boundary.to_numpy(self.predictors[statistics](self.parameters, self.statistics, x))

    # ---- names of the description ----

    def export_weights(self) -> dict[str, Array]:
        """Copies of weights and statistics."""
        counts = {f"{name}/num_updates": np.array(count, np.int64) for name, count in self.updates.items()}
        weights = self._named(self.parameters)
        ordered = {name: weights[name] for name in self.settings.network.parameter_shapes()}
        return ordered | self._named(self.statistics) | counts

    def _key(self, path: Any) -> str:
        """``dense_0/kernel`` for the leaf at ``parts.dense_0.kernel.value``."""
        layer, variable = (str(getattr(part, "key", part)) for part in path[1:3])
        return f"{layer}/{NAMES[variable] if layer in self.updates else variable}"

    def _named(self, tree: Any) -> dict[str, Array]:
        return {self._key(path): boundary.to_numpy(leaf) for path, leaf in jax.tree.leaves_with_path(tree)}

    def _filled(self, tree: Any, arrays: Mapping[str, Array], suffix: str = "") -> Any:
        """A tree like ``tree`` with the arrays of its names."""
        dtype = self.settings.dtype
        return jax.tree.map_with_path(lambda path, _: self._put(arrays[self._key(path) + suffix], dtype), tree)

    def load_weights(self, weights: Mapping[str, Array]) -> None:
        """Set weights and statistics."""
        self.parameters = self._filled(self.parameters, weights)
        self.statistics = self._filled(self.statistics, weights)
        self.updates = {name: int(weights[f"{name}/num_updates"]) for name in self.updates}

    def export_optimizer(self) -> dict[str, Array]:
        """Copies of slots and step."""
        found = {slot: self._named(tree) for slot, tree in self.slots.items()}
        names = self.settings.network.parameter_shapes()
        slots = {f"{name}/{slot}": found[slot][name] for name in names for slot in found}
        return slots | {"step": np.array(self.steps, np.int64)}

    def load_optimizer(self, arrays: Mapping[str, Array]) -> None:
        """Set slots and step."""
        self.steps = int(arrays["step"])
        self.slots = {slot: self._filled(tree, arrays, f"/{slot}") for slot, tree in self.slots.items()}

    def observe(self) -> Mapping[str, Observation]:
        """Look at a weight, and at the training call, which gets copies of the state."""
        steps, size = 2, self.settings.batch_size
        shapes = self.settings.network.dropout_shapes()
        masks = {name: np.ones((steps, size, *shape), np.float32) for name, shape in shapes.items()}
        batches = self._batches(np.zeros((steps, size), np.int32), masks)

        def copies() -> Any:
            return jax.block_until_ready(jax.tree.map(jnp.copy, (self.parameters, self.statistics, self.slots)))

        self.run(*copies(), self.data, batches)  # compiles, where it must
        state = copies()
        _, style = boundary.watch(lambda: self.run(*state, self.data, batches))
        return boundary.labels_of(jax.tree.leaves(self.parameters)[0], "a weight") | {"style": style}


def flax_trainer(configuration: TrainerConfiguration, make_batch_norm: MakeBatchNorm) -> Trainer | Unsupported:
    """Build the network around an implementation's layer.

    Args:
        configuration: which network, optimizer and conventions.
        make_batch_norm: makes the layer, a module called as ``layer(x, use_running_average=bool)`` with parameters
            ``scale`` and ``bias`` and statistics ``mean`` and ``var``.

    Returns:
        The trainer, or why there is none.
    """
    if reason := boundary.refusal(configuration.device, configuration.style, configuration.dtype):
        return reason
    training = Training(configuration, make_batch_norm)
    prefix = "optimizer/"

    def export() -> dict[str, Array]:
        slots = {f"{prefix}{name}": array for name, array in training.export_optimizer().items()}
        return training.export_weights() | slots

    def restore(arrays: Mapping[str, Array]) -> None:
        trainer.import_weights({name: a for name, a in arrays.items() if not name.startswith(prefix)})
        trainer.import_optimizer({n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)})

    trainer = Trainer(
        configuration=configuration,
        load_data=training.load_data,
        train=training.train,
        predict=training.predict,
        export_weights=training.export_weights,
        load_weights=training.load_weights,
        export_optimizer=training.export_optimizer,
        load_optimizer=training.load_optimizer,
        observe=training.observe,
        formats={"orbax": boundary.orbax_format(export, restore)},
    )
    return trainer
