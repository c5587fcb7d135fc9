"""What implementations in TensorFlow 1's style share: a graph of their own, its session, its Saver, and the layer.

A batch normalization is handed in as a function that draws itself into a graph (:class:`Draw`); what it left there
(:class:`Drawn`) is all that the adapter and the network builder know of it.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol
from unittest import mock

import numpy as np
import tensorflow as tf
import tensorflow.compat.v1 as v1

from bn_impls.errors import BadCheckpoint
from bn_impls.interface import (
    Array,
    Configuration,
    Conventions,
    Device,
    Format,
    Layer,
    NoDevice,
    Observation,
    Style,
    Unsupported,
)
from bn_impls.kernels import kernel
from bn_impls.state import State
from bn_impls.tensorflow_boundary import TENSORFLOW_DTYPES, placed

CHECKPOINT, EXPORTED = "model.ckpt", "saved_model"
STEP = "optimizer_step"


@dataclass(frozen=True)
class Feeds:
    """The placeholders of document 004: whether this run trains, and the number of updates before it."""

    is_training: tf.Tensor
    current_step: tf.Tensor


@dataclass(frozen=True)
class Drawn:
    """What a batch normalization left in the graph.

    Attributes:
        output: the normalized tensor.
        gamma: variable (C,), or None if it does not scale.
        beta: variable (C,), or None if it has no offset.
        moving_mean: variable (C,).
        moving_variance: variable (C,).
        updates: operations that move the statistics.
    """

    output: tf.Tensor
    gamma: tf.Variable | None
    beta: tf.Variable | None
    moving_mean: tf.Variable
    moving_variance: tf.Variable
    updates: Sequence[tf.Operation]

    @property
    def parameters(self) -> dict[str, tf.Variable]:
        """Those that are on."""
        return {name: v for name, v in (("gamma", self.gamma), ("beta", self.beta)) if v is not None}

    @property
    def statistics(self) -> dict[str, tf.Variable]:
        """Both of them."""
        return {"moving_mean": self.moving_mean, "moving_variance": self.moving_variance}

    def start(self, conventions: Conventions) -> list[tf.Operation]:
        """Assignments of the start values, for APIs that leave no choice of them."""
        values = conventions.initial_mean, conventions.initial_variance
        return [v.assign(tf.fill(v.shape, tf.cast(value, v.dtype)))
                for v, value in zip(self.statistics.values(), values, strict=True)]  # fmt: skip


class Draw(Protocol):
    """Draw a batch normalization into the default graph."""

    def __call__(self, settings: Configuration, x: tf.Tensor, feeds: Feeds, name: str) -> Drawn:
        """Apply it to ``x``, with its variables under ``name``."""


def refusal(device: Device, style: Style, dtype: str) -> Unsupported | None:
    """Why TensorFlow 1's style cannot do this here, or None."""
    if style != "session":
        return Unsupported(f"a graph of TensorFlow 1 is run by a session, not as {style}")
    if dtype not in TENSORFLOW_DTYPES:
        return Unsupported(f"{dtype} is not offered: only {' and '.join(TENSORFLOW_DTYPES)} are")
    if device == "gpu" and not tf.config.list_physical_devices("GPU"):
        return NoDevice(f"TensorFlow {tf.__version__} sees no GPU on this machine")
    return None


SHADOW = "/ExponentialMovingAverage"
MISSING_KEY = re.compile(r"Key \S+ not found in checkpoint")


def partial_savers(variables: Mapping[str, tf.Variable], counts: set[str]) -> dict[str, v1.train.Saver]:
    """Savers as users write them that leave something out, or look for what is not there.

    Args:
        variables: of the default graph, by name.
        counts: names of the variables that hold what Python counts.

    Returns:
        By part; where there are averages, also the two ways to call ``variables_to_restore``, whose result depends on
        the names of variables alone: as documented, which takes it that the weights are averaged, and without any.
    """
    if not v1.trainable_variables():
        return {}
    savers = {
        "trainable": v1.train.Saver(v1.trainable_variables()),
        "variables": v1.train.Saver([v for name, v in variables.items() if name not in counts]),
    }
    if any(name.endswith(SHADOW) for name in variables):
        average = tf.train.ExponentialMovingAverage(0.9)
        savers["variables_to_restore"] = v1.train.Saver(average.variables_to_restore())
        savers["variables_to_restore-none"] = v1.train.Saver(average.variables_to_restore([]))
    return savers


