"""The plan: which cases a run has. No framework is needed to make it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks import cross_cases
from benchmarks.agreement_grid import SMALL_SHAPES, Agreement, Shape, small
from benchmarks.checkpoints import planning
from benchmarks.networks import recipe
from benchmarks.settings import Settings
from benchmarks.training_plan import trainings
from bn_impls.registry import Descriptor

QUICK_SHAPES: tuple[Shape, ...] = ((32, 32), (256, 256))
DEFAULT_SHAPES: tuple[Shape, ...] = (*QUICK_SHAPES, (32, 56, 56, 64), (100, 75, 75, 8))
FULL_SHAPES: tuple[Shape, ...] = (
    *DEFAULT_SHAPES,
    (64, 4096),
    (8192, 100),
    (32, 28, 28, 128),
    (32, 14, 14, 256),
    (128, 7, 7, 512),
)
UNTIMED = ("agreement", "convergence", "checkpoint")
"""Axes in which no duration is compared; while another is measured, nothing else runs."""
LAYER_CONSTANTS = {"decay": 0.9, "epsilon": 1e-3, "seed": 0}
TRAINING_CONSTANTS = {"batch_size": 32, "optimizer": "adam", "learning_rate": 0.01, "seed": 0}
LAYER_WORK = ("inference", "training_forward", "training_forward_backward")


@dataclass(frozen=True)
class Case:
    """One axis x one implementation x one set of parameters.

    Attributes:
        axis: which axis.
        implementation: the implementation's name.
        label: the parameters in short, unique within axis and implementation.
        parameters: everything that determines the case, as plain values.
    """

    axis: str
    implementation: str
    label: str
    parameters: Mapping[str, Any]

    @property
    def case_id(self) -> str:
        """Axis, implementation and parameters in one readable line."""
        return f"{self.axis}:{self.implementation}:{self.label}"

    @property
    def group(self) -> str:
        """What is compared with what: the same for every implementation, the call style left open."""
        style = self.parameters.get("style", "")
        return f"{self.axis}:{self.label.replace(f'-{style}-', '-*-')}"

    @property
    def decides(self) -> bool:
        """Whether a disagreement here decides the exit code; who differentiates twice is told in the report."""
        return self.parameters.get("gradients") != "second_order"

    def as_json(self) -> dict[str, Any]:
        """The fields that a record and the plan carry."""
        return {
            "case_id": self.case_id,
            "axis": self.axis,
            "implementation": self.implementation,
            "case": dict(self.parameters),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Case:
        """Read back what :meth:`as_json` gave."""
        axis, implementation = stored["axis"], stored["implementation"]
        label = stored["case_id"].removeprefix(f"{axis}:{implementation}:")
        return cls(axis, implementation, label, stored["case"])


def plan(settings: Settings, descriptors: Iterable[Descriptor]) -> list[Case]:
    """Every case of a run, agreement first.

    A speed needs a passed agreement beside it, so cases of agreement stand in the plan for all that is timed, also
    when only throughput was asked for.

    Args:
        settings: axes, size and device.
        descriptors: the implementations.

    Returns:
        The cases, without doubles.
    """
    found: dict[str, Case] = {}
    descriptors = list(descriptors)
    for descriptor in descriptors:
        for axis, cases in (
            ("agreement", agreement_cases(settings, descriptor)),
            ("agreement", replica_cases(settings, descriptor)),
            ("throughput", throughput_cases(settings, descriptor)),
            ("convergence", convergence_cases(settings, descriptor)),
            ("checkpoint", checkpoint_cases(settings, descriptor)),
        ):
            if axis in settings.axes:
                found |= {case.case_id: case for case in cases}
        if "throughput" in settings.axes:
            needed = (one for case in throughput_cases(settings, descriptor) for one in gates(case))
            found |= {case.case_id: case for case in needed}
    if "checkpoint" in settings.axes:
        found |= {case.case_id: case for case in crossing_cases(settings, descriptors)}
        found |= {case.case_id: case for case in own_files_cases(settings, descriptors)}
    return list(found.values())


def _styles(settings: Settings, styles: tuple[str, ...]) -> tuple[str, ...]:
    return styles if settings.size == "full" else styles[:1]


def _timed_shapes(settings: Settings) -> tuple[Shape, ...]:
    return {"quick": QUICK_SHAPES, "default": DEFAULT_SHAPES, "full": FULL_SHAPES}[settings.size]


def _agreement(settings: Settings, name: str, compared: Agreement, style: str) -> Case:
    parameters = {
        "shape": list(compared.shape),
        "layout": compared.layout,
        "dtype": compared.dtype,
        "style": style,
        "device": settings.device,
        "center": compared.center,
        "scale": compared.scale,
        "gradients": compared.gradients,
        "steps": compared.steps,
        "input": compared.input,
        **LAYER_CONSTANTS,
    }
    order = "" if compared.layout == "channels_last" else "-channels_first"
    label = f"{_times(compared.shape)}{order}-{compared.dtype}-{style}-{settings.device}{compared.suffix}"
    return Case("agreement", name, label, parameters)


def _times(shape: Shape) -> str:
    return "x".join(map(str, shape))


def agreement_cases(settings: Settings, descriptor: Descriptor) -> Iterator[Case]:
    """Everything on small shapes, and every shape that is timed."""
    for style in _styles(settings, descriptor.styles):
        timed = (Agreement(shape=shape) for shape in _timed_shapes(settings))
        for compared in (*small(settings.size), *timed):
            yield _agreement(settings, descriptor.name, compared, style)


REPLICATED = ("keras", "tf-manual")
STRATEGIES = ("mirrored", "multi_worker")


def replica_cases(settings: Settings, descriptor: Descriptor) -> Iterator[Case]:
    """Two replicas under ``tf.distribute``, each strategy with statistics of each part and of the whole batch."""
    if settings.size != "full" or settings.device != "cpu" or descriptor.name not in REPLICATED:
        return
    for strategy in STRATEGIES:
        for synchronized in (False, True):
            kind = "synchronized" if synchronized else "not_synchronized"
            parameters = {
                "layer": descriptor.name, "shape": [16, 5], "layout": "channels_last", "dtype": "float32",
                "style": "graph", "device": "cpu", "steps": 8, "input": "replicas", "strategy": strategy,
                "synchronized": synchronized, **LAYER_CONSTANTS,
            }  # fmt: skip
            yield Case("agreement", descriptor.name, f"16x5-float32-graph-cpu-{strategy}-{kind}", parameters)


def gates(case: Case) -> list[Case]:
    """The agreement cases that a speed needs beside it.

    The same shape shows that what is timed is right; the small odd shapes show what a large one hides, such as a factor
    n / (n - 1), which is lost in the rounding of long sums.
    """
    chosen = case.parameters
    of_layer = chosen["work"] in LAYER_WORK
    shapes = ((tuple(chosen["shape"]) if of_layer else QUICK_SHAPES[0]), *SMALL_SHAPES)
    style = chosen["style"] if of_layer else chosen["layer_style"]
    settings = Settings(device=chosen["device"])
    return [
        _agreement(
            settings, case.implementation, Agreement(shape=s, dtype=chosen["dtype"], layout=chosen["layout"]), style
        )
        for s in dict.fromkeys(shapes)
    ]


def throughput_cases(settings: Settings, descriptor: Descriptor) -> Iterator[Case]:
    """Layers of every timed shape, and the training step of network 000."""
    common = {"layout": "channels_last", "dtype": "float32", "device": settings.device}
    works = LAYER_WORK if settings.size == "full" else ("inference", "training_forward_backward")
    for style in _styles(settings, descriptor.styles):
        for work in works:
            for shape in _timed_shapes(settings):
                label = f"{work}-{_times(shape)}-float32-{style}-{settings.device}"
                parameters = {"work": work, "shape": list(shape), "style": style, **common, **LAYER_CONSTANTS}
                yield Case("throughput", descriptor.name, label, parameters)
    for style in _styles(settings, descriptor.trainer_styles):
        network: dict[str, Any] = {"network": "000", "shape": [32, 784], "style": style, "steps_per_call": 50}
        parameters = {
            "work": "network_training_step", **network, **common, **_data(settings),
            "layer_style": style if style in descriptor.styles else descriptor.styles[0], **TRAINING_CONSTANTS,
        }  # fmt: skip
        label = f"network_training_step-000-float32-{style}-{settings.device}"
        yield Case("throughput", descriptor.name, label, parameters)


def _data(settings: Settings) -> dict[str, Any]:
    return {"dataset": settings.dataset}


def convergence_cases(settings: Settings, descriptor: Descriptor) -> Iterator[Case]:
    """Document 000's experiment with batch normalization and without, and the networks that a run has besides."""
    for training in trainings(settings.size, descriptor.name, settings.networks):
        chosen = recipe(training.network)
        style = chosen.style_of(descriptor.trainer_styles, settings.device)
        dataset = chosen.dataset_of(settings.dataset)
        parameters = {
            "batch_norm": training.batch_norm,
            "dataset": dataset,
            "epochs": training.epochs,
            **chosen.parameters(),
            "seed": training.seed,
            "dtype": "float32",
            "style": style,
            "device": settings.device,
        }
        kind = "with" if training.batch_norm else "without"
        seed = f"-seed{training.seed}" if training.seed else ""
        label = f"{training.network}-{kind}_batch_norm-{dataset}-{style}-{settings.device}{seed}"
        yield Case("convergence", descriptor.name, label, parameters)


