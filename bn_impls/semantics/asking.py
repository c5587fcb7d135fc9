"""What a question about an implementation is, and the layers that probes ask it of.

A probe sees an implementation from outside: it builds layers, calls them with arrays whose results it can solve for
what was done, and reads the canonical state. It reads no attribute of the framework's objects.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from bn_impls.interface import Configuration, Implementation, Layer, Style, Unsupported
from bn_impls.state import State

Array = npt.NDArray[Any]
DTYPES = ("float32", "float64", "float16", "bfloat16")  # the one that users train in first
NOT_OFFERED = "not offered"
COLOURS = re.compile(r"\x1b\[[0-9;]*m")  # of Keras' messages
FOLDERS = re.compile(
    r"(?<![\w.])(?:[A-Za-z]:)?(?:[\\/][\w.@+-]+)+[\\/](?=[\w-]+\.py)"
)  # before the name of a source file


@dataclass(frozen=True)
class Answer:
    """What a probe found.

    Attributes:
        observed: in the question's own words, so that equal behaviour reads equal.
        declared: what the conventions or the interface's contract say, in the same words; None where they are silent.
        evidence: the numbers seen.
    """

    observed: str
    declared: str | None
    evidence: str

    def as_json(self) -> dict[str, str | None]:
        """One cell of the matrix."""
        return {"observed": self.observed, "declared": self.declared, "evidence": self.evidence}


class NotOffered(Exception):
    """The implementation has no layer that the question could be asked of; the text is its reason."""


@dataclass(frozen=True)
class Question:
    """One row of the matrix.

    Attributes:
        key: its name in JSON.
        title: its name for readers, in the field's terms.
        meaning: what is asked, in one sentence.
        probe: finds the answer; may raise anything.
        watch: what to watch out for: the words that an observed value begins with, and the sentence that they call for.
        gravity: how much a warning of this question matters beside others'.
        early: whether it must be asked before the framework has chosen its devices.
    """

    key: str
    title: str
    meaning: str
    probe: Callable[[Subject], Answer]
    watch: Mapping[str, str] = field(default_factory=dict)
    gravity: int = 0
    early: bool = False


class Probed:
    """A layer called with arrays and read as float64 arrays."""

    def __init__(self, layer: Layer) -> None:
        """Remember the state in which it was built."""
        self.layer, self.settings = layer, layer.configuration
        self.first = layer.export_state()

    def set(self, **parts: Any) -> None:
        """The state in which it was built, with other values; a number stands for every channel."""
        state: dict[str, Any] = {name: np.array(value) for name, value in self.first.items()}
        for name, value in parts.items():
            state[name] = value if name == "num_updates" else np.full(self.settings.channels, value, np.float32)
        self.layer.import_state({**state, "num_updates": int(state["num_updates"])})

    def state(self) -> State:
        """The canonical state."""
        return self.layer.export_state()

    def moving(self) -> tuple[Array, Array]:
        """Moving mean and variance as they are exported, in float64."""
        state = self.state()
        return np.asarray(state["moving_mean"], np.float64), np.asarray(state["moving_variance"], np.float64)

    def infer(self, x: Array) -> Array:
        """Output of an inference call."""
        return self._array(self.layer.inference(self.layer.to_native(x)))

    def train(self, x: Array, *more: Any) -> Array:
        """Output of a training call; ``more`` are a variant's further arguments, as they are."""
        return self._array(self.layer.training_step(self.layer.to_native(x), *more))

    def differentiate(self, *arrays: Array) -> tuple[Array | None, ...]:
        """Results of a training call with gradients."""
        if isinstance(self.layer.training_step_with_gradients, Unsupported):
            raise NotOffered(self.layer.training_step_with_gradients.reason)
        found = self.layer.differentiated(*map(self.layer.to_native, arrays))
        return tuple(None if part is None else self._array(part) for part in found)

    def _array(self, tensor: Any) -> Array:
        return np.asarray(self.layer.to_numpy(tensor)).astype(np.float64)

    def read(self) -> tuple[float, float]:
        """Mean and deviation (with epsilon) by which inference normalizes channel 0, solved from two outputs."""
        x = np.zeros(self.settings.input_shape)
        x[0] = 1.0
        y = self.infer(x)
        low, high = self.channel(y)[[-1, 0]]
        deviation = 1 / (high - low) if high != low else np.inf
        return float(-low * deviation), float(deviation)

    def channel(self, array: Array, index: int = 0) -> Array:
        """All values of one channel, batch first."""
        values: Array = np.moveaxis(array, self.settings.channel_axis, 0)[index].reshape(-1)
        return values


