"""The boundary of ONNX Runtime: conversion, observation, and the model file as a checkpoint.

Nothing here knows batch normalization.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper

from bn_impls.errors import BadCheckpoint, BadState
from bn_impls.interface import Array, Format, Layout, Observation
from bn_impls.numpy_boundary import no_wait

__all__ = ["native_shape", "no_wait", "observe", "onnx_format", "to_native", "to_numpy"]

FILE, UPDATES = "model.onnx", "num_updates"


def native_shape(shape: tuple[int, ...], layout: Layout) -> tuple[int, ...]:
    """The shape with the channels second, as ONNX has them."""
    return (shape[0], shape[-1], *shape[1:-1]) if layout == "channels_last" else shape


def to_native(dtype: str, layout: Layout) -> Callable[[Array], Array]:
    """The conversion of arrays: a copy with the channels second."""

    def convert(array: Array) -> Array:
        copied = np.array(array, dtype)
        return np.ascontiguousarray(np.moveaxis(copied, -1, 1)) if layout == "channels_last" else copied

    return convert


def to_numpy(layout: Layout) -> Callable[[Array], Array]:
    """The conversion back."""

    def convert(array: Array) -> Array:
        return np.moveaxis(array, 1, -1) if layout == "channels_last" and array.ndim > 2 else array

    return convert


def observe(function: Callable[..., Any], *inputs: Any) -> Mapping[str, Observation]:
    """Where a call computed, in which dtype, and whether it was one run of a graph: sessions are watched."""
    ran: list[onnxruntime.InferenceSession] = []
    run = onnxruntime.InferenceSession.run

    def watched(session: onnxruntime.InferenceSession, *arguments: Any, **options: Any) -> Any:
        ran.append(session)
        return run(session, *arguments, **options)

    with mock.patch.object(onnxruntime.InferenceSession, "run", watched):
        result = function(*inputs)
    if len(ran) != 1:
        seen = f"{len(ran)} sessions were seen to run"
        return {label: Observation("unknown", seen) for label in ("device", "dtype", "style")}
    providers = ran[0].get_providers()
    outputs = ", ".join(output.name for output in ran[0].get_outputs())
    on_cpu = providers == ["CPUExecutionProvider"]
    return {
        "device": Observation("cpu" if on_cpu else "unknown", f"the session's providers are {', '.join(providers)}"),
        "dtype": Observation(result.dtype.name, "dtype of the result"),
        "style": Observation("graph", f"one InferenceSession.run of a graph with the outputs {outputs}"),
    }


# ---- checkpoints ----------------------------------------------------------------------------------------------------


def onnx_format(
    model: onnx.ModelProto,
    export: Callable[[], tuple[Mapping[str, Array], int]],
    restore: Callable[[dict[str, Array], int], None],
) -> Format:
    """The model file that other programs infer from, with the named inputs turned into constants.

    Args:
        model: whose inputs of these names are filled in.
        export: gives arrays by name, and the number of updates, which goes into the file's metadata.
        restore: takes both, and raises :class:`BadState` if they do not fit.
    """

    def save(directory: Path) -> None:
        arrays, updates = export()
        filled = onnx.ModelProto()
        filled.CopyFrom(model)
        kept = [given for given in model.graph.input if given.name not in arrays]
        del filled.graph.input[:]
        filled.graph.input.extend(kept)
        filled.graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in arrays.items())
        onnx.helper.set_model_props(filled, {UPDATES: str(updates)})
        (directory / FILE).write_bytes(filled.SerializeToString())

    def load(directory: Path) -> None:
        path, names = directory / FILE, set(export()[0])
        try:
            found = onnx.load_model_from_string(path.read_bytes())
            onnx.checker.check_model(found)
            arrays = {tensor.name: numpy_helper.to_array(tensor).copy() for tensor in found.graph.initializer}
            updates = int({entry.key: entry.value for entry in found.metadata_props}[UPDATES])
            _compare(found, model, arrays, names)
            restore(arrays, updates)
        except Exception as error:  # over damaged bytes, protobuf and ONNX raise whatever they stumble over
            raise BadCheckpoint(
                f"{path} is no model of this layer ({type(error).__name__}: {str(error)[:300]}); it must come from the "
                "same implementation and configuration"
            ) from error

    def names(directory: Path) -> list[str]:
        found = onnx.load_model_from_string((directory / FILE).read_bytes())
        return [tensor.name for tensor in found.graph.initializer]

    return Format(save, load, names)


def _compare(found: onnx.ModelProto, own: onnx.ModelProto, arrays: Mapping[str, Array], names: set[str]) -> None:
    if set(arrays) != names:
        raise BadState(f"it holds {sorted(arrays)}, but should hold {sorted(names)}")
    if list(found.graph.node) != list(own.graph.node):
        raise BadState("its nodes are others")
