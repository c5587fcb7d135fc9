"""What the files of a run folder must hold to be used; ``docs/records.md`` describes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.cases import Case
from benchmarks.settings import Settings
from bn_impls.errors import BadRunFolder

SCHEMA = 1
PLAN = "plan.json"
STATUSES = (
    "ok", "disagrees", "unsupported", "not_installed", "no_device", "failed", "crashed", "timed_out", "out_of_memory",
)  # fmt: skip
RECORD: dict[str, type] = {
    "case_id": str, "axis": str, "implementation": str, "case": dict, "status": str, "metrics": dict, "samples": dict,
    "labels": dict, "versions": dict,
}  # fmt: skip
"""What a line of ``records.jsonl`` must have to be kept; likewise for the kinds of line in ``passes.jsonl``."""
PREPARED: dict[str, type] = {
    "case_id": str, "round": int, "loops": int, "labels": dict, "build_s": float, "first_call_s": float,
    "threads_used": float,
}  # fmt: skip
TOP_UP: dict[str, type] = {"case_id": str, "round": int, "rounds": int}
PASS: dict[str, type] = {
    "case_id": str, "round": int, "pass": int, "loops": int, "durations_ns": list, "peak_rss_mib": float,
}  # fmt: skip


def _lacking(line: Mapping[str, Any], fields: Mapping[str, type]) -> str | None:
    if line.get("schema") != SCHEMA:
        return f"schema {line.get('schema')!r}, but should be {SCHEMA}"
    wrong = [name for name, kind in fields.items() if not isinstance(line.get(name), kind)]
    return f"without a usable {', '.join(wrong)}" if wrong else None


def record_complaint(line: dict[str, Any]) -> str | None:
    """Why a line of ``records.jsonl`` cannot be kept, or None."""
    if lacking := _lacking(line, RECORD):
        return lacking
    return None if line["status"] in STATUSES else f"status {line['status']!r} is none of {', '.join(STATUSES)}"


def pass_complaint(line: dict[str, Any]) -> str | None:
    """Why a line of ``passes.jsonl`` cannot be kept, or None."""
    return _lacking(line, {"prepared": PREPARED, "top_up": TOP_UP}.get(str(line.get("kind")), PASS))


@dataclass(frozen=True)
class StoredPlan:
    """What ``plan.json`` holds."""

    run: str
    settings: Settings
    cases: tuple[Case, ...]


def read_plan(path: Path) -> StoredPlan:
    """Read ``plan.json``.

    Args:
        path: the run folder.

    Returns:
        The plan.

    Raises:
        BadRunFolder: missing, damaged or of another schema.
    """
    way_out = "give a folder that `bn-bench run` wrote"
    try:
        plan = json.loads((path / PLAN).read_bytes())
        schema = plan["schema"]
    except FileNotFoundError as error:
        raise BadRunFolder(f"{path} is no run folder: it has no {PLAN}; {way_out}") from error
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadRunFolder(f"{path / PLAN} cannot be read ({_words(error)}); {way_out}") from error
    if schema != SCHEMA:
        raise BadRunFolder(
            f"{path / PLAN} has schema {schema!r}, but should have {SCHEMA}; use the version of bn-bench that wrote it"
        )
    try:
        cases = tuple(Case.from_json(stored) for stored in plan["cases"])
        return StoredPlan(str(plan["run"]), Settings.from_json(plan["settings"]), cases)
    except (KeyError, TypeError, AttributeError) as error:  # whatever somebody else's JSON brings about
        raise BadRunFolder(f"{path / PLAN} is not what a run writes ({_words(error)}); {way_out}") from error


def _words(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return f"it has no {error}" if isinstance(error, KeyError) else str(error)