class Host:
    """A graph under construction, and then its session."""

    def __init__(self, device: Device, names: Sequence[str]) -> None:
        """Start an empty graph with the placeholders that every network of this style has.

        Args:
            device: where its operations are placed.
            names: of the batch normalization layers; each has a count of its own.
        """
        self.graph, self.device = tf.Graph(), device
        self.counts = dict.fromkeys([*(f"{name}/num_updates" for name in names), STEP], 0)  # by Python, as documents do
        with self.drawing():
            self.is_training = v1.placeholder(tf.bool, [], "is_training")
            self.current_steps = {name: v1.placeholder(tf.int64, [], f"{name}/current_step") for name in names}
            self.saved_counts = [
                v1.get_variable(name, [], tf.int64, initializer=v1.zeros_initializer(), trainable=False)
                for name in self.counts
            ]  # a Saver sees variables only

    def feeds(self, name: str) -> Feeds:
        """The placeholders of one layer."""
        return Feeds(self.is_training, self.current_steps[name])

    @property
    def fed(self) -> list[tf.Tensor]:
        """Those that something reads, in the order of :meth:`values`: a feed costs its microseconds read or not."""
        return [self.is_training, *(self.current_steps[name] for name in self.counting)]

    def values(self, is_training: bool) -> list[Any]:
        """What is fed to them now."""
        return [is_training, *(self.counts[f"{name}/num_updates"] for name in self.counting)]

    def count(self) -> None:
        """One more training step."""
        for name in self.counts:
            self.counts[name] += 1

    @contextmanager
    def drawing(self) -> Iterator[None]:
        """Context in which operations go into this graph and to its device."""
        with self.graph.as_default(), placed(self.device):
            yield

    def open(self, start: Sequence[tf.Operation]) -> None:
        """Finish the graph: a Saver, assignments for imports, a session, start values."""
        self.counting = [name for name, step in self.current_steps.items() if step.consumers()]
        with self.drawing():
            self.variables = {variable.op.name: variable for variable in v1.global_variables()}
            self.saver = v1.train.Saver(list(self.variables.values()))
            counts = {variable.op.name for variable in self.saved_counts}
            self.partial_savers = partial_savers(self.variables, counts)
            self.given = {name: v1.placeholder(v.dtype, v.shape) for name, v in self.variables.items()}
            self.assignments = {name: v.assign(self.given[name]) for name, v in self.variables.items()}
            initializer = v1.global_variables_initializer()
        self.session = v1.Session(graph=self.graph, config=v1.ConfigProto(allow_soft_placement=True))
        self.session.run(initializer)
        self.session.run(list(start))
        self.graph.finalize()

    def read(self, variables: Mapping[str, tf.Variable]) -> dict[str, Array]:
        """Copies of variables, by the same names."""
        found = self.session.run(dict(variables))
        return {name: np.array(value) for name, value in found.items()}

    def write(self, values: Sequence[tuple[tf.Variable, Any]]) -> None:
        """Assign arrays to variables."""
        names = [variable.op.name for variable, _ in values]
        feed = {self.given[name]: value for name, (_, value) in zip(names, values, strict=True)}
        self.session.run([self.assignments[name] for name in names], feed)

    def formats(self) -> Mapping[str, Format]:
        """``tf1-saver``: ``tf.train.Saver``; ``saved-model``: the same files inside a SavedModel.

        Both are refused unless their variables are exactly the graph's.
        """

        def save(directory: Path) -> None:
            self._keep_counts()
            with self.graph.as_default():  # Saver asks "is eager on?" when saving, not when built
                self.saver.save(self.session, str(directory / CHECKPOINT), write_meta_graph=False, write_state=False)

        def export(directory: Path) -> None:
            self._keep_counts()
            inner, new = directory / EXPORTED, directory / f"{EXPORTED}.part"  # the builder makes its folder itself
            shutil.rmtree(new, ignore_errors=True)
            builder = v1.saved_model.Builder(str(new))
            with self.graph.as_default():
                builder.add_meta_graph_and_variables(self.session, ["serve"], saver=self.saver)
                builder.save()
            shutil.rmtree(inner, ignore_errors=True)
            new.rename(inner)

        def restore_from(prefix_of: Callable[[Path], Path]) -> Callable[[Path], None]:
            return lambda directory: self._restore(str(prefix_of(directory)))

        def names_in(prefix_of: Callable[[Path], Path]) -> Callable[[Path], list[str]]:
            return lambda directory: [name for name, _ in tf.train.list_variables(str(prefix_of(directory)))]

        def plain(directory: Path) -> Path:
            return directory / CHECKPOINT

        def exported(directory: Path) -> Path:
            return directory / EXPORTED / "variables" / "variables"

        return {
            "tf1-saver": Format(save, restore_from(plain), names_in(plain)),
            "saved-model": Format(export, restore_from(exported), names_in(exported)),
        }

    def _keep_counts(self) -> None:
        self.write(list(zip(self.saved_counts, self.counts.values(), strict=True)))

    def _restore(self, prefix: str) -> None:
        try:
            self._refuse_other_variables(tf.train.load_checkpoint(prefix))
            with self.graph.as_default():
                self.saver.restore(self.session, prefix)
        except Exception as error:  # the reader raises half a dozen kinds over damaged bytes; all mean the same
            raise BadCheckpoint(
                f"{prefix} is no checkpoint of this graph ({type(error).__name__}: {str(error)[:300]}); "
                "it must come from the same implementation and network"
            ) from error
        found = (int(count) for count in self.session.run(self.saved_counts))
        self.counts = dict(zip(self.counts, found, strict=True))

    def partial_formats(self) -> Mapping[str, Format]:
        """Savers of a part: of the trainable variables, and of all variables without the counts that Python feeds."""
        return {f"tf1-saver:{part}": self._saver_format(part, saver) for part, saver in self.partial_savers.items()}

    def _saver_format(self, part: str, saver: v1.train.Saver) -> Format:
        saving = self.saver if part.startswith("variables_to_restore") else saver

        def save(directory: Path) -> None:
            self._keep_counts()
            with self.graph.as_default():
                saving.save(self.session, str(directory / CHECKPOINT), write_meta_graph=False, write_state=False)

        def restore(directory: Path) -> None:
            prefix = str(directory / CHECKPOINT)
            try:
                with self.graph.as_default():
                    saver.restore(self.session, prefix)
            except Exception as error:  # as in _restore; the key that is missing stands far below the first line
                missing = MISSING_KEY.search(str(error))
                why = f"{type(error).__name__}: {missing[0] if missing else str(error)[:300]}"
                raise BadCheckpoint(f"{prefix} does not have what this Saver wants ({why})") from error
            if part == "variables_to_restore-none":
                found = (int(count) for count in self.session.run(self.saved_counts))
                self.counts = dict(zip(self.counts, found, strict=True))

        return Format(save, restore, lambda folder: [n for n, _ in tf.train.list_variables(str(folder / CHECKPOINT))])

    def _refuse_other_variables(self, reader: Any) -> None:
        dtypes = reader.get_variable_to_dtype_map()
        found = {name: (dtypes[name], shape) for name, shape in reader.get_variable_to_shape_map().items()}
        expected = {name: (v.dtype.base_dtype, v.shape.as_list()) for name, v in self.variables.items()}
        if found != expected:  # a Saver by itself ignores variables that the graph lacks
            wrong = sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))
            name = wrong[0]
            got, wanted = _kind(found.get(name), "missing"), _kind(expected.get(name), "absent")
            raise ValueError(f"{name} is {got}, but should be {wanted}; {len(wrong)} variables differ")

    def close(self) -> None:
        """Release the session."""
        self.session.close()


