"""Which implementations exist, found without importing any framework."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import pkgutil
import sys
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bn_impls.errors import BadSpecification, NothingThere, UnknownName

ENTRY_POINT_GROUP = "bn_impls"


@dataclass(frozen=True, kw_only=True)
class Descriptor:
    """What is known of an implementation without importing it.

    Attributes:
        name: how it is called on the command line and in records.
        framework: the library it belongs to.
        summary: what it is, in one line.
        target: ``module:OBJECT`` of its :class:`bn_impls.interface.Implementation`.
        modules: top-level modules that must be installed for it.
        install: the command that installs them.
        styles: the call styles that it offers for a layer, its users' usual one first.
        trainer_styles: the same for a network in training.
        formats: the checkpoint formats of its networks, the usual one first.
        partial_formats: ways to save a part of a network, as ``format:part``.
        exports: formats of files that other programs infer from.
        checkpoint_probes: what only this API's checkpoints can be asked.
        environment: variables that its process must be started with, as pairs.
        does_without: top-level modules that its framework imports where they are installed and does without elsewhere;
            its process imports it as if they were not.
        choice_for: of which frameworks' users it is a choice, by the title that the advice has for them, with its place
            among their choices: 0 is the layer that the framework's own pages offer first.
        yardstick: whether others are measured by it and nobody would build with it; it is shown and not recommended.
        problem: why the descriptor itself cannot be used; None if it can.
    """

    name: str
    framework: str
    summary: str
    target: str
    modules: tuple[str, ...] = ()
    install: str = ""
    styles: tuple[str, ...] = ("eager",)
    trainer_styles: tuple[str, ...] = ("eager",)
    formats: tuple[str, ...] = ("npz",)
    partial_formats: tuple[str, ...] = ()
    exports: tuple[str, ...] = ()
    checkpoint_probes: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    does_without: tuple[str, ...] = ()
    choice_for: tuple[tuple[str, int], ...] = ()
    yardstick: bool = False
    problem: str | None = None

    def missing(self) -> str | None:
        """Why the implementation cannot run here, or None if it can, as far as one sees without importing it."""
        if self.problem is not None:
            return self.problem
        absent = [name for name in self.modules if not _is_installed(name)]
        if not absent:
            return None
        return f"{', '.join(absent)} is not installed; {self.install or 'install it with pip'}"


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ModuleNotFoundError, ValueError):  # a parent of a dotted name is missing; no name at all
        return False


def from_checkout(extra: str) -> str:
    """The command that installs what an implementation needs: bn-bench is on no package index, so from its checkout."""
    return f'pip install -e ".[{extra}]" in the checkout of bn-bench'


_TAKEN_ALONG = ("matplotlib", "pandas", "sklearn")
"""What Keras imports where it finds it; TensorFlow imports Keras, and tf_keras and Sonnet import TensorFlow."""
_NOT_ON_JAX: dict[str, Any] = {"does_without": (*_TAKEN_ALONG, "jax", "scipy")}
"""Keras imports these too, and only on JAX they are needed."""

_TENSORFLOW: dict[str, Any] = {
    "modules": ("tensorflow",),
    "install": from_checkout("tensorflow"),
    "styles": ("graph", "eager", "xla"),
    "trainer_styles": ("xla", "graph", "eager"),
    **_NOT_ON_JAX,
}
_TF_FORMATS: dict[str, Any] = {
    "formats": ("tf-checkpoint", "saved-model"),
    "partial_formats": ("tf-checkpoint:network",),
}
_TORCH_FORMATS: dict[str, Any] = {
    "formats": ("state-dict", "torch-pt"),
    "partial_formats": ("state-dict:network", "state-dict:parameters"),
    "exports": ("onnx",),
}
_JAX_FORMATS: dict[str, Any] = {"formats": ("orbax",), "partial_formats": ("orbax:parameters",)}

_TF1: dict[str, Any] = {
    "framework": "TensorFlow, in the style of version 1",
    "styles": ("session",),
    "trainer_styles": ("session",),
    **_NOT_ON_JAX,
    "formats": ("tf1-saver", "saved-model"),
    "partial_formats": ("tf1-saver:trainable", "tf1-saver:variables"),
}
_AVERAGES: dict[str, Any] = {
    "partial_formats": (
        *_TF1["partial_formats"], "tf1-saver:variables_to_restore", "tf1-saver:variables_to_restore-none",
    ),
    "checkpoint_probes": ("averaged_weights",),
}  # fmt: skip
_TF_KERAS: dict[str, Any] = {
    "modules": ("tensorflow", "tf_keras"),
    "install": from_checkout("tf-keras"),
}

BUILT_IN = (
    Descriptor(
        name="numpy-reference",
        framework="NumPy",
        summary="the equations in float64, two-pass variance; the oracle that errors are measured against",
        target="bn_impls.numpy_reference:IMPLEMENTATION",
        yardstick=True,
    ),
    Descriptor(
        name="tf-manual",
        framework="TensorFlow",
        summary="tf.nn.moments + tf.nn.batch_normalization + ExponentialMovingAverage with num_updates",
        target="bn_impls.tf_manual:IMPLEMENTATION",
        choice_for=(("TensorFlow 2", 4),),
        **_TF_FORMATS,
        **_TENSORFLOW,
    ),
    Descriptor(
        name="keras",
        framework="Keras 3 on TensorFlow",
        summary="tf.keras.layers.BatchNormalization",
        target="bn_impls.keras_layer:IMPLEMENTATION",
        choice_for=(("TensorFlow 2", 0), ("Keras 3, any backend", 0)),
        formats=("keras", "weights-h5", "tf-checkpoint", "saved-model"),
        partial_formats=("keras:network", "tf-checkpoint:network"),
        environment=(("KERAS_BACKEND", "tensorflow"),),
        **_TENSORFLOW | {"styles": (*_TENSORFLOW["styles"], "subclassed")},
    ),
    Descriptor(
        name="tf1-manual",
        summary="document 004's function: placeholders, ExponentialMovingAverage of tensors, tf.cond, one call a step",
        target="bn_impls.tf1_manual:ONE_CALL",
        choice_for=(("TensorFlow 1", 1),),
        **_TF1 | _AVERAGES | {name: _TENSORFLOW[name] for name in ("modules", "install")},
    ),
    Descriptor(
        name="tf1-manual-two-call",
        summary="the same, trained as document 004 does: the update in a second call, with isTraining false",
        target="bn_impls.tf1_manual:TWO_CALLS",
        choice_for=(("TensorFlow 1", 2),),
        **_TF1 | _AVERAGES | {name: _TENSORFLOW[name] for name in ("modules", "install")},
    ),
    Descriptor(
        name="tf1-layers",
        summary="tf.layers.batch_normalization, UPDATE_OPS under control dependencies (documents 000, 001, 004)",
        target="bn_impls.tf1_layers:IMPLEMENTATION",
        choice_for=(("TensorFlow 1", 0),),
        **_TF1 | _TF_KERAS,
    ),
    Descriptor(
        name="tf-fused",
        framework="TensorFlow",
        summary="tf.compat.v1.nn.fused_batch_norm, its returned statistics assigned by the caller",
        target="bn_impls.tf_fused:IMPLEMENTATION",
        choice_for=(("TensorFlow 2", 3),),
        **_TF_FORMATS,
        **_TENSORFLOW,
    ),
    Descriptor(
        name="tf-keras",
        framework="Keras 2",
        summary="tf_keras.layers.BatchNormalization: fused for maps, by moments for rank 2",
        target="bn_impls.tf_keras_layer:IMPLEMENTATION",
        choice_for=(("TensorFlow 2", 1),),
        **_TF_FORMATS,
        **_TENSORFLOW | _TF_KERAS,
    ),
    Descriptor(
        name="torch",
        framework="PyTorch",
        summary="torch.nn.BatchNorm1d, 2d and 3d",
        target="bn_impls.torch_layer:IMPLEMENTATION",
        choice_for=(("PyTorch", 0),),
        modules=("torch", "safetensors"),
        install=from_checkout("torch"),
        styles=("eager", "graph"),
        trainer_styles=("eager", "graph"),
        **_TORCH_FORMATS,
    ),
    Descriptor(
        name="flax",
        framework="Flax on JAX",
        summary="flax.nnx.BatchNorm",
        target="bn_impls.flax_layer:IMPLEMENTATION",
        choice_for=(("JAX", 0),),
        modules=("jax", "flax", "orbax.checkpoint"),
        install=from_checkout("jax"),
        styles=("xla", "eager"),
        trainer_styles=("xla", "eager"),
        **_JAX_FORMATS,
    ),
    Descriptor(
        name="keras-jax",
        framework="Keras 3 on JAX",
        summary="keras.layers.BatchNormalization through stateless_call",
        target="bn_impls.keras_jax_layer:IMPLEMENTATION",
        choice_for=(("Keras 3, any backend", 1), ("JAX", 2)),
        modules=("jax", "keras", "orbax.checkpoint"),
        install=from_checkout("keras-jax"),
        styles=("xla", "eager"),
        trainer_styles=("xla", "eager"),
        **_JAX_FORMATS,
        environment=(("KERAS_BACKEND", "jax"),),
        does_without=_TAKEN_ALONG,
    ),
    Descriptor(
        name="keras-torch",
        framework="Keras 3 on PyTorch",
        summary="keras.layers.BatchNormalization, recorded by PyTorch's autograd",
        target="bn_impls.keras_torch_layer:IMPLEMENTATION",
        choice_for=(("Keras 3, any backend", 2), ("PyTorch", 1)),
        modules=("torch", "safetensors", "keras"),
        install=from_checkout("keras-torch"),
        **_TORCH_FORMATS,
        environment=(("KERAS_BACKEND", "torch"),),
        **_NOT_ON_JAX,
    ),
    Descriptor(
        name="onnxruntime",
        framework="ONNX Runtime",
        summary="the ONNX operator BatchNormalization: a node to infer and one in training mode; no gradients",
        target="bn_impls.onnxruntime_layer:IMPLEMENTATION",
        choice_for=(("ONNX Runtime, inference only", 0),),
        modules=("onnxruntime", "onnx"),
        install=from_checkout("onnx"),
        styles=("graph",),
        trainer_styles=("graph",),
        formats=("onnx",),
    ),
    Descriptor(
        name="sonnet",
        framework="Sonnet on TensorFlow",
        summary="snt.BatchNorm, with debiased averages",
        target="bn_impls.sonnet_layer:IMPLEMENTATION",
        choice_for=(("TensorFlow 2", 2),),
        modules=("tensorflow", "sonnet"),
        install=from_checkout("sonnet"),
        styles=_TENSORFLOW["styles"],
        trainer_styles=_TENSORFLOW["trainer_styles"],
        **_TF_FORMATS,
        **_NOT_ON_JAX,
    ),
    Descriptor(
        name="haiku",
        framework="Haiku on JAX",
        summary="hk.BatchNorm through transform_with_state, with debiased averages",
        target="bn_impls.haiku_layer:IMPLEMENTATION",
        choice_for=(("JAX", 1),),
        modules=("jax", "haiku", "orbax.checkpoint"),
        install=from_checkout("haiku"),
        styles=("xla", "eager"),
        trainer_styles=("xla", "eager"),
        **_JAX_FORMATS,
    ),
    Descriptor(
        name="numba",
        framework="Numba",
        summary="a kernel of our own for the CPU: statistics in one pass over memory, all results in a second",
        target="bn_impls.numba_layer:IMPLEMENTATION",
        modules=("numba",),
        install=from_checkout("numba"),
        yardstick=True,
    ),
)


def descriptors() -> dict[str, Descriptor]:
    """Every implementation by name: the built-in ones, then those of entry points.

    An entry point that cannot be loaded, or takes a built-in name, becomes a descriptor with a ``problem``.
    """
    known = {descriptor.name: descriptor for descriptor in BUILT_IN}
    for descriptor in _third_party():
        if descriptor.name in known:
            name = f"{descriptor.name} ({descriptor.target})"
            problem = f"the name {descriptor.name!r} is taken; the other package must choose another"
            descriptor = Descriptor(name=name, framework="?", summary="", target=descriptor.target, problem=problem)
        known[descriptor.name] = descriptor
    return known


def _third_party() -> Iterator[Descriptor]:
    for entry_point in sorted(importlib.metadata.entry_points(group=ENTRY_POINT_GROUP), key=lambda point: point.name):
        try:
            loaded = entry_point.load()
        except (Exception, SystemExit) as error:  # somebody else's code: whatever it raises is this row's reason
            loaded = f"{type(error).__name__}: {error}"
        if isinstance(loaded, Descriptor):
            yield loaded
            continue
        got = loaded if isinstance(loaded, str) else f"it is a {type(loaded).__name__}, but should be a Descriptor"
        problem = f"the entry point {entry_point.value} is broken: {got}"
        yield Descriptor(name=entry_point.name, framework="?", summary="", target=entry_point.value, problem=problem)


def describe(specification: str) -> Descriptor:
    """Find the descriptor of a name or ``module:OBJECT``.

    Raises:
        UnknownName: no implementation has this name.
    """
    if ":" in specification and not specification.startswith(":"):
        return Descriptor(name=specification, framework="given by module:OBJECT", summary="", target=specification)
    known = descriptors()
    if specification not in known:
        way_out = "`bn-bench list` shows them all; your own is given as package.module:OBJECT."
        raise UnknownName.among("implementation", specification, known, way_out)
    return known[specification]


def make_importable(descriptor: Descriptor) -> None:
    """Let ``module:OBJECT`` be found in the current folder, after everything else: it must not shadow a framework."""
    if descriptor.name == descriptor.target and str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))


def load(descriptor: Descriptor, given: Mapping[str, float] | None = None) -> Any:
    """Import an implementation; this is where its framework is imported.

    Args:
        descriptor: which one. Its target may also be a plain class of PyTorch or Keras, which is then wrapped.
        given: ``decay`` and ``epsilon`` that a plain class has and that cannot be set.

    Returns:
        The :class:`bn_impls.interface.Implementation` (typed Any to keep this module free of the interface's imports).

    Raises:
        NothingThere: there is no such module or object.
        BadSpecification: the target does not import or is no implementation.
    """
    from bn_impls.interface import Implementation  # here, so that listing stays fast

    if descriptor.problem is not None:
        raise BadSpecification(f"{descriptor.name}: {descriptor.problem}")
    module_name, _, object_name = descriptor.target.partition(":")
    make_importable(descriptor)
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):  # another one, which it imports
            raise _not_imported(descriptor, error) from error
        here = [found.name for found in pkgutil.iter_modules([str(Path.cwd())])]
        raise NothingThere.among(descriptor.target, "module", error.name, here) from error
    except (Exception, SystemExit) as error:  # somebody else's module may raise anything
        raise _not_imported(descriptor, error) from error
    found = getattr(module, object_name, None)
    if not hasattr(module, object_name):
        named = [name for name, value in vars(module).items() if isinstance(value, Implementation)]
        raise NothingThere.among(descriptor.target, "object", object_name, named)
    if isinstance(found, Implementation):
        return found
    from bn_impls.plain.recognized import implementation_of  # here, as only a plain class needs it

    if (wrapped := implementation_of(descriptor.target, found, given or {})) is not None:
        return wrapped
    raise BadSpecification(
        f"{descriptor.target} is a {type(found).__name__}, but should be a bn_impls.interface.Implementation, or a "
        "class derived from torch.nn.Module or keras.Layer; docs/adding-an-implementation.md leads through writing one"
    )


def _not_imported(descriptor: Descriptor, error: BaseException) -> BadSpecification:
    frames = traceback.extract_tb(error.__traceback__)
    place = f" [{Path(frames[-1].filename).name} line {frames[-1].lineno}]"
    return BadSpecification(
        f"{descriptor.target} does not import: its module raised {type(error).__name__}: {error}{place}"
    )
