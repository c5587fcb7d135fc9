"""The Keras 3 layer on PyTorch: a module that is called, recorded by autograd, with Keras' own arguments.

What its user must remember:

- ``KERAS_BACKEND=torch`` is read when Keras is imported, and holds for the whole process.
- The layer is a ``torch.nn.Module``, but its mode is the call's ``training``; ``train()`` and ``eval()`` are ignored.
- Channels are last by default, unlike in PyTorch, and the moving variance divides by n, unlike PyTorch's.
- The variance is E[x^2] - E[x]^2 without a lower limit: wrong where the mean is large beside the deviation.
- There is no float64: the layer casts its input to float32, also where its dtype is float64 and so are its results.
- 16 bits are the policy ``mixed_float16`` or ``mixed_bfloat16``: variables and arithmetic stay in float32, and the
  output is rounded once. With ``dtype="float16"`` the moving statistics would be kept in 16 bits, too.
- ``torch.compile`` cannot take the layer as one graph: Keras' bookkeeping in ``__call__`` breaks it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import keras
import torch
from torch import nn

from bn_impls import keras_api as api
from bn_impls import torch_boundary as boundary
from bn_impls.errors import BadCheckpoint
from bn_impls.interface import (
    Configuration,
    Documented,
    Implementation,
    Layer,
    Trainer,
    TrainerConfiguration,
    Unsupported,
)
from bn_impls.networks.torch_network import torch_trainer
from bn_impls.state import State
from bn_impls.unbuilt import unbuilt_layer
from bn_impls.variants import found_in


class Counting:
    """The layer's calls, counted, as Keras keeps no count."""

    def __init__(self, layer: keras.layers.BatchNormalization) -> None:
        """Start at 0."""
        self.layer, self.updates = layer, 0

    def inference(self, x: torch.Tensor) -> torch.Tensor:
        """Output by the moving statistics; nothing is recorded."""
        with torch.inference_mode():
            return self.layer(x, training=False)

    def training_step(self, x: torch.Tensor) -> torch.Tensor:
        """Output by the batch's statistics, which move the moving ones."""
        self.updates += 1
        return self.layer(x, training=True)

    def with_gradients(
        self, parameters: Sequence[torch.Tensor | None], x: torch.Tensor, dy: torch.Tensor
    ) -> tuple[torch.Tensor | None, ...]:
        """Output, and the gradients of input, gamma and beta; autograd records what the layer does."""
        x = x.detach().requires_grad_()
        y = self.training_step(x)
        used = [parameter for parameter in parameters if parameter is not None]
        dx, *found = torch.autograd.grad(y, (x, *used), dy)
        remaining = iter(found)
        return y, dx, *(None if parameter is None else next(remaining) for parameter in parameters)


# ---- the adapter ----------------------------------------------------------------------------------------------------

COUNT = "num_batches_tracked"


