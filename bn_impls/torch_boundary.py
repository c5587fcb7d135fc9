"""What implementations on PyTorch share: call styles, conversion, synchronization, observation, checkpoints.

Nothing here knows batch normalization.
"""

from __future__ import annotations

import importlib
import os
import shutil
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from bn_impls.accuracy.dtypes import numpy_dtype
from bn_impls.errors import BadCheckpoint
from bn_impls.interface import Array, Device, Format, Layout, NoDevice, Observation, Style, Unsupported
from bn_impls.kernels import compiled, kernel

TORCH_STYLES: tuple[Style, ...] = ("eager", "graph")
TORCH_DTYPES = {"float32": torch.float32, "float64": torch.float64}
LAYER_DTYPES = {**TORCH_DTYPES, "float16": torch.float16, "bfloat16": torch.bfloat16}
"""Networks are trained in the first two; a layer's input may have 16 bits."""
BOOKKEEPING = frozenset(  # operations of autograd and of views, which compute nothing
    f"aten::{name}"
    for name in (
        "alias", "as_strided", "detach", "empty_like", "empty_strided", "fill_", "ones_like", "permute", "view",
    )
)  # fmt: skip
Tensors = Mapping[str, torch.Tensor]


def refusal(
    device: Device, style: Style, dtype: str, dtypes: Mapping[str, torch.dtype] = TORCH_DTYPES
) -> Unsupported | None:
    """Why PyTorch cannot do this here, or None; ``dtypes`` are those that are offered."""
    if style not in TORCH_STYLES:
        return Unsupported(f"this implementation is called as {' or '.join(TORCH_STYLES)}, not as {style}")
    if dtype not in dtypes:
        return Unsupported(f"{dtype} is not offered: only {' and '.join(dtypes)} are")
    if device == "gpu" and not torch.cuda.is_available():
        return NoDevice(f"PyTorch {torch.__version__} sees no GPU on this machine")
    if style == "graph" and device == "cpu" and shutil.which(os.environ.get("CXX", "g++")) is None:
        return Unsupported("torch.compile needs a C++ compiler, and g++ is not found; eager needs none")
    return None


def placed(device: Device) -> torch.device:
    """PyTorch's name of a device."""
    return torch.device("cpu" if device == "cpu" else "cuda")


def styled(function: Callable[..., Any], style: Style) -> Callable[..., Any]:
    """Turn a function of tensors, or a module, into the callable of a call style.

    Args:
        function: of tensors of fixed shapes.
        style: ``eager`` leaves it, ``graph`` has ``torch.compile`` trace and compile it at its first call.

    Returns:
        The function itself, or a compiled one that shares no cache with others and fails where it cannot be one graph.
    """
    if style == "eager":
        return function
    with warnings.catch_warnings():  # the compiler imports this module, which warns of what PyTorch itself still uses
        warnings.filterwarnings("ignore", "`torch.jit.script_method` is deprecated", DeprecationWarning)
        importlib.import_module("torch.utils.mkldnn")
    return torch.compile(function, fullgraph=True, dynamic=False, isolate_recompiles=True)


def to_native(device: Device, dtype: str, layout: Layout) -> Callable[[Array], torch.Tensor]:
    """The conversion of arrays to tensors, which always have the channels second.

    A channels-last array keeps its order in memory: the tensor's strides say where the channels lie, which for rank 4
    is PyTorch's ``channels_last`` memory format.
    """

    def convert(array: Array) -> torch.Tensor:
        known = array.astype(np.float32) if dtype == "bfloat16" else array  # PyTorch does not know NumPy's bfloat16
        tensor = torch.tensor(known, dtype=LAYER_DTYPES[dtype], device=placed(device))
        return tensor.movedim(-1, 1) if layout == "channels_last" else tensor

    return convert


def to_numpy(layout: Layout) -> Callable[[torch.Tensor], Array]:
    """The conversion back, which waits for the tensor."""

    def convert(tensor: torch.Tensor) -> Array:
        there = tensor.detach().cpu()
        moved = there.movedim(1, -1) if layout == "channels_last" and there.ndim > 2 else there
        return _array(moved)

    return convert


def _array(tensor: torch.Tensor) -> Array:
    if tensor.dtype != torch.bfloat16:
        array: Array = tensor.numpy()
        return array
    return np.asarray(tensor.view(torch.int16).numpy()).view(numpy_dtype("bfloat16"))  # the same bits


def array_of(tensor: torch.Tensor) -> Array:
    """A copy of a tensor as it is."""
    return _array(tensor.detach().cpu()).copy()


def synchronize(result: Any) -> None:
    """Wait for a result: on the CPU a call returns when it is done, on a GPU its stream is waited for."""
    tensor = result[0] if isinstance(result, tuple) else result
    if tensor.is_cuda:
        torch.cuda.synchronize(tensor.device)


# ---- observation ----------------------------------------------------------------------------------------------------


