"""Networks whose checkpoints lose something, loaded by ``checkpoint_mutants:NAME``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bn_impls.canonical import npz_format
from bn_impls.errors import BadCheckpoint
from bn_impls.interface import (
    Array,
    Configuration,
    Documented,
    Format,
    Implementation,
    Layer,
    Trainer,
    TrainerConfiguration,
    Unsupported,
)
from bn_impls.networks.numpy_network import hosted_trainer
from bn_impls.numpy_reference import IMPLEMENTATION as GOOD

Spoil = Callable[[Trainer, dict[str, Array], dict[str, Array]], None]
"""Restore: the trainer, the arrays that it has now, and those that were saved (weights and optimizer)."""


def load(trainer: Trainer, arrays: Mapping[str, Array]) -> None:
    """Import weights and optimizer."""
    prefix = "optimizer/"
    trainer.import_weights({name: array for name, array in arrays.items() if not name.startswith(prefix)})
    slots = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
    trainer.import_optimizer(slots)


def losing(spoil: Spoil) -> Implementation:
    """An implementation whose networks save everything, and restore it as ``spoil`` does."""

    def build_trainer(configuration: TrainerConfiguration) -> Trainer | Unsupported:
        trainer = hosted_trainer(configuration, GOOD.build)
        assert isinstance(trainer, Trainer)

        def everything() -> dict[str, Array]:
            slots = {f"optimizer/{name}": array for name, array in trainer.export_optimizer().items()}
            return trainer.export_weights() | slots

        saved = npz_format(everything, lambda arrays: spoil(trainer, everything(), dict(arrays)))
        return replace(trainer, formats={"npz": saved})

    return replace(GOOD, build_trainer=build_trainer)


def all_but(pattern: str) -> Spoil:
    """Restore everything but the arrays in whose names the pattern is found."""

    def spoil(trainer: Trainer, fresh: dict[str, Array], saved: dict[str, Array]) -> None:
        load(trainer, saved | {name: fresh[name] for name in saved if re.search(pattern, name)})

    return spoil


def in_half_precision(trainer: Trainer, fresh: dict[str, Array], saved: dict[str, Array]) -> None:
    """Restore kernels as float16 kept them."""
    rounded = {name: a.astype(np.float16).astype(a.dtype) for name, a in saved.items() if name.endswith("/kernel")}
    load(trainer, saved | rounded)


def refuse(trainer: Trainer, fresh: dict[str, Array], saved: dict[str, Array]) -> None:
    """Restore nothing and say so."""
    raise BadCheckpoint("written on a Tuesday")


def exchanging(pattern: str, *exchanged: tuple[str, str]) -> Spoil:
    """Restore arrays under each other's names: those in which a name of a pair is found, with the other there."""

    def other(name: str) -> str:
        for one, two in exchanged:
            name = name.replace(one, "\0").replace(two, one).replace("\0", two)
        return name

    def spoil(trainer: Trainer, fresh: dict[str, Array], saved: dict[str, Array]) -> None:
        moved = saved | {name: saved[other(name)] for name in saved if re.search(pattern, name)}
        trainer.load_weights({name: a for name, a in moved.items() if not name.startswith("optimizer/")})  # unchecked:
        slots = {name.removeprefix("optimizer/"): a for name, a in moved.items() if name.startswith("optimizer/")}
        trainer.load_optimizer(slots)  # a mean may be negative where a variance should be

    return spoil


def changing(pattern: str, change: Callable[[Array], Array]) -> Spoil:
    """Restore everything, and the arrays in whose names the pattern is found changed."""

    def spoil(trainer: Trainer, fresh: dict[str, Array], saved: dict[str, Array]) -> None:
        load(
            trainer, saved | {name: change(a).astype(a.dtype) for name, a in saved.items() if re.search(pattern, name)}
        )

    return spoil


def cut_to_bfloat16(array: Array) -> Array:
    """Keep the upper half of each float32."""
    return (array.astype(np.float32).view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)


def poisoned(array: Array) -> Array:
    """NaN in the first place."""
    return np.concatenate([[np.nan], array[1:]])


