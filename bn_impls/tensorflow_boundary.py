"""What every implementation on TensorFlow shares: call styles, conversion, synchronization, observation, checkpoints.

Nothing here knows batch normalization.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.eager.context import context  # knows every graph's definition by its function's name
from tensorflow.python.framework import op_callbacks  # the debugger's hook: the only one that sees eager operations
from tensorflow.python.util._pywrap_util_port import IsMklEnabled  # what the build and the environment come to

from bn_impls.errors import BadCheckpoint
from bn_impls.interface import Array, Device, Format, NoDevice, Observation, Style, Unsupported
from bn_impls.kernels import compiled, kernel
from bn_impls.tensorflow_programs import Programs, watch

TENSORFLOW_STYLES: tuple[Style, ...] = ("graph", "eager", "xla")
TENSORFLOW_DTYPES = ("float32", "float64")
LAYER_DTYPES = (*TENSORFLOW_DTYPES, "float16", "bfloat16")  # networks are trained in the first two
CHECKPOINT = "checkpoint"


def refusal(
    device: Device, style: Style, dtype: str, dtypes: tuple[str, ...] = TENSORFLOW_DTYPES
) -> Unsupported | None:
    """Why TensorFlow cannot do this here, or None; ``dtypes`` are those that are offered."""
    if style not in TENSORFLOW_STYLES:
        return Unsupported(f"this implementation is called as {', '.join(TENSORFLOW_STYLES)}, not as {style}")
    if dtype not in dtypes:
        return Unsupported(f"{dtype} is not offered: only {' and '.join(dtypes)} are")
    if device == "gpu" and not tf.config.list_physical_devices("GPU"):
        return NoDevice(f"TensorFlow {tf.__version__} sees no GPU on this machine")
    return None


def placed(device: Device) -> Any:
    """Context in which variables and operations are on a device."""
    if device == "cpu" and not tf.config.list_physical_devices("GPU"):
        return contextlib.nullcontext()  # there is no other place, and a call that names none is 1 us shorter
    return tf.device("/CPU:0" if device == "cpu" else "/GPU:0")


def styled(function: Callable[..., Any], style: Style, *signature: tf.TensorSpec) -> Callable[..., Any]:
    """Turn a Python function into the callable of a call style.

    Args:
        function: of tensors.
        style: ``eager`` leaves it, ``graph`` traces it, ``xla`` traces and compiles it.
        signature: shapes and dtypes of the tensors.

    Returns:
        The function itself, or a concrete function: one trace, called without looking traces up.
    """
    if style == "eager":
        return function
    traced = tf.function(function, jit_compile=style == "xla", autograph=False)
    concrete: Callable[..., Any] = traced.get_concrete_function(*signature)
    return concrete


def gradients(call: Callable[[tf.Tensor], tf.Tensor], parameters: Sequence[tf.Variable | None]) -> Callable[..., Any]:
    """The function of input and output gradient that also differentiates.

    Args:
        call: of the input.
        parameters: that it reads; None for one that is off.

    Returns:
        (x, dy) -> (y, gradient of x, gradient of each parameter or None).
    """
    used = [variable for variable in parameters if variable is not None]

    def compute(x: tf.Tensor, dy: tf.Tensor) -> tuple[tf.Tensor | None, ...]:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = call(x)
        dx, *found = tape.gradient(y, [x, *used], output_gradients=dy)
        remaining = iter(found)
        return y, dx, *(None if variable is None else next(remaining) for variable in parameters)

    return compute


class Counted:
    """Counts training calls for APIs that keep no counter; costs about 0.1 us a call."""

    def __init__(self) -> None:
        """Start at 0."""
        self.updates = 0

    def wrap(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same callable, counted."""

        def call(*tensors: Any) -> Any:
            self.updates += 1
            return function(*tensors)

        call.__wrapped__ = function  # type: ignore[attr-defined]  # inspect.unwrap finds the bare callable by it
        return call


def to_native(device: Device, dtype: str) -> Callable[[Array], tf.Tensor]:
    """The conversion of arrays to tensors on a device."""

    def convert(array: Array) -> tf.Tensor:
        with placed(device):
            return tf.identity(tf.constant(array, dtype))

    return convert


def to_numpy(tensor: tf.Tensor) -> Array:
    """Wait for a tensor and copy it."""
    return np.asarray(tensor.numpy())


def synchronize(result: Any) -> None:
    """Wait for a result: on the CPU a call returns when it is done, on a GPU its stream is waited for."""
    for tensor in tf.nest.flatten(result):
        if "GPU" in tensor.device:
            tf.test.experimental.sync_devices()
            return


def observe(function: Callable[..., Any], *inputs: Any) -> Mapping[str, Observation]:
    """Where a call computed, in which dtype, and whether TensorFlow ran a graph, a compiled graph or single ops."""
    operations: list[str] = []

    def seen(operation: str | bytes, *_: Any, graph: Any = None, **__: Any) -> None:
        if graph is None:  # operations of a graph under construction are drawn, not run
            operations.append(operation.decode() if isinstance(operation, bytes) else operation)  # variables say bytes

    op_callbacks.add_op_callback(seen)
    try:
        result, programs = watch(lambda: function(*inputs))
    finally:
        op_callbacks.remove_op_callback(seen)
    first = tf.nest.flatten(result)[0]
    place, style = "gpu" if "GPU" in first.device else "cpu", _style(operations, programs)
    return {
        "device": Observation(place, f"the result is on {first.device.rsplit('/', 1)[-1]}"),
        "dtype": Observation(first.dtype.name, "dtype of the result"),
        "style": style,
        "kernel": compiled("XLA", style) if style.observed == "xla" else kernel(_executed(operations)),
        "onednn": Observation(
            "on" if IsMklEnabled() else "off", "TensorFlow's IsMklEnabled, as TF_ENABLE_ONEDNN_OPTS sets it"
        ),
    }


