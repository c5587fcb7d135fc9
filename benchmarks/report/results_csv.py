"""``results.csv``: one row per record; a column's name is its place in the record, such as ``case.shape``.

Timings whose speed is not published are left empty here too; ``speed_withheld`` says why, and
``records.jsonl`` keeps them. A published speed has a ``verdict`` (faster, slower, same, undecided) and a ``ratio``: its
step time over that of ``baseline`` on the same work, with the ends of the interval. The baseline's own row has the
ratio 1 and no verdict; after one round there is a ratio and no interval. Text that a spreadsheet would run as a formula
starts with an apostrophe.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from benchmarks.report.run import Record
from benchmarks.report.speeds import Group, Speed
from benchmarks.report.view import View
from benchmarks.report.wording import visible

FORMULA = ("=", "+", "-", "@", "\t", "\r")
SPEED_METRICS = ("step_ns_min", "step_ns_median")
COMPARED = ("baseline", "verdict", "ratio", "ratio_low", "ratio_high")
LEADING = ["run", "case_id", "axis", "implementation", "status", "reason", "speed_withheld", *COMPARED]


def frame(view: View) -> pd.DataFrame:
    """The records as a data frame: raw JSON values, one row a record, in the order of the plan."""
    compared = {speed.record.case_id: _against(group, speed) for group in view.speeds.groups for speed in group.speeds}
    rows = [_row(view, record) | compared.get(record.case_id, {}) for record in view.run.records]
    others = sorted({key for row in rows for key in row} - set(LEADING), key=_column_order)
    return pd.DataFrame(rows, columns=[*LEADING, *others], dtype=object)


def write_csv(view: View) -> str:
    """The frame as CSV."""
    table = frame(view)
    table.columns = pd.Index([str(harmless(column)) for column in table.columns])
    return str(table.map(harmless).to_csv(index=False, lineterminator="\n"))


def harmless(value: object) -> object:
    """Text without control characters or a start that a spreadsheet would run; anything else unchanged."""
    if not isinstance(value, str):
        return value
    text = visible(value)
    return f"'{text}" if value.startswith(FORMULA) or text.lstrip().startswith(FORMULA) else text


def _row(view: View, record: Record) -> dict[str, Any]:
    timed = record.axis in ("throughput", "convergence") and record.measured
    withheld = view.speeds.gate.why_withheld(record) if timed else None
    row: dict[str, Any] = {
        "run": view.run.plan.run,
        "case_id": record.case_id,
        "axis": record.axis,
        "implementation": record.implementation,
        "status": record.status,
        "reason": record.reason,
        "speed_withheld": withheld,
    }
    metrics = {key: None if withheld and key in SPEED_METRICS else value for key, value in record.metrics.items()}
    for part, content in (("case", record.case), ("metrics", metrics), ("versions", record.versions)):
        row.update({f"{part}.{key}": _flat(value) for key, value in content.items()})
    return row


def _against(group: Group, speed: Speed) -> dict[str, Any]:
    """A published speed against the baseline of its group."""
    found, baseline = speed.verdict, group.baseline
    if found is None or baseline is None:
        return {}
    values = (None, 1.0, None, None) if speed.is_baseline else (found.word, found.ratio, found.low, found.high)
    return dict(zip(COMPARED, (baseline.record.case_id, *values), strict=True))


def _flat(value: object) -> object:
    if isinstance(value, list) and all(isinstance(item, int) for item in value):
        return "x".join(str(item) for item in value)
    if isinstance(value, (list, Mapping)):
        return json.dumps(value, ensure_ascii=False, default=str)
    return value


def _column_order(column: str) -> tuple[int, str]:
    parts = ("case", "metrics", "versions")
    return parts.index(column.split(".", 1)[0]), column
