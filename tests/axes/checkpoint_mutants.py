"""Networks whose checkpoints lose something, loaded by ``checkpoint_mutants:NAME``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from bn_impls.canonical import npz_format
from bn_impls.errors import BadCheckpoint
from bn_impls.interface import Array, Format, Implementation, Trainer, TrainerConfiguration, Unsupported
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
