"""Speeds that may be published, grouped, compared and ranked.

A speed is published only beside a passed agreement of the same implementation, shape, layout, dtype, style
and device on normally distributed input; a whole network's beside one of the same implementation, dtype,
style and device, dense inputs deciding where there are any.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from benchmarks.report.parameters import Key, key_of
from benchmarks.report.run import Record, Run
from benchmarks.report.wording import WORKS, visible
from benchmarks.verdicts.judging import Verdict
from benchmarks.verdicts.passes import PassValues, pass_values
from benchmarks.verdicts.ranking import Open, ranks, undecided, verdicts_on
from benchmarks.verdicts.ratios import log_ratios_to

NETWORK = "network_training_step"
ANY = "any style"


class Gate:
    """Decides which speeds may be shown."""

    LAYER = ("shape", "layout", "dtype", "style", "device")
    NETWORK = ("dtype", "device")

    def __init__(self, records: Iterable[Record]) -> None:
        """Gather the agreement records that bear witness."""
        self._layers: dict[Key, list[Record]] = defaultdict(list)
        self._networks: dict[Key, list[Record]] = defaultdict(list)
        self._verdicts: dict[Key, str | None] = {}
        for record in records:
            if record.axis == "agreement" and self._bears_witness(record):
                network = (record.implementation, *key_of(record, self.NETWORK))
                self._layers[record.implementation, *key_of(record, self.LAYER)].append(record)
                self._networks[*network, record.text("style")].append(record)
                self._networks[*network, ANY].append(record)

    @staticmethod
    def _bears_witness(record: Record) -> bool:
        """Conditioning grades (any input but the normal one) gate no speed, nor does what no speed is measured of."""
        whole = "False" not in (record.text("center"), record.text("scale"))
        return record.text("input") in ("", "normal") and record.text("gradients") in ("", "first") and whole

    def why_withheld(self, record: Record) -> str | None:
        """Why a speed must not be shown; None if it may.

        Args:
            record: of the throughput or the convergence axis.
        """
        of_network = record.axis == "convergence" or record.text("work") == NETWORK
        key = self._network_key(record) if of_network else (record.implementation, *key_of(record, self.LAYER))
        if key not in self._verdicts:
            witnesses = self._of_network(key) if of_network else self._layers.get(key, [])
            what = "dtype, style and device" if of_network else "shape, layout, dtype, style and device"
            self._verdicts[key] = _verdict(witnesses, f"no agreement was measured for this {what}")
        return self._verdicts[key]

    def _network_key(self, record: Record) -> Key:
        """A network is run in a style of its own; ``layer_style`` is that of the layers in it, where it differs."""
        network = (record.implementation, *key_of(record, self.NETWORK))
        style = record.text("layer_style") or record.text("style")
        # a training does not say what style its layers have: where none agrees by name, all of them must be right
        known = (*network, style) in self._networks or record.axis != "convergence"
        return (*network, style if known else ANY)

    def _of_network(self, key: Key) -> list[Record]:
        witnesses = self._networks.get(key, [])
        return [witness for witness in witnesses if len(witness.shape) == 2] or witnesses


def _verdict(witnesses: Sequence[Record], none: str) -> str | None:
    wrong = [witness for witness in witnesses if witness.status == "disagrees"]
    if wrong:
        return f"no speed: disagrees: {visible(wrong[0].reason or 'it differs from the reference')}"
    if any(witness.status == "ok" for witness in witnesses):
        return None
    if not witnesses:
        return f"no speed: {none}"
    status, reason = witnesses[0].status.replace("_", " "), witnesses[0].reason or "no reason recorded"
    return f"no speed: agreement {status}: {visible(reason)}"


@dataclass(frozen=True)
class Speed:
    """One throughput record in its group. ``verdict`` is against the baseline of the group."""

    record: Record
    minima: PassValues
    withheld: str | None
    verdict: Verdict | None = None
    rank: int | None = None
    is_baseline: bool = False

    @property
    def entry(self) -> tuple[str, str]:
        """Implementation and style: what competes."""
        return self.record.implementation, self.record.text("style")

    @property
    def step_ns(self) -> float:
        """The step time: the shortest per call of all passes. Whatever else a machine does only adds time."""
        return min(self.minima.values())

    @property
    def fastest_calls(self) -> dict[int, float]:
        """Round -> the shortest time per call in it, in ns."""
        found: dict[int, float] = {}
        for (number, _), shortest in self.minima.items():
            found[number] = min(shortest, found.get(number, shortest))
        return found

    @property
    def published(self) -> bool:
        """Whether there is a speed and it may be shown."""
        return self.withheld is None


@dataclass(frozen=True)
class Group:
    """Everything measured on one piece of work: the same work, shape, layout, dtype and device."""

    work: str
    case: Mapping[str, Any]
    shape: tuple[int, ...]
    speeds: tuple[Speed, ...]
    looks: int = 1

    def text(self, parameter: str) -> str:
        """A parameter that the group shares."""
        value = self.case.get(parameter)
        return "" if value is None else str(value)

    @property
    def baseline(self) -> Speed | None:
        """What the ratios of the group are against."""
        return next((speed for speed in self.speeds if speed.is_baseline), None)

    @cached_property
    def published(self) -> tuple[Speed, ...]:
        """Speeds that may be shown, in the order of the plan."""
        return tuple(speed for speed in self.speeds if speed.published)

    @cached_property
    def open(self) -> list[Open]:
        """Comparisons with the baseline and with the fastest that are undecided; places are those of ``published``."""
        base = next((place for place, speed in enumerate(self.published) if speed.is_baseline), None)
        if base is None:
            return []
        return undecided([speed.minima for speed in self.published], base, looks=self.looks)


@dataclass(frozen=True)
class Speeds:
    """All groups of a run."""

    baseline: str
    gate: Gate
    groups: Sequence[Group]

    @cached_property
    def withheld(self) -> list[Speed]:
        """Speeds that were measured and are not shown."""
        return [speed for group in self.groups for speed in group.speeds if not speed.published]


PARAMETERS = ("work", "shape", "layout", "dtype", "device", "network", "batch_size", "dataset")


def collect(run: Run) -> Speeds:
    """Group, gate, compare and rank the throughput records of a run."""
    baseline, gate = str(run.plan.settings.get("baseline") or "keras"), Gate(run.records)
    members: dict[Key, list[Record]] = defaultdict(list)
    for record in run.records:
        if record.axis == "throughput" and record.measured:
            members[key_of(record, PARAMETERS)].append(record)
    groups = [_group(records, gate, baseline, run.looks) for records in members.values()]
    order = {work: index for index, work in enumerate(WORKS)}
    groups.sort(key=lambda group: order.get(group.work, len(order)))
    return Speeds(baseline, gate, groups)


def _group(records: Sequence[Record], gate: Gate, baseline: str, looks: int) -> Group:
    rows = [_speed(record, gate) for record in records]
    shown = [index for index, row in enumerate(rows) if row.published]
    if shown:
        minima = [rows[index].minima for index in shown]
        base = next((n for n, i in enumerate(shown) if rows[i].record.implementation == baseline), 0)
        verdicts, places = verdicts_on(log_ratios_to(minima, base), looks=looks), ranks(minima, looks=looks)
        for place, index in enumerate(shown):
            row = rows[index]
            rows[index] = Speed(row.record, row.minima, None, verdicts[place], places[place], place == base)
    first = records[0]
    return Group(first.text("work"), first.case, first.shape, tuple(rows), looks)


def _speed(record: Record, gate: Gate) -> Speed:
    minima = pass_values(record.samples)
    if record.status == "disagrees":
        return Speed(record, minima, f"no speed: disagrees: {visible(record.reason or 'no reason recorded')}")
    withheld = gate.why_withheld(record)
    if withheld is None and not minima:
        withheld = "no speed: the record holds no usable sample"
    return Speed(record, minima, withheld)