def _kind(described: tuple[Any, list[int]] | None, otherwise: str) -> str:
    return otherwise if described is None else f"{described[0].name} {tuple(described[1])}"


# ---- observation ----------------------------------------------------------------------------------------------------


def observe(function: Callable[..., Any], *inputs: Any) -> Mapping[str, Observation]:
    """Where a call computed, in which dtype, and whether sessions ran it: their runs are traced."""
    traces: list[Any] = []
    run = v1.Session.run

    def traced(session: Any, fetches: Any, feed_dict: Any = None, **_: Any) -> Any:
        metadata = v1.RunMetadata()
        full = v1.RunOptions(trace_level=v1.RunOptions.FULL_TRACE)
        result = run(session, fetches, feed_dict, options=full, run_metadata=metadata)
        traces.append(metadata.step_stats)
        return result

    with mock.patch.object(v1.Session, "run", traced):
        result = function(*inputs)
    first = result[0] if isinstance(result, (tuple, list)) else result
    dtype = first.dtype.name if isinstance(first, np.ndarray | np.generic) else type(first).__name__
    return {
        "device": _device(traces),
        "dtype": Observation(dtype, "dtype of the fetched array"),
        "style": _style(traces),
        "kernel": kernel(_executed(traces)),
    }


def _executed(traces: Sequence[Any]) -> list[str]:
    """Kinds of the operations that ran: a node's label is ``name = Kind(inputs)``."""
    labels = [node.timeline_label for trace in traces for stats in trace.dev_stats for node in stats.node_stats]
    return [label.partition(" = ")[2].partition("(")[0] for label in labels if " = " in label]


def _device(traces: Sequence[Any]) -> Observation:
    counts: dict[str, int] = {}
    for trace in traces:
        for stats in trace.dev_stats:
            counts[stats.device.rsplit("/", 1)[-1]] = len(stats.node_stats)
    if not counts:
        return Observation("unknown", "no operation was traced")
    seen = ", ".join(f"{count} operations on {device}" for device, count in sorted(counts.items()))
    return Observation("gpu" if any("GPU" in device for device in counts) else "cpu", seen)


