"""Reading a run folder: what is whole is kept, what is damaged is skipped and reported.

Only ``plan.json``, ``records.jsonl`` and the JSON files beside them are read here; curves when they are drawn. The
format stands in ``docs/records.md``. Nothing is unpickled and no framework is imported.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.report.calibration import read_calibration
from benchmarks.report.run import AXES, STATUSES, Plan, Planned, Record, Run
from benchmarks.report.semantics import read_semantics
from benchmarks.statuses import LASTING
from bn_impls.errors import BadRunFolder

SCHEMA = 1
UNUSED_SAMPLES = ("steps",)  # the error of every single step: most of the file, and nothing here is drawn from it
WAY_OUT = "Give the folder that `bn-bench run` wrote."


def read_run(folder: Path) -> Run:
    """Read a run folder.

    Args:
        folder: the folder that a run wrote.

    Returns:
        The run; ``damage`` says, one sentence each, what was skipped and why.

    Raises:
        BadRunFolder: no run folder, or one of a schema that this version cannot read.
    """
    plan_path, records_path = folder / "plan.json", folder / "records.jsonl"
    for path in (plan_path, records_path):
        if not path.is_file():
            raise BadRunFolder(f"{folder} is no run folder: it has no {path.name}. {WAY_OUT}")
    damage: list[str] = []
    plan = _read_plan(plan_path, damage)
    records = _in_plan_order(_read_records(records_path, damage), plan)
    environment = _read_object(folder / "environment.json", damage)
    machine, ledger = folder / "machine.json", folder / "ledger.json"  # not in every run
    return Run(
        folder,
        plan,
        records,
        environment,
        damage,
        semantics=read_semantics(folder / "semantics.json", damage),
        calibration=read_calibration(folder / "calibration.json", damage),
        machine=_read_object(machine, damage) if machine.exists() else {},
        ledger=_read_object(ledger, damage) if ledger.exists() else {},
    )


def _read_plan(path: Path, damage: list[str]) -> Plan:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise BadRunFolder(f"{path} cannot be read: {error}. {WAY_OUT}") from error
    if not isinstance(content, dict) or not isinstance(content.get("cases"), list):
        raise BadRunFolder(f"{path} is no plan: it has no list `cases`. {WAY_OUT}")
    _check_schema(content.get("schema"), path.name)
    cases = []
    for position, entry in enumerate(content["cases"], start=1):
        if _lacks(entry, {"case_id": str, "axis": str, "implementation": str}):
            damage.append(f"plan.json, case {position}: skipped, it is no case ({_excerpt(entry)})")
            continue
        case = entry.get("case")
        cases.append(
            Planned(
                entry["case_id"],
                entry["axis"],
                entry["implementation"],
                case if isinstance(case, dict) else {},
            )
        )
    settings = content.get("settings")
    return Plan(
        str(content.get("run", "")),
        str(content.get("created", "")),
        settings if isinstance(settings, dict) else {},
        tuple(cases),
    )


def _read_records(path: Path, damage: list[str]) -> dict[str, Record]:
    try:
        lines = path.read_bytes().splitlines(keepends=True)  # at \n, \r and \r\n
    except OSError as error:
        raise BadRunFolder(f"{path} cannot be read: {error}. {WAY_OUT}") from error
    records: dict[str, Record] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        record, why = _read_line(line, f"{path.name} line {number}")
        if record is None:
            damage.append(f"records.jsonl, line {number}: skipped, {why}")
            continue
        before = records.get(record.case_id)
        if before is not None and before.status in LASTING:  # else a resumed run has tried the case again
            damage.append(f"records.jsonl, line {number}: a second record of {record.case_id}; the later one counts")
        records[record.case_id] = record
    return records


def _read_line(line: bytes, where: str) -> tuple[Record | None, str]:
    try:
        content = json.loads(line)
    except ValueError as error:
        cut = "it is cut off" if not line.endswith(b"\n") else "it is not JSON"
        return None, f"{cut} ({str(error)[:120]})"
    except RecursionError:
        return None, "it is nested too deeply"
    fields = {"case_id": str, "axis": str, "implementation": str, "case": dict, "status": str}
    lacking = _lacks(content, fields)
    if isinstance(content, dict) and "schema" in content:
        _check_schema(content["schema"], where)
    elif not lacking:
        lacking = "it has no `schema`"
    if not lacking and content["axis"] not in AXES:
        lacking = f"axis {content['axis']!r} is none of {', '.join(AXES)}"
    if not lacking and content["status"] not in STATUSES:
        lacking = f"status {content['status']!r} is none of {', '.join(STATUSES)}"
    if lacking:
        return None, f"{lacking} ({_excerpt(content)})"
    return _to_record(content), ""


def _to_record(content: dict[str, Any]) -> Record:
    def mapping(key: str) -> Mapping[str, Any]:
        value = content.get(key)
        return value if isinstance(value, dict) else {}

    reason = content.get("reason")
    return Record(
        case_id=content["case_id"],
        axis=content["axis"],
        implementation=content["implementation"],
        case=content["case"],
        status=content["status"],
        reason=None if reason is None else str(reason),
        metrics=mapping("metrics"),
        samples={name: values for name, values in mapping("samples").items() if name not in UNUSED_SAMPLES},
        labels=mapping("labels"),
        versions=mapping("versions"),
    )


def _lacks(content: object, fields: Mapping[str, type]) -> str:
    """What keeps the content from having these fields; empty if nothing does."""
    if not isinstance(content, dict):
        return f"it is a {type(content).__name__}, but should be an object"
    for name, kind in fields.items():
        if not isinstance(content.get(name), kind):
            return f"it has no `{name}`"
    return ""


def _check_schema(schema: object, where: str) -> None:
    if schema != SCHEMA or isinstance(schema, bool):
        raise BadRunFolder(
            f"{where} has schema {schema!r}, but should be {SCHEMA}. "
            "Draw this run with the version of bn-bench that wrote it."
        )


def _in_plan_order(records: dict[str, Record], plan: Plan) -> tuple[Record, ...]:
    """Records in the order of the plan; those it does not name follow in the order of the file."""
    position = {case.case_id: index for index, case in enumerate(plan.cases)}
    return tuple(sorted(records.values(), key=lambda record: position.get(record.case_id, len(position))))


def _read_object(path: Path, damage: list[str]) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        damage.append(f"{path.name}: not read ({error.__class__.__name__})")
        return {}
    if not isinstance(content, dict):
        damage.append(f"{path.name}: not read, it is no object")
        return {}
    return content


def _excerpt(content: object) -> str:
    text = json.dumps(content, ensure_ascii=True, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."