class Subject:
    """An implementation in one call style, and the layers that were built of it so far."""

    def __init__(self, implementation: Implementation, style: Style) -> None:
        """Nothing is built yet."""
        self.implementation, self.style = implementation, style
        self._built: dict[tuple[str | None, Configuration], Probed] = {}

    def configuration(self, shape: Sequence[int], **changes: Any) -> Configuration:
        """A usual configuration of this implementation; ``changes`` replace fields."""
        usual: dict[str, Any] = {
            "input_shape": tuple(shape),
            "layout": "channels_last",
            "dtype": "float32",
            "decay": 0.75,
            "epsilon": 1e-3,
            "center": True,
            "scale": True,
            "conventions": self.implementation.conventions,
            "style": self.style,
            "device": "cpu",
        }
        return Configuration(**usual | changes)

    def layer(self, shape: Sequence[int], *, variant: str | None = None, **changes: Any) -> Probed:
        """A layer in the state in which it was built; the same call gives the same layer again.

        Args:
            shape: of its inputs.
            variant: a name of :data:`bn_impls.interface.VARIANTS`; None for the layer itself.
            changes: fields of the configuration.

        Raises:
            NotOffered: with the implementation's reason.
        """
        settings = self.configuration(shape, **changes)
        if (variant, settings) not in self._built:
            self._built[variant, settings] = Probed(self._build(variant, settings))
        probed = self._built[variant, settings]
        probed.set()
        return probed

    def usual(self, shape: Sequence[int], *, variant: str | None = None, **changes: Any) -> Probed:
        """The same, in the first dtype of :data:`DTYPES` that is offered."""
        reasons = []
        for dtype in DTYPES:
            try:
                return self.layer(shape, variant=variant, dtype=dtype, **changes)
            except NotOffered as reason:
                reasons.append(str(reason))
        raise NotOffered(reasons[0])

    def _build(self, variant: str | None, settings: Configuration) -> Layer:
        if variant is None:
            built = self.implementation.build(settings)
        elif variant not in self.implementation.variants:
            raise NotOffered(f"the implementation offers no variant {variant!r}")
        else:
            built = self.implementation.variants[variant](settings)
        if isinstance(built, Unsupported):
            raise NotOffered(built.reason)
        return built

    def close(self) -> None:
        """Release every layer."""
        for probed in self._built.values():
            probed.layer.close()
        self._built.clear()


def ask(question: Question, subject: Subject) -> Answer:
    """Ask one question; what is not offered is an answer."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # probes ask for NaN, empty means and deprecated arguments on purpose
        try:
            return question.probe(subject)
        except NotOffered as reason:
            return Answer(NOT_OFFERED, None, str(reason))


def refused(error: Exception) -> Answer:
    """The answer of an API that raises; where files lie on this machine is nobody's business."""
    message = FOLDERS.sub("", COLOURS.sub("", " ".join(str(error).split())))
    return Answer("refused", None, f"{type(error).__name__}: {message[:400] or 'no message'}")


def shown(value: float, digits: int = 6) -> str:
    """A number as evidence shows it."""
    return f"{float(value):.{digits}g}"


def listed(values: Any, digits: int = 6) -> str:
    """Several numbers."""
    return ", ".join(shown(value, digits) for value in np.asarray(values, np.float64).reshape(-1))


def closest(value: float, candidates: Mapping[str, float], tolerance: float) -> str | None:
    """The name of the candidate that a value equals within a relative tolerance, the nearest first."""
    scale = max(abs(value), *(abs(candidate) for candidate in candidates.values()), 1e-300)
    nearest = min(candidates, key=lambda name: abs(value - candidates[name]) if value == value else np.inf)
    return nearest if abs(value - candidates[nearest]) <= tolerance * scale else None


def joined(by_place: Mapping[str, str]) -> str:
    """``a`` where all places agree, otherwise ``a at rank 2 and 3; b at rank 4``."""
    values = list(dict.fromkeys(by_place.values()))
    if len(values) == 1:
        return values[0]
    places = {value: [place for place, found in by_place.items() if found == value] for value in values}
    return "; ".join(f"{value} at {_and(found)}" for value, found in places.items())


def _and(parts: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))
