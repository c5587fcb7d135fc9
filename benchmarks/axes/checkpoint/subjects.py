"""What is saved and restored: a network in training, or one layer, behind the same few calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from benchmarks.axes.outcome import Surroundings, labelled
from benchmarks.axes.training import Experiment
from bn_impls.canonical import everything, layer_format, trainer_format
from bn_impls.interface import (
    Array,
    Configuration,
    Export,
    Format,
    Implementation,
    Layer,
    Unsupported,
)

OTHER_SEED = 12345  # the fresh process starts from other weights, so that restoring nothing is noticed
LAYER_SHAPE = (32, 64)
Labels = dict[str, dict[str, str]]


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A network or a layer.

    Attributes:
        formats: in which it can be saved, the framework's usual one first.
        everything: copies of all that it shows of its state, by name.
        infer: output of fixed inputs by the moving statistics.
        advance: (first step, number of steps) -> one number a step; the steps are the case's own, drawn from its seed.
        observe: labels, and which claim was not observed, or None.
        close: release it.
        replica: what the statistics would be from the first half of each batch, of (steps so far); none for a network.
        dataset: what the data set says of itself.
        exports: files to infer from elsewhere; a layer has none.
        inputs: what ``infer`` infers from, where there are exports.
    """

    formats: Mapping[str, Format]
    everything: Callable[[], dict[str, Array]]
    infer: Callable[[], Array]
    advance: Callable[[int, int], Array]
    observe: Callable[[], tuple[Labels, str | None]]
    close: Callable[[], None]
    replica: Callable[[int], dict[str, Array]] = lambda steps: {}
    dataset: Mapping[str, Any] | None = None
    exports: Mapping[str, Export] = field(default_factory=dict)
    inputs: Array | None = None


def subject(
    implementation: Implementation, parameters: Mapping[str, Any], surroundings: Surroundings, *, fresh: bool
) -> Subject | Unsupported:
    """Build what a case saves, or, ``fresh``, what it restores into: with other values at its start.

    Args:
        implementation: whose network or layer.
        parameters: of the case; ``part`` is ``layer`` for one layer.
        surroundings: gives the data set.
        fresh: whether the values at the start are others than those of the saving object.

    Returns:
        The subject, or why there is none.
    """
    if parameters.get("part") == "layer":
        return _layer(implementation, parameters, fresh=fresh)
    return _network(implementation, parameters, surroundings, fresh=fresh)


def _network(
    implementation: Implementation, parameters: Mapping[str, Any], surroundings: Surroundings, *, fresh: bool
) -> Subject | Unsupported:
    experiment = Experiment.of(implementation, parameters, surroundings)
    trainer = experiment.trainer(implementation, OTHER_SEED if fresh else None)
    if isinstance(trainer, Unsupported):
        return trainer
    indices, masks = experiment.steps(parameters["steps_before"] + parameters["steps_after"])
    test = experiment.data.test.inputs

    def advance(first: int, count: int) -> Array:
        steps = slice(first, first + count)
        return trainer.train(indices[steps], {name: mask[steps] for name, mask in masks.items()})

    return Subject(
        formats={"npz": trainer_format(trainer), **trainer.formats, **trainer.partial_formats},
        everything=lambda: everything(trainer),
        infer=lambda: trainer.predict(test, "moving"),
        advance=advance,
        observe=lambda: labelled(_claims(experiment.settings), trainer.observe()),
        close=trainer.close,
        dataset=experiment.data.description(),
        exports=trainer.exports,
        inputs=test,
    )


def _claims(settings: Any) -> dict[str, str]:
    return {"device": settings.device, "dtype": settings.dtype, "style": settings.style}


def _layer(implementation: Implementation, parameters: Mapping[str, Any], *, fresh: bool) -> Subject | Unsupported:
    unbuilt = parameters.get("situation") == "unbuilt"
    settings = _layer_settings(implementation, parameters)
    layer = _build(implementation, settings, unbuilt=unbuilt)
    if isinstance(layer, Unsupported):
        return layer
    start = OTHER_SEED if fresh else parameters["seed"]
    if not unbuilt:
        _start(layer, start)
    batches = _normal(parameters, 4, (parameters["steps_before"] + parameters["steps_after"], *settings.input_shape))
    fixed = _normal(parameters, 5, settings.input_shape)  # fewer rows: the first
    native = layer.to_native(fixed.astype(settings.dtype))

    def infer() -> Array:
        return layer.to_numpy(layer.inference(native))

    return Subject(
        formats=layer.formats if unbuilt else {"npz": layer_format(layer), **layer.formats},
        everything=lambda: exported(layer),
        infer=infer,
        advance=lambda first, count: np.array([_step(layer, x, infer) for x in batches[first : first + count]]),
        observe=lambda: labelled(_claims(settings), layer.observe(layer.inference, native)),
        close=layer.close,
        replica=lambda steps: _statistics_of_half(implementation, settings, start, batches[:steps]),
    )


def _layer_settings(implementation: Implementation, parameters: Mapping[str, Any]) -> Configuration:
    return Configuration(
        input_shape=(parameters["batch_size"], LAYER_SHAPE[1]),
        layout="channels_last",
        dtype=parameters["dtype"],
        decay=0.9,
        epsilon=1e-3,
        center=True,
        scale=True,
        conventions=implementation.conventions,
        style=parameters["layer_style"],
        device=parameters["device"],
    )


def _normal(parameters: Mapping[str, Any], stream: int, shape: tuple[int, ...]) -> Array:
    """Inputs of the case, of one of its streams of random numbers."""
    return np.random.default_rng((parameters["seed"], stream)).normal(2.0, 3.0, shape)


def _statistics_of_half(
    implementation: Implementation, settings: Configuration, start: int, batches: Array
) -> dict[str, Array]:
    """What the statistics would be from the first half of each batch; nothing where that shape is refused."""
    rows = settings.input_shape[0] // 2
    layer = implementation.build(replace(settings, input_shape=(rows, *settings.input_shape[1:])))
    if isinstance(layer, Unsupported):
        return {}
    _start(layer, start)
    for x in batches:
        layer.training_step(layer.to_native(x[:rows].astype(settings.dtype)))
    found = {name: array for name, array in exported(layer).items() if "moving_" in name}
    layer.close()
    return found


def _build(implementation: Implementation, settings: Configuration, *, unbuilt: bool) -> Layer | Unsupported:
    if not unbuilt:
        return implementation.build(settings)
    if implementation.unbuilt is None:
        return Unsupported("its variables are there as soon as it is made; nothing can be restored before")
    return implementation.unbuilt(settings)


def _start(layer: Layer, seed: int) -> None:
    """Gamma and beta as after some training; statistics and count as in a new layer."""
    generator = np.random.default_rng((seed, 3))
    size, state = layer.configuration.channels, layer.export_state()
    state["gamma"], state["beta"] = (generator.normal(1.0, 0.2, size).astype(state["gamma"].dtype) for _ in range(2))
    layer.import_state(state)


def _step(layer: Layer, x: Array, infer: Callable[[], Array]) -> float:
    """A training call; then the mean square of inference, which hangs on the statistics and on the count."""
    layer.synchronize(layer.training_step(layer.to_native(x.astype(layer.configuration.dtype))))
    return float(np.mean(np.square(infer().astype(np.float64))))


def exported(layer: Layer) -> dict[str, Array]:
    """The canonical state under ``layer/``."""
    return {f"layer/{name}": np.array(value) for name, value in layer.export_state().items()}
