"""Were two runs made on the same machine, with the same settings and the same packages?

``environment.json`` names no machine, only its kind. So two machines of the same kind count as the same one; whatever
differs here proves that they were not.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.machine_kind import MEMORY_TOLERANCE
from benchmarks.report.run import Run


@dataclass(frozen=True)
class Difference:
    """One thing that is not the same in A and in B; None: not recorded there."""

    what: str
    a: str | None
    b: str | None


@dataclass(frozen=True)
class Machines:
    """What the environments of two runs say.

    Attributes:
        same: whether durations may be compared as they are: nothing of ``apart`` differs, and all of it is recorded.
        apart: differences that make it another machine, or another use of it.
        others: differences that are told only: a kernel, an interpreter, a commit, a switch.
        versions: packages whose version changed.
        kind: the machine of B in words.
    """

    same: bool
    apart: tuple[Difference, ...]
    others: tuple[Difference, ...]
    versions: tuple[Difference, ...]
    kind: str


def compare_machines(a: Run, b: Run) -> Machines:
    """Compare what two runs recorded of their machines and packages."""
    apart = tuple(_differences(a.environment, b.environment, DECIDING))
    others = tuple(_differences(a.environment, b.environment, TOLD))
    known = all(look(run.environment) is not None for run in (a, b) for look in NEEDED)
    return Machines(known and not apart, apart, others, tuple(_changed(_versions(a), _versions(b))), _kind(b))


def _text(key: str) -> Callable[[Mapping[str, Any]], str | None]:
    """Reads one value of an environment as text."""

    def look(environment: Mapping[str, Any]) -> str | None:
        value = environment.get(key)
        return None if value is None or value == "not recorded" else str(value)

    return look


def _system(environment: Mapping[str, Any]) -> str | None:
    """``Linux`` of ``Linux 6.18.44``."""
    name = _text("operating_system")(environment)
    return name.split()[0] if name and name.split() else None


def _threads(environment: Mapping[str, Any]) -> str | None:
    threads = environment.get("threads")
    if not isinstance(threads, Mapping):
        return None
    return ", ".join(f"{name} = {value}" for name, value in sorted(threads.items())) or None


def _switches(environment: Mapping[str, Any]) -> str | None:
    switches = environment.get("switches")
    if not isinstance(switches, Mapping) or not switches:
        return None
    return ", ".join(f"{name} = {value}" for name, value in sorted(switches.items()))


DECIDING: dict[str, Callable[[Mapping[str, Any]], str | None]] = {
    "processor": _text("cpu_model"),
    "cores": _text("cores"),
    "memory, GiB": _text("memory_gib"),
    "architecture": _text("architecture"),
    "GPU": _text("gpu"),
    "operating system": _system,
    "threads": _threads,
}
NEEDED = (DECIDING["processor"], DECIDING["cores"], DECIDING["memory, GiB"])
TOLD: dict[str, Callable[[Mapping[str, Any]], str | None]] = {
    "kernel": _text("operating_system"),
    "Python": _text("python"),
    "switches": _switches,
    "commit": _text("commit"),
}


def _differences(
    a: Mapping[str, Any], b: Mapping[str, Any], looks: Mapping[str, Callable[[Mapping[str, Any]], str | None]]
) -> list[Difference]:
    found = [Difference(what, look(a), look(b)) for what, look in looks.items()]
    return [difference for difference in found if not _alike(difference)]


def _alike(difference: Difference) -> bool:
    if difference.what.startswith("memory") and difference.a is not None and difference.b is not None:
        try:
            return math.isclose(float(difference.a), float(difference.b), rel_tol=MEMORY_TOLERANCE)
        except ValueError:
            pass
    return difference.a == difference.b


def _versions(run: Run) -> dict[str, str]:
    """Package -> version, of the run and of every implementation's worker."""
    found: dict[str, set[str]] = defaultdict(set)
    versions = run.environment.get("versions")
    for source in (versions if isinstance(versions, Mapping) else {}, *(record.versions for record in run.records)):
        for package, version in source.items():
            if version != "not installed":
                found[str(package)].add(str(version))
    return {package: " and ".join(sorted(seen)) for package, seen in sorted(found.items())}


def _changed(a: Mapping[str, str], b: Mapping[str, str]) -> list[Difference]:
    packages = sorted(a.keys() | b.keys())
    found = [Difference(package, a.get(package), b.get(package)) for package in packages]
    return [difference for difference in found if difference.a != difference.b]


def _kind(run: Run) -> str:
    """``AMD EPYC, 2 cores, 23.5 GiB, Linux``."""
    units = {"cores": "{} cores", "memory, GiB": "{} GiB"}
    named = ("processor", "cores", "memory, GiB", "GPU", "operating system")
    values = [(what, DECIDING[what](run.environment)) for what in named]
    return ", ".join(units.get(what, "{}").format(value) for what, value in values if value) or "not recorded"
