"""A pool as one compressed file of passes, and as arrays."""

from __future__ import annotations

import functools
import gzip
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.calibration.workers import Worker, of_specification
from benchmarks.harness.folder import RunFolder
from benchmarks.verdicts.passes import STATISTICS, Array
from bn_impls.errors import BadRunFolder
from bn_impls.isolation.lines import decode, encode

SCHEMA = 1
FIELDS: dict[str, type] = {
    "implementation": str, "workload": str, "worker": str, "round": int, "pass": int, "loops": int,
    "durations_ns": list,
}  # fmt: skip
Key = tuple[str, str]


def pack(folder: RunFolder, target: Path) -> None:
    """Write the passes of a recorded pool as gzip'd JSON lines, one pass a line, fields as in :data:`FIELDS`.

    Args:
        folder: that :class:`benchmarks.calibration.recording.Recorder` filled.
        target: the file; one that is there is replaced.
    """
    cases = {case.case_id: case for case in folder.planned()}
    temporary = target.with_name(f".{target.name}.part")
    with open(temporary, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as stream:
        for case_id, lines in folder.passes().items():
            case = cases[case_id]
            implementation, worker = of_specification(case.implementation)
            shape = "x".join(map(str, case.parameters["shape"]))
            place = {
                "implementation": implementation,
                "workload": f"{case.parameters['work']} {shape}",
                "worker": worker.name,
            }
            for line in lines:
                if line.get("kind") == "pass":
                    measured = {name: line[name] for name in ("round", "pass", "loops", "durations_ns")}
                    stream.write(encode({"schema": SCHEMA, **place, **measured}) + b"\n")
    temporary.replace(target)


@dataclass(frozen=True, eq=False)
class Unit:
    """The passes of one implementation's workers on one workload.

    Attributes:
        implementation: its name.
        workload: work and shape.
        workers: W of them.
        rounds: numbers of the R rounds that are whole, in order of time.
        durations: ns per call, shape (W, R, P, S) for P passes of S samples; NaN where a pass has fewer.
    """

    implementation: str
    workload: str
    workers: tuple[Worker, ...]
    rounds: tuple[int, ...]
    durations: Array

    @property
    def name(self) -> str:
        """Implementation and workload."""
        return f"{self.implementation}, {self.workload}"

    def places(self, percent: int) -> NDArray[np.int_]:
        """Where the workers of a slowdown stand."""
        return np.array([place for place, worker in enumerate(self.workers) if worker.percent == percent], dtype=int)

    def pass_values(self, statistic: str) -> Array:
        """A statistic of the samples of every pass, shape (W, R, P), in ns per call."""
        return _pass_values(self, statistic)

    def round_values(self, statistic: str, passes: int) -> Array:
        """A statistic of all samples of the first passes of every round, shape (W, R), in ns per call."""
        chosen = self.durations[:, :, :passes]
        return _summarised(chosen.reshape(*chosen.shape[:2], -1), statistic)


@dataclass(frozen=True)
class Pool:
    """Every unit of a recording.

    Attributes:
        units: one for each implementation and workload.
        damage: lines that could not be used, each with its reason.
        cut: rounds that are not whole, and were left out, over all units.
    """

    units: tuple[Unit, ...]
    damage: tuple[str, ...] = ()
    cut: int = 0


@dataclass
class _Found:
    passes: dict[tuple[str, int, int], list[float]] = field(default_factory=dict)


def read_pool(path: Path) -> Pool:
    """Read what :func:`pack` wrote; a line that cannot be used is skipped and named.

    Raises:
        BadRunFolder: it is missing, is no gzip file, or holds no whole round.
    """
    found: dict[Key, _Found] = defaultdict(_Found)
    damage: list[str] = []
    for line in _lines(path, damage):
        place = (line["worker"], line["round"], line["pass"])
        key = (line["implementation"], line["workload"])
        found[key].passes[place] = [ns / line["loops"] for ns in line["durations_ns"]]
    made = [_unit(key, unit.passes) for key, unit in found.items()]
    units = tuple(unit for unit, _ in made if unit.rounds)
    if not units:
        raise BadRunFolder(f"{path} holds no whole round, but should hold several; record with `bn-bench calibrate`")
    return Pool(units, tuple(damage), sum(cut for _, cut in made))


def _lines(path: Path, damage: list[str]) -> Iterator[dict[str, Any]]:
    try:
        content = gzip.decompress(path.read_bytes())
    except FileNotFoundError as error:
        raise BadRunFolder(f"{path} is not there; `bn-bench calibrate --output {path.parent}` records it") from error
    except (OSError, EOFError) as error:
        raise BadRunFolder(
            f"{path} cannot be read ({error}), but should be gzip'd JSON lines; delete it and call `bn-bench calibrate "
            f"--output {path.parent}` again, which writes it anew from the raw passes beside it"
        ) from error
    for number, text in enumerate(content.splitlines(), start=1):
        try:
            line = decode(text)
            wrong = _complaint(line) if isinstance(line, dict) else "not an object"
        except (ValueError, RecursionError) as error:
            line, wrong = None, f"not JSON ({error})"
        if wrong:
            damage.append(f"{path.name} line {number} was skipped: {wrong}")
        else:
            yield line


def _complaint(line: Mapping[str, Any]) -> str | None:
    if line.get("schema") != SCHEMA:
        return f"schema {line.get('schema')!r}, but should be {SCHEMA}"
    wrong = [name for name, kind in FIELDS.items() if not isinstance(line.get(name), kind)]
    if wrong:
        return f"without a usable {', '.join(wrong)}"
    try:
        Worker.named(line["worker"])
    except ValueError as error:
        return str(error)
    durations = line["durations_ns"]
    usable = durations and all(isinstance(ns, (int, float)) and 0 < ns < float("inf") for ns in durations)
    return None if usable and line["loops"] > 0 else "durations or loops that are not above 0"


def _unit(key: Key, passes: Mapping[tuple[str, int, int], Sequence[float]]) -> tuple[Unit, int]:
    """The whole rounds as arrays, and the number of the others."""
    names = sorted({name for name, _, _ in passes}, key=lambda name: (Worker.named(name).percent, name))
    numbers = sorted({number for _, number, _ in passes})
    visits = 1 + max(visit for _, _, visit in passes)
    whole = [r for r in numbers if all((name, r, p) in passes for name in names for p in range(visits))]
    samples = max(map(len, passes.values()))
    durations = np.full((len(names), len(whole), visits, samples), np.nan)
    for w, name in enumerate(names):
        for r, number in enumerate(whole):
            for p in range(visits):
                taken = passes[name, number, p]
                durations[w, r, p, : len(taken)] = taken
    return Unit(*key, tuple(map(Worker.named, names)), tuple(whole), durations), len(numbers) - len(whole)


@functools.lru_cache(maxsize=64)
def _pass_values(unit: Unit, statistic: str) -> Array:
    return _summarised(unit.durations, statistic)


def _summarised(samples: Array, statistic: str) -> Array:
    """A statistic over the last axis, of what is not NaN."""
    summarise = STATISTICS[statistic]
    flat = samples.reshape(-1, samples.shape[-1])
    values = [summarise(row[~np.isnan(row)]) for row in flat]
    return np.array(values).reshape(samples.shape[:-1])