def nothing(trainer: Trainer, fresh: dict[str, Array], saved: dict[str, Array]) -> None:
    """Say that all is well."""


LOSES_NOTHING = losing(all_but("^$"))
LOSES_STATISTICS = losing(all_but("moving_"))
LOSES_THE_VARIANCE_OF_ONE_LAYER = losing(all_but("batch_norm_1/moving_variance"))
LOSES_THE_OPTIMIZER = losing(all_but("^optimizer/"))
LOSES_THE_SLOTS = losing(all_but("^optimizer/.*/[mv]$"))
LOSES_THE_STEP = losing(all_but("optimizer/step"))
LOSES_THE_COUNTERS = losing(all_but("num_updates"))
LOSES_THE_SECOND_COUNTER = losing(all_but("batch_norm_1/num_updates"))
LOSES_EVERYTHING = losing(all_but(""))
LOSES_PRECISION = losing(in_half_precision)
REFUSES_ITS_OWN = losing(refuse)
RESTORES_NOTHING = losing(nothing)
RESTORES_TRAINABLE_VARIABLES = losing(all_but("moving_|num_updates|^optimizer/"))
RENAMED_A_VARIABLE = losing(all_but("^dense_1/kernel$"))
SWAPS_THE_LAYERS = losing(exchanging("moving_", ("batch_norm_0", "batch_norm_1")))
SWAPS_THE_SLOTS = losing(exchanging("^optimizer/.*/[mv]$", ("/m", "/v")))
CUTS_TO_BFLOAT16 = losing(changing("moving_", cut_to_bfloat16))
RESTORES_THE_DEVIATION = losing(changing("moving_variance", np.sqrt))
POISONS_A_MEAN = losing(changing("batch_norm_0/moving_mean", poisoned))
INITIALISES_GAMMA_AFTERWARDS = losing(changing("/gamma$", np.ones_like))


def _early(configuration: TrainerConfiguration) -> Trainer | Unsupported:
    """Saves what it had after its first call of ``train``, as whoever saves before the last steps."""
    trainer = hosted_trainer(configuration, GOOD.build)
    assert isinstance(trainer, Trainer)
    snapshots: list[dict[str, Array]] = []

    def everything() -> dict[str, Array]:
        slots = {f"optimizer/{name}": array for name, array in trainer.export_optimizer().items()}
        return trainer.export_weights() | slots

    def train(indices: Array, masks: Mapping[str, Array]) -> Array:
        losses = trainer.train(indices, masks)
        snapshots.append(everything())
        return losses

    formats = {"npz": npz_format(lambda: snapshots[0], lambda arrays: load(trainer, dict(arrays)))}
    return replace(trainer, train=train, formats=formats)


SAVES_AN_EARLIER_STEP = replace(GOOD, build_trainer=_early)