class KerasModule(nn.Module):
    """The layer in a network of PyTorch modules: with a mode, a count, and PyTorch's names and order of axes."""

    def __init__(self, settings: Configuration) -> None:
        """Build it for the channels second."""
        super().__init__()
        batch, *middle, channels = settings.input_shape
        self.layer = built(replace(settings, input_shape=(batch, channels, *middle), layout="channels_first"))
        self.register_buffer(COUNT, torch.zeros((), dtype=torch.int64))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalize by the batch in training, which counts, otherwise by the moving statistics."""
        if self.training:
            self.num_batches_tracked += 1
        return self.layer(x, training=self.training)

    @property
    def weight(self) -> torch.Tensor:
        """Gamma, (C,)."""
        return self.layer.gamma.value

    @property
    def bias(self) -> torch.Tensor:
        """Beta, (C,)."""
        return self.layer.beta.value

    @property
    def running_mean(self) -> torch.Tensor:
        """The moving mean, (C,)."""
        return self.layer.moving_mean.value

    @property
    def running_var(self) -> torch.Tensor:
        """The moving variance, (C,)."""
        return self.layer.moving_variance.value


def named(settings: Configuration) -> keras.layers.BatchNormalization:
    """The layer of one name: otherwise Keras numbers it, and the number ends up in state dicts."""
    return api.batch_norm(settings, "layer")


def built(
    settings: Configuration, make: Callable[[Configuration], keras.layers.BatchNormalization] = named
) -> keras.layers.BatchNormalization:
    """A layer on the device, with its variables."""
    with keras.device("gpu" if settings.device == "gpu" else "cpu"):
        layer = make(settings)
        layer.build(settings.input_shape)
    return layer


def refusal(settings: Configuration | TrainerConfiguration) -> Unsupported | None:
    """Why this cannot be built, or None."""
    if settings.style == "graph":
        return Unsupported("torch.compile cannot take Keras' layer as one graph; this implementation is called eager")
    dtypes = boundary.LAYER_DTYPES if isinstance(settings, Configuration) else boundary.TORCH_DTYPES
    reason = boundary.refusal(settings.device, settings.style, settings.dtype, dtypes)
    reason = reason or api.refusal(settings.conventions, "torch", "PyTorch")
    return reason or api.dtype_refusal(settings.dtype, "PyTorch")


def build(configuration: Configuration) -> Layer | Unsupported:
    """Build a layer."""
    return refusal(configuration) or layer_of(configuration, built(configuration))


layer_refusal = refusal  # the name that Keras' layer on TensorFlow has for it, too


def layer_around(configuration: Configuration, layer: keras.layers.Layer) -> Layer:
    """The layer of the interface around a layer of Keras that has no variables yet."""
    return layer_of(configuration, built(configuration, lambda _: layer))


def layer_of(configuration: Configuration, layer: keras.layers.BatchNormalization) -> Layer:
    """The layer of the interface around one of Keras."""
    counting = Counting(layer)
    parameters = (
        layer.gamma.value if configuration.scale else None,
        layer.beta.value if configuration.center else None,
    )

    def load(state: State) -> None:
        api.load_state(layer, configuration, state)
        counting.updates = state["num_updates"]

    def tensors() -> dict[str, torch.Tensor]:
        return {**layer.state_dict(), COUNT: torch.tensor(counting.updates)}

    def load_tensors(given: Mapping[str, torch.Tensor]) -> None:
        for name, own in layer.state_dict().items():
            own.copy_(given[name])
        counting.updates = int(given[COUNT])

    gradients: Any = partial(counting.with_gradients, parameters)
    return Layer(
        configuration=configuration,
        inference=counting.inference,
        training_step=counting.training_step,
        training_step_with_gradients=gradients,
        to_native=boundary.to_native(configuration.device, configuration.dtype, "channels_first"),  # Keras permutes
        to_numpy=boundary.to_numpy("channels_first"),
        synchronize=boundary.synchronize,
        export_state=lambda: api.export_state(layer, configuration, counting.updates, boundary.array_of),
        load_state=load,
        observe=boundary.observe,
        formats=boundary.formats(tensors, load_tensors),
    )


def unbuilt(configuration: Configuration) -> Layer | Unsupported:
    """A layer without variables: PyTorch finds no place for the tensors of a state dict, and says so."""

    def restore(chosen: str, directory: Path) -> Layer:
        layer = named(configuration)

        def load(tensors: Mapping[str, torch.Tensor]) -> None:
            try:
                layer.load_state_dict({name: tensor for name, tensor in tensors.items() if name != COUNT})
            except RuntimeError as error:
                raise BadCheckpoint(f"{directory}: {' '.join(str(error).split())}") from error

        made = built(configuration)
        boundary.formats(lambda: {**made.state_dict(), COUNT: torch.tensor(0)}, load)[chosen].restore(directory)
        raise BadCheckpoint(f"{directory}: an unbuilt layer took tensors; what it has built from them is not known")

    return unbuilt_layer(build(configuration), {name: partial(restore, name) for name in ("state-dict", "torch-pt")})


def build_trainer(configuration: TrainerConfiguration) -> Trainer | Unsupported:
    """Build a network of PyTorch modules around Keras' layer."""
    return refusal(configuration) or torch_trainer(configuration, KerasModule)


ONE_PASS = "Keras on PyTorch takes E[x^2] - E[x]^2, which loses digits where the mean is large beside the deviation"
IMPLEMENTATION = Implementation(
    conventions=api.OWN,
    packages=("keras", "torch", "numpy"),
    build=build,
    build_trainer=build_trainer,
    narrow_statistics=False,
    variants=found_in("bn_impls.variants.keras_torch_layer"),
    unbuilt=unbuilt,
    documented={name: Documented("one_pass_variance", ONE_PASS) for name in ("mean_100", "mean_10000")},
)
