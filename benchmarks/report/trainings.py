"""Convergence records, grouped into experiments: the same network, data and training, with and without BN."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.report.reading import Record
from benchmarks.report.parameters import Key, key_of
from benchmarks.report.wording import count, visible

PARAMETERS = (
    "network",
    "dataset",
    "train_size",
    "epochs",
    "batch_size",
    "optimizer",
    "learning_rate",
    "dtype",
    "device",
)
DEFAULT_THRESHOLD = 1e-3


@dataclass(frozen=True)
class Experiment:
    """Trainings that differ in implementation, style, batch normalization and seed only."""

    records: tuple[Record, ...]

    @property
    def title(self) -> str:
        """Network, data and how it was trained, in a line."""
        first = self.records[0]
        pieces = [
            f"network {first.text('network')}" if first.text("network") else "",
            first.text("dataset"),
            f"{first.text('epochs')} epochs of batches of {first.text('batch_size')}",
            f"{first.text('optimizer')} {first.text('learning_rate')}",
            first.text("dtype"),
            first.text("device"),
        ]
        return visible(", ".join(piece for piece in pieces if piece.strip()))

    @property
    def seeds(self) -> list[str]:
        """The seeds in the order of the plan."""
        return list(dict.fromkeys(record.text("seed") for record in self.records))

    @property
    def drawn(self) -> list[Record]:
        """One training of each implementation with and without BN: the first seed, the first style."""
        seed = self.seeds[0]
        chosen: dict[tuple[str, str], Record] = {}
        for record in self.records:
            if record.text("seed") == seed:
                chosen.setdefault((record.implementation, record.text("batch_norm")), record)
        return list(chosen.values())


def experiments(records: Sequence[Record]) -> list[Experiment]:
    """The experiments of a run, in the order of the plan."""
    members: dict[Key, list[Record]] = defaultdict(list)
    for record in records:
        members[key_of(record, PARAMETERS)].append(record)
    return [Experiment(tuple(group)) for group in members.values()]


def uses_batch_norm(record: Record) -> bool:
    """Whether the network was trained with batch normalization."""
    return record.case.get("batch_norm") is not False


def threshold(record: Record) -> float:
    """The relative difference from which curves count as split."""
    stated = record.number("split_threshold_rel")
    return stated if stated is not None and 0 < stated < 1e9 else DEFAULT_THRESHOLD


def first_split(record: Record) -> int | None:
    """The first step where the loss left the reference's; None: never."""
    value = record.number("first_split_step")
    return None if value is None or not 0 <= value < 1e15 else int(value)


def split_text(record: Record) -> str:
    """``never in 1,250 steps`` or ``step 412``."""
    split, steps = first_split(record), record.number("steps")
    if split is not None:
        return f"step {split:,}"
    return "never" if steps is None or not steps < 1e15 else f"never in {count(int(steps), 'step')}"