def _executed(operations: list[str]) -> list[str]:
    """The operations themselves, a graph's nodes in place of the graph."""
    found: list[str] = []
    for name in operations:
        if context().has_function(name):
            found.extend(node.op for node in context().get_function_def(name).node_def)
        else:
            found.append(name)
    return found


def _style(operations: list[str], programs: Programs) -> Observation:
    calls = [name for name in operations if context().has_function(name)]  # a graph runs under its function's name
    names = ", ".join(sorted(set(operations))[:6])
    if not operations:
        return Observation("unknown", "no operation was seen to run")
    if not calls:
        return Observation("eager", f"{len(operations)} operations ran one by one: {names}, ...")
    if len(calls) == len(operations):
        styles = [graph_style(context().get_function_def(name), programs) for name in calls]
        if programs.ran and any(style.observed == "graph" for style in styles):
            return Observation("unknown", f"XLA compiled only a part of what ran: {names}")
        if len({style.observed for style in styles}) == 1:
            return styles[0]
    return Observation("unknown", f"a mixture of graphs and single operations ran: {names}")


def graph_style(definition: Any, programs: Programs) -> Observation:
    """Whether a function that was called is a graph that TensorFlow runs or a program that XLA compiled from it.

    Args:
        definition: the function's ``FunctionDef``.
        programs: that XLA held after the call.
    """
    count, name = len(definition.node_def), definition.signature.name
    if programs.of(name):
        return Observation("xla", f"a graph of {count} operations, and XLA holds the program that it compiled from it")
    return Observation("graph", f"a graph of {count} operations ran in one call; XLA holds no program of it")


def checkpoint_format(
    checkpoint: tf.train.Checkpoint,
    refresh: Callable[[], None] = lambda: None,
    prefix_of: Callable[[Path], Path] = lambda directory: directory / CHECKPOINT,
) -> Format:
    """``tf.train.Checkpoint`` in object-based form, refused unless all of it matches.

    Args:
        checkpoint: of the objects to save.
        refresh: called after a restore.
        prefix_of: where the files lie in a saved directory.
    """

    def restore(directory: Path) -> None:
        prefix = str(prefix_of(directory))
        try:
            checkpoint.read(prefix).assert_consumed()
        except (tf.errors.OpError, ValueError, IndexError, AssertionError) as error:  # IndexError: a cut data file
            raise BadCheckpoint(
                f"{prefix} is no checkpoint of these objects ({_words(error)}); "
                "it must come from the same implementation and network"
            ) from error
        refresh()

    def names(directory: Path) -> list[str]:
        return [name for name, _ in tf.train.list_variables(str(prefix_of(directory)))]

    return Format(lambda directory: checkpoint.write(str(prefix_of(directory))), restore, names)


def _words(error: Exception) -> str:
    """The first line of TensorFlow's message, without the node that raised it."""
    first = next(iter(re.sub(r"\{\{.*?\}\} ?", "", str(error)).splitlines()), "no message")
    return f"{type(error).__name__}: {first[:300]}"


@contextlib.contextmanager
def deferred(checkpoint: tf.train.Checkpoint, directory: Path) -> Iterator[None]:
    """Read a checkpoint of objects without variables, which are made inside and get their values as they come.

    Raises:
        BadCheckpoint: it cannot be read, or something of it was not matched by then.
    """
    prefix = str(directory / CHECKPOINT)
    try:
        status = checkpoint.read(prefix)
        yield
        status.assert_consumed()
    except (tf.errors.OpError, ValueError, IndexError, AssertionError) as error:
        raise BadCheckpoint(
            f"{prefix} is no checkpoint of what was made after it was read ({_words(error)})"
        ) from error


def saved_model_format(
    root: tf.Module,
    serve: Callable[[], tf.types.experimental.ConcreteFunction],
    refresh: Callable[[], None] = lambda: None,
) -> Format:
    """A SavedModel, which serves inference and holds a checkpoint of the same objects, from which training goes on.

    Args:
        root: holds what is saved as attributes.
        serve: makes the function that the model serves.
        refresh: called after a restore.
    """
    inside = checkpoint_format(
        tf.train.Checkpoint(root=root), refresh, lambda directory: directory / "variables" / "variables"
    )
    return Format(
        lambda directory: tf.saved_model.save(root, str(directory), signatures=serve()), inside.restore, inside.names
    )


def layer_formats(
    tracked: Mapping[str, Any],
    infer: Callable[[tf.Tensor], tf.Tensor],
    tensor: tf.TensorSpec,
    refresh: Callable[[], None] = lambda: None,
) -> dict[str, Format]:
    """``tf-checkpoint`` and ``saved-model`` of one layer.

    Args:
        tracked: what is saved, by name.
        infer: what the SavedModel serves.
        tensor: its input.
        refresh: called after a restore.
    """
    root = tf.Module()
    for name, one in tracked.items():
        setattr(root, name, one)
    serve = tf.function(infer, autograph=False)
    return {
        "tf-checkpoint": checkpoint_format(tf.train.Checkpoint(**tracked), refresh),
        "saved-model": saved_model_format(root, lambda: serve.get_concrete_function(tensor), refresh),
    }
