"""What implementations on JAX share: call styles, conversion, synchronization, observation, checkpoints.

Nothing here knows batch normalization. Importing it switches float64 on for the whole process (without, JAX computes in
float32 whatever it is given), and lets XLA use as many threads as OpenMP may. float32 computations stay what they are.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

if "OMP_NUM_THREADS" in os.environ:  # XLA's own variable; it counts when the CPU client is made
    os.environ.setdefault("PJRT_NPROC", os.environ["OMP_NUM_THREADS"])

import jax
import numpy as np
import orbax.checkpoint

from bn_impls.errors import BadCheckpoint, BadState
from bn_impls.interface import Array, Device, Format, NoDevice, Observation, Style, Unsupported
from bn_impls.kernels import compiled

jax.config.update("jax_enable_x64", True)

JAX_STYLES: tuple[Style, ...] = ("xla", "eager")
JAX_DTYPES = ("float32", "float64")
LAYER_DTYPES = (*JAX_DTYPES, "float16", "bfloat16")  # networks are trained in the first two


def refusal(device: Device, style: Style, dtype: str, dtypes: tuple[str, ...] = JAX_DTYPES) -> Unsupported | None:
    """Why JAX cannot do this here, or None; ``dtypes`` are those that are offered."""
    if style not in JAX_STYLES:
        return Unsupported(f"this implementation is called as {' or '.join(JAX_STYLES)}, not as {style}")
    if dtype not in dtypes:
        return Unsupported(f"{dtype} is not offered: only {' and '.join(dtypes)} are")
    if device == "gpu" and not _gpus():
        return NoDevice(f"JAX {jax.__version__} sees no GPU on this machine")
    return None


def _gpus() -> list[Any]:
    try:
        return list(jax.devices("gpu"))
    except RuntimeError:  # no such platform in this build
        return []


def placed(device: Device) -> Any:
    """JAX's handle of a device."""
    return jax.devices("cpu")[0] if device == "cpu" else _gpus()[0]


def styled(function: Callable[..., Any], style: Style, donated: tuple[int, ...] = ()) -> Callable[..., Any]:
    """Turn a pure function into the callable of a call style.

    Args:
        function: of arrays and trees of arrays.
        style: ``eager`` leaves it, so that every operation is dispatched by itself; ``xla`` compiles it as a whole.
        donated: positions of arguments whose memory the compiled function may reuse.
    """
    return function if style == "eager" else jax.jit(function, donate_argnums=donated)


def to_native(device: Device, dtype: str) -> Callable[[Array], jax.Array]:
    """The conversion of arrays to arrays on a device."""
    place = placed(device)
    return lambda array: jax.device_put(np.array(array, dtype), place)


def to_numpy(array: jax.Array) -> Array:
    """Wait for an array and copy it."""
    return np.array(array)


def synchronize(result: Any) -> None:
    """Wait for a result; calls return before they are done on every device."""
    jax.block_until_ready(result)


def copied(tree: Any, place: Any) -> Any:
    """A tree with copies of its arrays on a device; whoever gives them away loses nothing of the original."""
    return jax.tree.map(lambda leaf: jax.device_put(np.array(leaf), place), tree)


def named_leaves(tree: Any) -> dict[str, Array]:
    """Copies of a tree's arrays by their paths, such as ``0/scale``."""
    return {_path(path): np.array(leaf) for path, leaf in jax.tree.leaves_with_path(tree)}


def filled(tree: Any, arrays: Mapping[str, Array], place: Any) -> Any:
    """A tree like ``tree`` with copies of the arrays of its paths, on a device."""
    return jax.tree.map_with_path(lambda path, _: jax.device_put(np.array(arrays[_path(path)]), place), tree)


def _path(path: Any) -> str:
    return jax.tree_util.keystr(path, simple=True, separator="/")


# ---- observation ----------------------------------------------------------------------------------------------------

RUNS_PROGRAM = "LoadedExecutable::ExecuteHelper"  # part of the event by which the runtime starts one compiled program


def observe(function: Callable[..., Any], *inputs: Any) -> Mapping[str, Observation]:
    """Where a call computed, in which dtype, and whether it was one compiled program or one for each operation."""
    result, style = watch(function, *inputs)
    first = jax.tree.leaves(result)[0]
    if not isinstance(first, jax.Array):
        seen = f"the call returned a {type(first).__name__}"
        return {"device": Observation("unknown", seen), "dtype": Observation("unknown", seen), "style": style}
    return labels_of(first, "the result") | {"style": style, "kernel": compiled("XLA", style)}


