"""Calibrations that are kept for later runs: one for each kind of machine, in the user's cache folder."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.datasets.download import default_cache_dir
from benchmarks.machine_kind import kind_words, same_kind

FILE = "calibration.json"
VARIABLE = "BN_BENCH_CALIBRATIONS"


def kept_in() -> Path:
    """``$BN_BENCH_CALIBRATIONS``, or ``calibrations`` in the folder where downloads are kept; it may not exist yet."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else default_cache_dir() / "calibrations"


def keep(result: Mapping[str, Any]) -> Path | None:
    """Keep a calibration in place of an earlier one of the same kind of machine.

    Args:
        result: content of ``calibration.json``.

    Returns:
        The file; None if it was not kept: a later one is there, its day is not known, or the folder cannot be written.
    """
    machine, recorded = result["machine"], result.get("recorded")
    earlier = known_for(machine)
    if not recorded or (earlier is not None and str(_read(earlier).get("recorded")) > recorded):
        return None
    digest = hashlib.sha256(kind_words(machine).encode()).hexdigest()[:16]
    file = earlier or kept_in() / f"{digest}.json"
    temporary = file.with_suffix(f".{os.getpid()}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(result) + "\n", encoding="utf-8")
        os.replace(temporary, file)
    except OSError:
        return None
    return file


def known_for(environment: Mapping[str, Any]) -> Path | None:
    """The latest calibration that is kept of a kind of machine; None if there is none that can be read."""
    fitting = [(str(content.get("recorded", "")), file) for file, content in _all() if _fits(content, environment)]
    return max(fitting)[1] if fitting else None


def _fits(content: Mapping[str, Any], environment: Mapping[str, Any]) -> bool:
    machine = content.get("machine")
    return isinstance(machine, Mapping) and same_kind(machine, environment)


def _all() -> Iterator[tuple[Path, Mapping[str, Any]]]:
    for file in sorted(kept_in().glob("*.json")):
        yield file, _read(file)


def _read(file: Path) -> Mapping[str, Any]:
    """What a file holds; nothing if it is damaged."""
    try:
        content = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