def observe(function: Callable[..., Any], *inputs: torch.Tensor) -> Mapping[str, Observation]:
    """Where a call computed, in which dtype, and whether PyTorch ran compiled graphs or single operations."""
    result, events = _profiled(function, *inputs)
    style = _style(events)
    first = result[0] if isinstance(result, tuple) else result
    if not isinstance(first, torch.Tensor):
        seen = f"the call returned a {type(first).__name__}"
        return {"device": Observation("unknown", seen), "dtype": Observation("unknown", seen), "style": style}
    executed = {event.name for event in events if event.name.startswith("aten::")} - BOOKKEEPING
    onednn = "on" if torch.backends.mkldnn.is_available() and torch.backends.mkldnn.enabled else "off"
    return labels_of(first, "the result") | {
        "style": style,
        "kernel": compiled("Inductor", style) if style.observed == "graph" else kernel(executed),
        "onednn": Observation(onednn, "torch.backends.mkldnn: in the build, and not switched off"),
    }


def labels_of(tensor: torch.Tensor, what: str) -> dict[str, Observation]:
    """Device and dtype of a tensor."""
    return {
        "device": Observation("gpu" if tensor.is_cuda else "cpu", f"{what} is on {tensor.device}"),
        "dtype": Observation(str(tensor.dtype).removeprefix("torch."), f"dtype of {what}"),
    }


def watch(function: Callable[..., Any], *inputs: Any) -> tuple[Any, Observation]:
    """Call under PyTorch's profiler, which sees operations and compiled regions run.

    Returns:
        The result, and the style.
    """
    result, events = _profiled(function, *inputs)
    return result, _style(events)


def _profiled(function: Callable[..., Any], *inputs: Any) -> tuple[Any, list[Any]]:
    """Call under autograd's profiler; ``torch.profiler`` around it imports the compiler, which takes over a second."""
    with torch.autograd.profiler.profile(use_cpu=True) as profile:
        result = function(*inputs)
    return result, list(profile.function_events or ())


def _style(events: list[Any]) -> Observation:
    regions = {event.name for event in events if event.name.startswith("Torch-Compiled Region")}
    single = {
        event.name
        for event in events
        if event.name.startswith("aten::") and event.name not in BOOKKEEPING and not _in_compiled_code(event)
    }
    names = ", ".join(sorted(single)[:6])
    if regions and single:
        return Observation("unknown", f"a mixture of compiled regions and single operations ran: {names}")
    if regions:
        return Observation("graph", f"the profiler saw {len(regions)} torch.compile regions run, and nothing else")
    if single:
        return Observation("eager", f"{len(single)} kinds of operations ran one by one: {names}")
    return Observation("unknown", "no operation was seen to run")


COMPILED = ("Torch-Compiled Region", "## Call CompiledFxGraph", "CompiledFunction", "dynamo")  # the last one compiles


def _in_compiled_code(event: Any) -> bool:
    while event is not None:
        if event.name.startswith(COMPILED):
            return True
        event = event.cpu_parent
    return False


# ---- checkpoints ----------------------------------------------------------------------------------------------------


def formats(export: Callable[[], Tensors], load: Callable[[Tensors], None]) -> Mapping[str, Format]:
    """The formats of a state dict.

    Args:
        export: gives the tensors by name.
        load: takes tensors of the same names, shapes and dtypes.

    Returns:
        ``state-dict`` (a safetensors file), then ``torch-pt`` (``torch.save``, read with ``weights_only=True``, which
        builds tensors and runs no pickled code).
    """

    def save_safetensors(directory: Path) -> None:
        save_file({name: tensor.detach().contiguous() for name, tensor in export().items()}, directory / SAFETENSORS)

    def save_pt(directory: Path) -> None:
        torch.save({name: tensor.detach() for name, tensor in export().items()}, directory / PT)

    def restore(file: str, read: Callable[[Path], Any]) -> Callable[[Path], None]:
        return lambda directory: load(_checked(directory / file, read, export()))

    def read_pt(path: Path) -> Any:
        return torch.load(path, weights_only=True, map_location="cpu")

    def names(file: str, read: Callable[[Path], Any]) -> Callable[[Path], list[str]]:
        return lambda directory: list(read(directory / file))

    return {
        "state-dict": Format(save_safetensors, restore(SAFETENSORS, load_file), names(SAFETENSORS, load_file)),
        "torch-pt": Format(save_pt, restore(PT, read_pt), names(PT, read_pt)),
    }


SAFETENSORS, PT = "model.safetensors", "model.pt"


def _checked(path: Path, read: Callable[[Path], Any], own: Tensors) -> Tensors:
    """Read tensors and compare what they are with what they should be: ``load_state_dict`` would convert dtypes."""
    try:
        found = read(path)
    except Exception as error:  # over damaged bytes, the restricted unpickler raises whatever it stumbles over
        raise _refused(path, f"{type(error).__name__}: {str(error)[:300]}") from error
    got, expected = _kinds(found), _kinds(own)
    if got != expected:
        wrong = sorted(name for name in {*got, *expected} if got.get(name) != expected.get(name))
        name = wrong[0]
        raise _refused(path, f"{name} is {got.get(name, 'missing')}, but should be {expected.get(name, 'absent')}")
    tensors: Tensors = found
    return tensors


def _kinds(tensors: Any) -> dict[str, str]:
    if not isinstance(tensors, Mapping):
        return {"the content": f"a {type(tensors).__name__}"}
    return {str(n): f"{t.dtype} {tuple(t.shape)}" if isinstance(t, torch.Tensor) else f"a {type(t).__name__}"
            for n, t in tensors.items()}  # fmt: skip


def _refused(path: Path, why: str) -> BadCheckpoint:
    return BadCheckpoint(
        f"{path} is no checkpoint of these tensors ({why}); it must come from the same implementation and network"
    )