def _style(traces: Sequence[Any]) -> Observation:
    runs = [sum(len(stats.node_stats) for stats in trace.dev_stats) for trace in traces]
    if not runs:
        return Observation("unknown", "no session ran")
    return Observation("session", f"{len(runs)} session run(s) of {', '.join(map(str, runs))} operations of a graph")


# ---- the layer ------------------------------------------------------------------------------------------------------


class Tf1Layer:
    """One batch normalization in a graph of its own; its calls feed NumPy arrays and fetch NumPy arrays."""

    def __init__(self, settings: Configuration, draw: Draw, *, two_calls: bool) -> None:
        """Draw the layer and its gradients.

        Args:
            settings: the layer's.
            draw: the batch normalization.
            two_calls: whether the update is a session call of its own, with ``is_training`` false.
        """
        self.settings, self.host = settings, Host(settings.device, ["layer"])
        host = self.host
        with host.drawing():
            self.x, dy = (v1.placeholder(settings.dtype, settings.input_shape) for _ in range(2))
            self.drawn = draw(settings, self.x, host.feeds("layer"), "layer")
            parameters = self.drawn.parameters
            found = tf.gradients(self.drawn.output, [self.x, *parameters.values()], grad_ys=dy)
            start = self.drawn.start(settings.conventions)
        host.open(start)
        gradients = dict(zip(("x", *parameters), found, strict=True))
        self.wanted = tuple(gradients.get(name) for name in ("x", "gamma", "beta"))
        self.two_calls = two_calls
        fed = [self.x, *host.fed]
        session, updates = host.session, list(self.drawn.updates)
        beside = [] if two_calls else updates
        fetched = [self.drawn.output, *(g for g in self.wanted if g is not None)]
        self.run_inference = session.make_callable(self.drawn.output, fed)
        self.run_forward = session.make_callable([self.drawn.output, beside], fed)
        self.run_gradients = session.make_callable([fetched, beside], [*fed, dy])
        self.run_update = session.make_callable(updates, fed)

    def inference(self, x: Array) -> Any:
        """Normalize by the moving statistics."""
        return self.run_inference(x, *self.host.values(False))

    def training_step(self, x: Array) -> Any:
        """Normalize by the batch and update, in one session call or in two."""
        y, _ = self.run_forward(x, *self.host.values(True))
        self._update(x)
        return y

    def training_step_with_gradients(self, x: Array, dy: Array) -> tuple[Any, ...]:
        """The same, with the gradients."""
        found, _ = self.run_gradients(x, *self.host.values(True), dy)
        self._update(x)
        given = iter(found[1:])
        return found[0], *(None if g is None else next(given) for g in self.wanted)

    def _update(self, x: Array) -> None:
        if self.two_calls:
            self.run_update(x, *self.host.values(False))
        self.host.count()

    def export_state(self) -> State:
        """Copies of the variables, and the number of updates."""
        shape, dtype = (self.settings.channels,), self.settings.dtype
        found = self.host.read(self.drawn.parameters | self.drawn.statistics)
        return State(
            gamma=found.get("gamma", np.ones(shape, dtype)),
            beta=found.get("beta", np.zeros(shape, dtype)),
            moving_mean=found["moving_mean"],
            moving_variance=found["moving_variance"],
            num_updates=self.host.counts["layer/num_updates"],
        )

    def load_state(self, state: State) -> None:
        """Assign the variables, and set the number of updates."""
        variables = self.drawn.parameters | self.drawn.statistics
        arrays: Mapping[str, Any] = state
        dtype = self.settings.dtype
        self.host.write([(v, np.asarray(arrays[name]).astype(dtype)) for name, v in variables.items()])
        self.host.counts["layer/num_updates"] = state["num_updates"]


def tf1_layer(configuration: Configuration, draw: Draw, *, two_calls: bool = False) -> Layer:
    """Build a layer of this style.

    Args:
        configuration: of the layer; it was found to be possible.
        draw: the batch normalization.
        two_calls: whether the update is a session call of its own.

    Returns:
        The layer.
    """
    return layer_around(Tf1Layer(configuration, draw, two_calls=two_calls))


def layer_around(layer: Tf1Layer, **parts: Any) -> Layer:
    """The layer of the interface; ``parts`` replace callables."""
    settings = layer.settings
    built = Layer(
        configuration=settings,
        inference=layer.inference,
        training_step=layer.training_step,
        training_step_with_gradients=layer.training_step_with_gradients,
        to_native=lambda array: np.array(array, settings.dtype),
        to_numpy=np.asarray,
        synchronize=lambda _: None,  # a session call returns when its fetches are there
        export_state=layer.export_state,
        load_state=layer.load_state,
        observe=observe,
        formats=layer.host.formats(),
        close=layer.host.close,
    )
    return replace(built, **parts)
