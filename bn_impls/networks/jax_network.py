"""The JAX builder: a network as one pure function of its values, around a layer of Flax, Haiku or Keras.

Everything but batch normalization is plain JAX, the same for each of these libraries; batch normalization is the
library's own, in the pure form that its users give it for ``jax.jit``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from bn_impls import jax_boundary as boundary
from bn_impls.interface import Array, Configuration, TrainerConfiguration
from bn_impls.jax_layer import PureLayer
from bn_impls.networks.description import (
    Activation,
    Conv,
    Dense,
    Dropout,
    Flatten,
    Loss,
    MaxPool,
    NamedLayer,
    Unused,
    swapped_costs,
)

MakeBatchNorm = Callable[[Configuration], PureLayer]
Masks = Mapping[str, jax.Array]
Tree = dict[str, Any]  # layer -> its own values
ACTIVATIONS = {"relu": jax.nn.relu, "elu": jax.nn.elu, "tanh": jnp.tanh, "sigmoid": jax.nn.sigmoid}
STATISTICS = ("moving_mean", "moving_variance", "num_updates")
CHANNELS_LAST = ("NHWC", "HWIO", "NHWC")


class JaxNetwork:
    """Layers in order, as pure functions; and their values by the description's names."""

    def __init__(self, settings: TrainerConfiguration, make_batch_norm: MakeBatchNorm) -> None:
        """Make the batch normalizations on the device; the other layers need nothing but their values."""
        self.named = tuple(settings.network.named_layers())
        self.names, self.dtype = tuple(settings.network.parameter_shapes()), settings.dtype
        self.place = boundary.placed(settings.device)
        layers = {
            named.name: settings.layer_configuration(named.batch_norm, named.input_shape)
            for named in self.named
            if named.batch_norm is not None
        }
        with jax.default_device(self.place):
            self.batch_norms = {name: make_batch_norm(layer) for name, layer in layers.items()}

    def apply(self, parameters: Tree, statistics: Tree, h: jax.Array, training: bool, masks: Masks) -> Any:
        """Logits, and the statistics after it; dropout layers do nothing without a mask."""
        moved = dict(statistics)
        for named in self.named:
            if named.batch_norm is None:
                h = _applied(named, parameters.get(named.name, {}), h, masks)
                continue
            pure, given = self.batch_norms[named.name].pure, (parameters[named.name], statistics[named.name], h)
            if training:
                normalized, moved[named.name] = pure.forward(*given)
            else:
                normalized = pure.inference(*given)
            h = h if isinstance(named.layer, Unused) else normalized
        return h, moved

    # ---- names of the description ----

    def parameters_of(self, arrays: Mapping[str, Array], suffix: str = "") -> Tree:
        """The values on the device; ``suffix`` follows each name, as ``/m`` of a slot."""
        grouped: Tree = {name: {} for name in self.batch_norms}
        for name in self.names:
            layer, parameter = name.split("/")
            grouped.setdefault(layer, {})[parameter] = np.array(arrays[name + suffix], self.dtype)
        own = {layer: made.parameters_of(grouped[layer]) for layer, made in self.batch_norms.items()}
        return self._put(grouped | own)

    def named_parameters(self, parameters: Tree) -> dict[str, Array]:
        """Copies of the values by ``layer/parameter``."""
        named = {layer: self._named(layer, values) for layer, values in parameters.items()}
        pairs = (name.split("/") for name in self.names)
        return {f"{layer}/{parameter}": boundary.to_numpy(named[layer][parameter]) for layer, parameter in pairs}

    def _named(self, layer: str, values: Any) -> Mapping[str, Any]:
        return self.batch_norms[layer].named_parameters(values) if layer in self.batch_norms else values

    def statistics_of(self, arrays: Mapping[str, Array]) -> Tree:
        """The moving statistics on the device, from arrays by ``layer/statistic``."""
        return self._put(
            {
                layer: made.statistics_of({name: arrays[f"{layer}/{name}"] for name in STATISTICS})
                for layer, made in self.batch_norms.items()
            }
        )

    def statistics_at_start(self) -> Tree:
        """The same, as they were made."""
        found: Tree = boundary.copied({layer: made.start()[1] for layer, made in self.batch_norms.items()}, self.place)
        return found

    def named_statistics(self, statistics: Tree) -> dict[str, Array]:
        """Copies of the moving statistics by ``layer/statistic``."""
        return {
            f"{layer}/{name}": boundary.to_numpy(array)
            for layer, made in self.batch_norms.items()
            for name, array in made.named_statistics(statistics[layer]).items()
        }

    def _put(self, tree: Tree) -> Tree:
        put: Tree = jax.device_put(tree, self.place)
        return put


def _applied(named: NamedLayer, own: Mapping[str, jax.Array], h: jax.Array, masks: Masks) -> jax.Array:
    match named.layer:
        case Dense():
            return h @ own["kernel"] + own["bias"]
        case Conv():
            maps = lax.conv_general_dilated(h, own["kernel"], (1, 1), "SAME", dimension_numbers=CHANNELS_LAST)
            return maps + own["bias"]
        case MaxPool(size=size):
            window = (1, size, size, 1)
            return lax.reduce_window(h, -jnp.inf, lax.max, window, window, "VALID")
        case Flatten():
            return h.reshape(len(h), -1)
        case Activation(function=function):
            return ACTIVATIONS[function](h)
        case Dropout():
            return h * masks[named.name] if named.name in masks else h
    raise TypeError(f"{named.name} is a {type(named.layer).__name__}, which this builder does not know")


def cross_entropy(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """Mean of ``-log softmax(logits)[label]``."""
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], axis=1).mean()


def swapped_cross_entropy(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """Mean of ``wrong - (wrong - right) softmax(logits)[label]``."""
    right, wrong = swapped_costs()
    return (wrong - (wrong - right) * jnp.take_along_axis(jax.nn.softmax(logits), labels[:, None], axis=1)).mean()


LOSSES: dict[Loss, Callable[[jax.Array, jax.Array], jax.Array]] = {
    "cross_entropy": cross_entropy,
    "swapped_cross_entropy": swapped_cross_entropy,
}
