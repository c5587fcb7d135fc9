"""Convergence records, grouped into experiments: the same network, data and training, with and without BN."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from benchmarks.report.parameters import Key, key_of
from benchmarks.report.run import Record
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
MEMBERS = ("implementation", "style", "batch_norm", "seed")
"""What the trainings of one experiment differ in."""
DEFAULT_THRESHOLD = 1e-3
ROUNDING_SHARE = 0.5  # a split is put down to rounding if rounding alone splits before twice that step


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
            *(f"{name} {first.text(name)}" for name in first.options),
        ]
        return visible(", ".join(piece for piece in pieces if piece.strip()))

    @cached_property
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
    parameters = (*PARAMETERS, *further(records))
    for record in records:
        members[key_of(record, parameters)].append(record)
    return [Experiment(tuple(group)) for group in members.values()]


def further(records: Sequence[Record]) -> list[str]:
    """What else was set in some training: the options of its network, and whatever a later plan adds."""
    names = (name for record in records for name in (*record.case, *record.options))
    return [name for name in dict.fromkeys(names) if name not in (*PARAMETERS, *MEMBERS, "options")]


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


def first_beyond_rounding(record: Record) -> int | None:
    """The first step where the loss is further off than rounding takes it; None: never, or not told."""
    value = record.number("first_step_beyond_rounding")
    return None if value is None or not 0 <= value < 1e15 else int(value)


def departure(record: Record) -> str | None:
    """What the axis made of the curve: none, rounding, algorithm, diverged or not compared; None in older records."""
    value = record.metrics.get("departure")
    return value if isinstance(value, str) else None


def compared(record: Record) -> bool:
    """Whether the float64 reference was trained beside it."""
    return departure(record) != "not_compared"


def only_compared(of: Mapping[str, Sequence[Record]]) -> dict[str, list[Record]]:
    """The compared trainings of each implementation; one that has none is left out."""
    found = {who: [record for record in records if compared(record)] for who, records in of.items()}
    return {who: records for who, records in found.items() if records}


def split_text(record: Record) -> str:
    """``never in 1,250 steps`` or ``step 412``."""
    if not compared(record):
        return "not compared"
    split, steps = first_split(record), record.number("steps")
    if split is not None:
        return f"step {split:,}"
    return "never" if steps is None or not steps < 1e15 else f"never in {count(int(steps), 'step')}"


class Roundings:
    """What rounding alone does: where the reference's own code, in the dtype of a training, leaves the
    reference.

    Training amplifies the smallest difference, so that even a correct implementation parts from the float64
    reference some time. A split that comes no earlier than about then says nothing against an implementation. A record
    says itself what its band of trainings one ulp away explains; in those of older runs the reference's own code is
    looked at.
    """

    def __init__(self, records: Sequence[Record], reference: str) -> None:
        """Find the trainings of the reference's own code."""
        self._parameters = (*PARAMETERS, *further(records), "batch_norm", "seed")
        self._splits: dict[Key, int] = {}
        for record in records:
            split = first_split(record)
            if record.implementation == reference and split is not None:
                self._splits[key_of(record, self._parameters)] = split

    @property
    def first(self) -> int | None:
        """The first step at which rounding alone splits a training; None: never."""
        return min(self._splits.values(), default=None)

    def explains(self, record: Record) -> bool:
        """Whether the split of a training may be rounding alone."""
        if (told := departure(record)) is not None:
            return told == "rounding"
        split, alone = first_split(record), self._splits.get(key_of(record, self._parameters))
        return split is not None and alone is not None and split >= ROUNDING_SHARE * alone


def trains_alike(record: Record, roundings: Roundings) -> bool:
    """Whether a training follows the reference to the last step, or for as long as rounding lets it.

    One that diverges where the reference diverges too follows it.
    """
    followed = first_split(record) is None or roundings.explains(record) or departure(record) == "diverged"
    return record.status == "ok" and followed
