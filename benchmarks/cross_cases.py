"""The cases in which one implementation takes up what another one has trained. No framework is needed to plan them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.settings import Settings
from bn_impls.registry import Descriptor

DEFAULT_IMPLEMENTATIONS = 6
CHEAPEST_STYLES = ("graph", "session", "eager")
"""Preferred in this order: nothing is timed, and to compile by XLA takes longer than these trainings."""

EXCHANGES: tuple[tuple[str, str, str, str], ...] = (
    ("keras", "tf-keras", "weights-h5", "weights-h5"),
    ("keras", "tf-keras", "keras-archive", "keras-archive"),
    ("keras", "tf-keras", "h5-model", "h5-model"),
    ("tf-keras", "keras", "weights-h5", "weights-h5"),
    ("tf-keras", "keras", "keras-archive", "keras-archive"),
    ("tf-keras", "keras", "h5-model", "h5-model"),
    ("tf-keras", "keras", "h5-weights", "h5-weights"),
    ("tf-keras", "keras", "h5-weights", "h5-weights-by-name"),
    ("keras", "keras-jax", "weights-h5", "weights-h5"),
    ("keras", "keras-jax", "keras-archive", "keras-archive"),
    ("keras", "keras-torch", "weights-h5", "weights-h5"),
    ("keras", "keras-torch", "keras-archive", "keras-archive"),
    ("keras-jax", "keras", "weights-h5", "weights-h5"),
    ("keras-jax", "keras-torch", "keras-archive", "keras-archive"),
    ("keras-torch", "keras", "keras-archive", "keras-archive"),
    ("keras-torch", "keras-jax", "weights-h5", "weights-h5"),
    ("tf1-layers", "tf-manual", "saver", "saver"),
    ("tf1-layers", "tf-manual", "saver", "saver-unnamed"),
    ("tf1-layers", "tf-manual", "saver", "saver-unnamed-asserted"),
    ("tf-manual", "tf1-layers", "checkpoint-by-name", "checkpoint-by-name"),
    ("torch", "onnxruntime", "onnx", "onnx"),
    ("torch", "onnxruntime", "onnx-training", "onnx-training"),
)
"""Source, target, the kind of file that is written, and how it is read; where one claims to read the other's files."""


def exchanges(
    settings: Settings, descriptors: Sequence[Descriptor]
) -> Iterator[tuple[Descriptor, Descriptor, str, str]]:
    """Those of :data:`EXCHANGES` whose source and target are in the matrix."""
    chosen = {descriptor.name: descriptor for descriptor in crossed(settings, descriptors)}
    for source, target, written, file in EXCHANGES:
        if source in chosen and target in chosen:
            yield chosen[source], chosen[target], written, file


def crossed(settings: Settings, descriptors: Sequence[Descriptor]) -> Sequence[Descriptor]:
    """The implementations of the matrix: none in a quick run, all in a full one, otherwise the first six.

    One alone has nobody to hand over to.
    """
    chosen = descriptors[: {"quick": 0, "default": DEFAULT_IMPLEMENTATIONS, "full": None}[settings.size]]
    return chosen if len(chosen) > 1 else []


def pairs(settings: Settings, descriptors: Sequence[Descriptor]) -> Iterator[tuple[Descriptor, Descriptor]]:
    """Every ordered pair of source and target, an implementation with itself included."""
    chosen = crossed(settings, descriptors)
    for target in chosen:
        for source in chosen:
            yield source, target


def style(descriptor: Descriptor) -> str:
    """How an implementation's networks are called here."""
    return next((one for one in CHEAPEST_STYLES if one in descriptor.trainer_styles), descriptor.trainer_styles[0])