def labels_of(array: jax.Array, what: str) -> dict[str, Observation]:
    """Device and dtype of an array."""
    place = next(iter(array.devices()))
    return {
        "device": Observation("cpu" if place.platform == "cpu" else "gpu", f"{what} is on {place}"),
        "dtype": Observation(array.dtype.name, f"dtype of {what}"),
    }


def watch(function: Callable[..., Any], *inputs: Any) -> tuple[Any, Observation]:
    """Call under JAX's profiler, which sees the runtime start compiled programs.

    Returns:
        The result, and the style.
    """
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            result = function(*inputs)
            jax.block_until_ready(result)
        traces = list(Path(folder).rglob("*.xplane.pb"))
        seen = [(event.name, event.duration_ns) for trace in traces for event in _events(trace)]
    return result, _style(seen)


def _events(trace: Path) -> list[Any]:
    planes = jax.profiler.ProfileData.from_file(str(trace)).planes
    return [event for plane in planes for line in plane.lines for event in line.events]


def _style(seen: list[tuple[str, float]]) -> Observation:
    programs = sum(RUNS_PROGRAM in name for name, _ in seen)
    called = {name: duration for name, duration in seen if name.startswith("PjitFunction(")}
    if not programs:
        return Observation("unknown", "the profiler saw no compiled program run")
    if programs == 1:  # the outermost call: what was traced inside of it has not run by itself
        outermost = max(called, key=lambda name: called[name], default="of no name")
        return Observation("xla", f"the profiler saw one compiled program run: {outermost}")
    names = ", ".join(sorted(called)[:6])
    return Observation("eager", f"the profiler saw {programs} compiled programs run one by one: {names}")


# ---- checkpoints ----------------------------------------------------------------------------------------------------

TREE, DIGESTS = "checkpoint", "sha256.json"


def orbax_format(export: Callable[[], Mapping[str, Array]], load: Callable[[Mapping[str, Array]], None]) -> Format:
    """Orbax' checkpoint of a flat tree, with the digests of its files beside it.

    Orbax does without half of its files when it reads, and a damaged one may surface in one of its threads. So the
    files are compared with their digests before it sees them.

    Args:
        export: gives the arrays by name.
        load: takes arrays of the same names, shapes and dtypes; raises :class:`BadState` if values do not fit.
    """

    def save(directory: Path) -> None:
        with orbax.checkpoint.StandardCheckpointer() as checkpointer:
            checkpointer.save(directory.resolve() / TREE, dict(export()), force=True)
            checkpointer.wait_until_finished()
        (directory / DIGESTS).write_text(json.dumps(_digests(directory / TREE), indent=1))

    def restore(directory: Path) -> None:
        path = directory / TREE
        _compare_digests(directory)
        own = dict(export())
        try:
            with orbax.checkpoint.StandardCheckpointer() as checkpointer:
                kinds = _kinds(checkpointer.metadata(path.resolve()).item_metadata)
                _compare_kinds(kinds, _kinds(own), path)  # restoring converts dtypes without a word
                load(checkpointer.restore(path.resolve(), own))
        except (ValueError, KeyError, OSError, BadState) as error:
            raise _refused(path, f"{type(error).__name__}: {str(error)[:300]}") from error

    def names(directory: Path) -> list[str]:
        with orbax.checkpoint.StandardCheckpointer() as checkpointer:
            return sorted(checkpointer.metadata((directory / TREE).resolve()).item_metadata)

    return Format(save, restore, names)


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _compare_digests(directory: Path) -> None:
    try:
        expected = json.loads((directory / DIGESTS).read_bytes())
    except (OSError, ValueError) as error:
        raise _refused(directory / DIGESTS, f"{type(error).__name__}: {error}") from error
    found = _digests(directory / TREE)
    if found != expected:
        known = expected if isinstance(expected, dict) else {}
        wrong = sorted(name for name in {*found, *known} if found.get(name) != known.get(name))
        raise _refused(directory / TREE, f"{', '.join(wrong[:3]) or DIGESTS} is missing or damaged")


def _kinds(tree: Mapping[str, Any]) -> dict[str, str]:
    return {name: f"{np.dtype(leaf.dtype)} {tuple(leaf.shape)}" for name, leaf in tree.items()}


def _compare_kinds(found: Mapping[str, str], expected: Mapping[str, str], path: Path) -> None:
    wrong = sorted(name for name in {*found, *expected} if found.get(name) != expected.get(name))
    if wrong:
        name = wrong[0]
        raise _refused(path, f"{name} is {found.get(name, 'missing')}, but should be {expected.get(name, 'absent')}")


def _refused(path: Path, why: str) -> BadCheckpoint:
    return BadCheckpoint(
        f"{path} is no checkpoint of these arrays ({why}); it must come from the same implementation and network"
    )