def checkpoint_cases(settings: Settings, descriptor: Descriptor) -> Iterator[Case]:
    """Save and restore of network 000: the usual format, or every format in every situation."""
    common = {
        "network": "000",
        **_data(settings),
        "steps_before": 100,
        "steps_after": 50,
        **TRAINING_CONSTANTS,
        "dtype": "float32",
        "device": settings.device,
    }
    for label, parameters in planning.cases(descriptor, common, full=settings.size == "full"):
        yield Case("checkpoint", descriptor.name, label, parameters)


def crossing_cases(settings: Settings, descriptors: Sequence[Descriptor]) -> Iterator[Case]:
    """Network 000, trained by one implementation and taken up by another."""
    for source, target in cross_cases.pairs(settings, descriptors):
        parameters = {
            "source": source.name,
            "target": target.name,
            "network": "000",
            **_data(settings),
            "steps_before": 100,
            "steps_after": 50,
            **TRAINING_CONSTANTS,
            "dtype": "float32",
            "source_style": cross_cases.style(source),
            "style": cross_cases.style(target),
            "device": settings.device,
        }
        yield Case("checkpoint", target.name, f"000-from-{source.name}-{settings.device}", parameters)


def own_files_cases(settings: Settings, descriptors: Sequence[Descriptor]) -> Iterator[Case]:
    """One small network, in a file that one framework wrote and another claims to read."""
    for source, target, written, file in cross_cases.exchanges(settings, descriptors):
        parameters = {
            "source": source.name,
            "target": target.name,
            "written": written,
            "file": file,
            "dtype": "float32",
            "source_style": cross_cases.style(source),
            "style": cross_cases.style(target),
            "device": settings.device,
            "seed": 0,
        }
        yield Case("checkpoint", target.name, f"{file}-from-{source.name}-{settings.device}", parameters)
