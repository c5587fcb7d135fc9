"""Everything that a trainer remembers, as one mapping of named arrays."""

from __future__ import annotations

from collections.abc import Mapping

from bn_impls.interface import Array, Trainer

OPTIMIZER = "optimizer/"


def everything(trainer: Trainer) -> dict[str, Array]:
    """Weights, statistics and counters by ``layer/name``, and the optimizer by ``optimizer/name``."""
    return trainer.export_weights() | {f"{OPTIMIZER}{name}": a for name, a in trainer.export_optimizer().items()}


def load(trainer: Trainer, state: Mapping[str, Array]) -> None:
    """Set all of it.

    Raises:
        BadState: names, shapes or kinds of numbers do not fit; the trainer is then to be thrown away.
    """
    trainer.import_weights({name: array for name, array in state.items() if not name.startswith(OPTIMIZER)})
    trainer.import_optimizer(
        {name.removeprefix(OPTIMIZER): array for name, array in state.items() if name.startswith(OPTIMIZER)}
    )