def _of_one_replica(configuration: Configuration) -> Layer | Unsupported:
    """Saves the statistics that the first half of each batch gives, as the first of two replicas has them."""
    whole, half_shape = GOOD.build(configuration), (configuration.input_shape[0] // 2, *configuration.input_shape[1:])
    half = GOOD.build(replace(configuration, input_shape=half_shape))
    assert isinstance(whole, Layer)
    assert isinstance(half, Layer)

    def training_step(x: Array) -> Array:
        half.training_step(x[: len(x) // 2])
        y: Array = whole.training_step(x)
        return y

    def export() -> dict[str, Any]:
        own: dict[str, Any] = {**half.export_state()}
        return {**whole.export_state(), **{name: own[name] for name in own if "moving_" in name}}

    return replace(whole, training_step=training_step, formats={"npz": npz_format(export, whole.import_state)})


SAVES_ONE_REPLICA = replace(GOOD, build=_of_one_replica)


def _swapping(configuration: Configuration) -> Layer | Unsupported:
    """Restores each statistic into the other; means above 0 pass for variances."""
    layer = GOOD.build(configuration)
    assert isinstance(layer, Layer)

    def swap(state: Mapping[str, Any]) -> None:
        swapped = {"moving_mean": state["moving_variance"], "moving_variance": state["moving_mean"]}
        layer.import_state({**state, **swapped})

    return replace(layer, formats={"npz": npz_format(lambda: {**layer.export_state()}, swap)})


SWAPS_THE_STATISTICS = replace(GOOD, build=_swapping)


def _stale(configuration: TrainerConfiguration) -> Trainer | Unsupported:
    """Exports what was restored, and predicts with what it was built with."""
    shown = hosted_trainer(configuration, GOOD.build)
    used = hosted_trainer(configuration, GOOD.build)
    assert isinstance(shown, Trainer)
    assert isinstance(used, Trainer)
    restoring: list[bool] = []

    def import_both(weights: Mapping[str, Array]) -> None:
        shown.load_weights(weights)
        if not restoring:
            used.load_weights(weights)

    def restore(directory: Path) -> None:
        restoring.append(True)
        shown.formats["npz"].restore(directory)

    def train(indices: Array, masks: Mapping[str, Array]) -> Array:
        losses = shown.train(indices, masks)
        if not restoring:
            used.load_weights(shown.export_weights())
        return losses

    return replace(
        shown, load_weights=import_both, predict=used.predict, train=train,
        formats={"npz": Format(shown.formats["npz"].save, restore)},
    )  # fmt: skip


def _hidden_rate(configuration: TrainerConfiguration) -> Trainer | Unsupported:
    """Restores all that it exports, and trains on at another learning rate, as after a lost schedule."""
    trainer = hosted_trainer(configuration, GOOD.build)
    slow = hosted_trainer(replace(configuration, optimizer=replace(configuration.optimizer, rate=1e-5)), GOOD.build)
    assert isinstance(trainer, Trainer)
    assert isinstance(slow, Trainer)
    restored: list[bool] = []

    def restore(directory: Path) -> None:
        restored.append(True)
        trainer.formats["npz"].restore(directory)

    def load_data(inputs: Array, labels: Array) -> None:
        trainer.load_data(inputs, labels)
        slow.load_data(inputs, labels)

    def train(indices: Array, masks: Mapping[str, Array]) -> Array:
        if not restored:
            return trainer.train(indices, masks)
        slow.load_weights(trainer.export_weights())
        slow.load_optimizer(trainer.export_optimizer())
        return slow.train(indices, masks)

    formats = {"npz": Format(trainer.formats["npz"].save, restore)}
    return replace(trainer, train=train, load_data=load_data, formats=formats)


PREDICTS_WITH_A_STALE_COPY = replace(GOOD, build_trainer=_stale)
TRAINS_ON_AT_ANOTHER_RATE = replace(GOOD, build_trainer=_hidden_rate)


def documented_without_count(implementation: Implementation) -> Implementation:
    """The same, with an API that documents that its checkpoints hold no count."""
    told = Documented("checkpoint_counter", "there is no counter, as documented")
    return replace(implementation, documented={"checkpoint_counter": told})


def _without_count(build: Callable[[TrainerConfiguration], Trainer | Unsupported]) -> Implementation:
    """Restores as the trainer does, except for the counters, as documented."""

    def build_trainer(configuration: TrainerConfiguration) -> Trainer | Unsupported:
        trainer = build(configuration)
        assert isinstance(trainer, Trainer)

        def restore(directory: Path) -> None:
            fresh = trainer.export_weights()
            trainer.formats["npz"].restore(directory)
            counts = {name: array for name, array in fresh.items() if name.endswith("num_updates")}
            trainer.import_weights(trainer.export_weights() | counts)

        return replace(trainer, formats={"npz": Format(trainer.formats["npz"].save, restore)})

    return documented_without_count(replace(GOOD, build_trainer=build_trainer))


LOSES_DOCUMENTED_COUNTERS = documented_without_count(LOSES_THE_COUNTERS)
LOSES_DOCUMENTED_COUNTERS_AND_STATISTICS = documented_without_count(losing(all_but("moving_|num_updates")))
STALE_COPY_WITHOUT_COUNT = _without_count(_stale)
