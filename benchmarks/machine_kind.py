"""Is it the same kind of machine? By what ``environment.json`` says; no machine is named there."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

MEMORY_TOLERANCE = 0.05  # a virtual machine's memory differs by what the host keeps


def same_kind(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    """Whether two environments are of one kind: processor, cores, memory; what is not recorded matches nothing."""
    named = all(a.get(name) is not None and a.get(name) == b.get(name) for name in ("cpu_model", "cores"))
    memory = [value for value in (a.get("memory_gib"), b.get("memory_gib")) if isinstance(value, (int, float))]
    return named and len(memory) == 2 and math.isclose(*memory, rel_tol=MEMORY_TOLERANCE)


def kind_words(environment: Mapping[str, Any]) -> str:
    """``AMD EPYC, 2 cores, 23.5 GiB``; what is not recorded is left out."""
    units = {"cpu_model": "{}", "cores": "{} cores", "memory_gib": "{} GiB"}
    told = [unit.format(environment[name]) for name, unit in units.items() if environment.get(name) is not None]
    return ", ".join(told) or "a machine that was not recorded"
