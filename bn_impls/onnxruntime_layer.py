"""The ONNX operator ``BatchNormalization`` in ONNX Runtime: a graph to infer, another to train, statistics in and out.

What its user must remember:

- Mode is an attribute: a node with ``training_mode`` 1 has three outputs, and the caller feeds the moving statistics
  back in. A graph exported for inference never learns.
- ``momentum`` is the weight of the *old* moving value; ONNX' attributes are float32, so decay and epsilon are rounded
  to it also where the tensors are float64.
- Channels come second, whatever framework the model came from.
- The package computes no gradients; those are for training frameworks.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

from bn_impls import onnx_boundary as boundary
from bn_impls.interface import (
    Array,
    Configuration,
    Conventions,
    Implementation,
    Layer,
    Trainer,
    TrainerConfiguration,
    Unsupported,
)
from bn_impls.state import State
from bn_impls.variants import found_in

TYPES = {"float32": TensorProto.FLOAT, "float64": TensorProto.DOUBLE}
OPSET, IR_VERSION = 15, 8  # the first with this training mode, and the file format of its time


def batch_norm(settings: Configuration, *, training: bool) -> onnx.ModelProto:
    """A model of one node: (x, scale, bias, mean, variance) -> y, and in training the new mean and variance."""
    dtype, shape = TYPES[settings.dtype], boundary.native_shape(settings.input_shape, settings.layout)
    statistics = ["mean", "variance"]
    results = ["new_mean", "new_variance"] if training else []
    node = helper.make_node(
        "BatchNormalization",
        ["x", "scale", "bias", *statistics],
        ["y", *results],
        epsilon=settings.epsilon,
        momentum=settings.decay,
        training_mode=int(training),
    )

    def described(name: str, extents: Any = (settings.channels,)) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, dtype, extents)

    inputs = [described("x", shape), *(described(name) for name in ("scale", "bias", *statistics))]
    outputs = [described("y", shape), *(described(name) for name in results)]
    graph = helper.make_graph([node], "batch_norm", inputs, outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    onnx.checker.check_model(model)
    return model


def session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    """The model on the CPU, with as many threads as OpenMP may use, which do not spin."""
    options = onnxruntime.SessionOptions()
    threads = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()  # OpenMP allows one number a level
    options.intra_op_num_threads = int(threads) if threads.isdecimal() else 0
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


class BatchNorm:
    """Both sessions, and the state that is fed to them."""

    def __init__(self, settings: Configuration, make: Callable[..., onnx.ModelProto] = batch_norm) -> None:
        """Start with scale 1, bias 0 and the configured moving statistics."""
        self.settings, start, shape = settings, settings.conventions, (settings.channels,)
        self.model = make(settings, training=False)
        self.infers, self.trains = session(self.model), session(make(settings, training=True))
        values = {"scale": 1.0, "bias": 0.0, "mean": start.initial_mean, "variance": start.initial_variance}
        self.fed = {name: np.full(shape, value, settings.dtype) for name, value in values.items()}
        self.updates = 0

    def inference(self, x: Array) -> Array:
        """y by the moving statistics."""
        y: Array = self.infers.run(None, {"x": x, **self.fed})[0]
        return y

    def training_step(self, x: Array) -> Array:
        """y by the batch's statistics; the new moving ones are fed to the next call."""
        y, self.fed["mean"], self.fed["variance"] = self.trains.run(None, {"x": x, **self.fed})
        self.updates += 1
        return y  # type: ignore[no-any-return]  # ONNX Runtime has no types


# ---- the adapter ----------------------------------------------------------------------------------------------------

OWN = Conventions(ddof=0, initial_mean=0.0, initial_variance=1.0, warm_up=False, decay_in_float32=True)
NO_GRADIENTS = Unsupported("ONNX Runtime's package for inference computes no gradients")
NAMES = {"gamma": "scale", "beta": "bias", "moving_mean": "mean", "moving_variance": "variance"}


def refusal(settings: Configuration) -> Unsupported | None:
    """Why this configuration cannot be built, or None."""
    if settings.device != "cpu":
        return Unsupported("the onnxruntime package computes on the CPU only; another package has the GPU")
    if settings.style != "graph":
        return Unsupported(f"ONNX Runtime has one call style: graph, not {settings.style}")
    if settings.dtype not in TYPES:
        return Unsupported(f"{settings.dtype} is not offered: only {' and '.join(TYPES)} are")
    if settings.dtype == "float64" and float(np.float32(settings.epsilon)) != settings.epsilon:
        return Unsupported(f"an ONNX attribute is float32, which has no {settings.epsilon}: float64 would be off by it")
    if settings.conventions.ddof:
        return Unsupported("ONNX Runtime divides by n; ddof 1 is not offered")
    mean, variance = settings.conventions.initial_mean, settings.conventions.initial_variance
    if settings.conventions != replace(OWN, initial_mean=mean, initial_variance=variance):
        return Unsupported("ONNX' momentum is a constant attribute in float32; nothing else is offered")
    return None


def _export(layer: BatchNorm) -> State:
    gamma, beta, moving_mean, moving_variance = (layer.fed[name].copy() for name in NAMES.values())
    return State(
        gamma=gamma,
        beta=beta,
        moving_mean=moving_mean,
        moving_variance=moving_variance,
        num_updates=layer.updates,
    )


def _load(layer: BatchNorm, state: State) -> None:
    given: Any = state
    layer.fed = {theirs: given[ours].astype(layer.settings.dtype) for ours, theirs in NAMES.items()}
    layer.updates = state["num_updates"]


def build(configuration: Configuration) -> Layer | Unsupported:
    """Build a layer."""
    return refusal(configuration) or layer_of(BatchNorm(configuration))


def layer_of(layer: BatchNorm) -> Layer:
    """The layer of the interface around both sessions."""
    configuration = layer.settings

    def restored(arrays: dict[str, Array], updates: int) -> None:
        state = {ours: arrays[theirs] for ours, theirs in NAMES.items()}
        built.import_state({**state, "num_updates": updates})

    built = Layer(
        configuration=configuration,
        inference=layer.inference,
        training_step=layer.training_step,
        training_step_with_gradients=NO_GRADIENTS,
        to_native=boundary.to_native(configuration.dtype, configuration.layout),
        to_numpy=boundary.to_numpy(configuration.layout),
        synchronize=boundary.no_wait,
        export_state=lambda: _export(layer),
        load_state=lambda state: _load(layer, state),
        observe=boundary.observe,
        formats={"onnx": boundary.onnx_format(layer.model, lambda: (layer.fed, layer.updates), restored)},
    )
    return built


def build_trainer(configuration: TrainerConfiguration) -> Trainer | Unsupported:
    """There is none: nothing can be trained without gradients."""
    return NO_GRADIENTS


IMPLEMENTATION = Implementation(
    conventions=OWN,
    packages=("onnxruntime", "onnx", "numpy"),
    build=build,
    build_trainer=build_trainer,
    variants=found_in("bn_impls.variants.onnxruntime_layer"),
)
