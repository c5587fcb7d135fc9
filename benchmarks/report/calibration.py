"""How far this machine's verdicts can be trusted, as ``bn-bench calibrate`` measured it; ``docs/records.md``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCHEMA = 1
FIELDS = ("false_alarm_rate", "false_alarm_upper", "noise_floor", "trials")


@dataclass(frozen=True)
class Calibration:
    """What identical workers, timed against each other, showed.

    Attributes:
        statistic: what a pass was summarised by.
        false_alarm_rate: share of pairs of identical workers that were called faster or slower.
        false_alarm_upper: the larger of its 95 % bounds, by the trials and by random halves of the pool.
        noise_floor: relative difference that identical workers show.
        trials: pairs judged.
        machine: the kind of machine, as in ``environment.json``.
        recorded: the day, as ``2026-11-21``; empty where it was not noted.
    """

    statistic: str
    false_alarm_rate: float
    false_alarm_upper: float
    noise_floor: float
    trials: int
    machine: Mapping[str, Any]
    recorded: str = ""


def read_calibration(path: Path, damage: list[str]) -> Calibration | None:
    """Read ``calibration.json``.

    Args:
        path: of the file.
        damage: receives a sentence if the file is there and cannot be used.

    Returns:
        The calibration; None if there is none.
    """
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        damage.append(f"{path.name}: not read ({error.__class__.__name__})")
        return None
    wrong = _complaint(content)
    if wrong:
        damage.append(f"{path.name}: not used, {wrong}")
        return None
    machine = content.get("machine")
    return Calibration(
        statistic=str(content.get("statistic", "")),
        false_alarm_rate=float(content["false_alarm_rate"]),
        false_alarm_upper=float(content["false_alarm_upper"]),
        noise_floor=float(content["noise_floor"]),
        trials=int(content["trials"]),
        machine=machine if isinstance(machine, dict) else {},
        recorded=str(content.get("recorded") or ""),
    )


def _complaint(content: object) -> str:
    """What keeps the content from being a calibration; empty if nothing does."""
    if not isinstance(content, dict):
        return f"it is a {type(content).__name__}, but should be an object"
    if content.get("schema") != SCHEMA or isinstance(content["schema"], bool):
        return f"it has schema {content.get('schema')!r}, but should have {SCHEMA}"
    bad = [name for name in FIELDS if not _is_number(content.get(name))]
    return f"it has no usable {', '.join(bad)}" if bad else ""


def _is_number(value: object) -> bool:
    """Finite and at least 0."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < float("inf")
