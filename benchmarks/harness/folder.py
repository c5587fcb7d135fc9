"""A run folder: what was planned, what was measured, and nothing lost of it."""

from __future__ import annotations

import datetime
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.cases import Case
from benchmarks.harness import contents, jsonlines
from benchmarks.harness.contents import PLAN, SCHEMA, read_plan
from benchmarks.settings import Settings
from bn_impls.errors import BadRunFolder

RECORDS, PASSES, ENVIRONMENT = "records.jsonl", "passes.jsonl", "environment.json"
SENTINEL = "sentinel.jsonl"
CHECKPOINTS = "checkpoints"
LOCK = ".lock"
WAY_OUT = "`bn-bench {} --resume {}` goes on from what is there once the cause is gone"


class RunFolder:
    """One run's files, opened for writing by one process at a time."""

    def __init__(self, path: Path, settings: Settings, run: str, created: str) -> None:
        """Use :meth:`create` or :meth:`resume`."""
        self.path, self.settings, self.run, self.created = path, settings, run, created
        self.damage: list[str] = []
        self._lock = _locked(path)

    @classmethod
    def create(cls, path: Path, settings: Settings) -> RunFolder:
        """Make a new run folder.

        Raises:
            BadRunFolder: there is one already, or none can be made here.
        """
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadRunFolder(
                f"{path} cannot be made ({error.strerror}); give another folder with --output"
            ) from error
        if any(entry.name != LOCK for entry in path.iterdir()):  # which a run that was refused leaves
            raise BadRunFolder(f"{path} is not empty; finish it with --resume {path}, or give another --output")
        now = datetime.datetime.now(datetime.UTC)
        folder = cls(path, settings, f"{now:%Y%m%d-%H%M%S}", now.isoformat(timespec="seconds"))
        for name in (RECORDS, PASSES):
            folder._guarded(path / name, lambda file: file.touch())
        return folder

    @classmethod
    def resume(cls, path: Path, command: str = "run") -> RunFolder:
        """Open a run folder to go on with its plan.

        Args:
            path: the folder.
            command: that goes on with it.

        Raises:
            BadRunFolder: it is none, of another schema, or of another command.
        """
        plan = read_plan(path)
        if plan.settings.command != command:
            raise BadRunFolder(
                f"{path} was written by `bn-bench {plan.settings.command}`; finish it with "
                f"`bn-bench {plan.settings.command} --resume {path}`"
            )
        return cls(path, plan.settings, plan.run, plan.created)

    def write_plan(self, cases: Sequence[Case]) -> None:
        """Write the plan; cases that an earlier plan of this folder had stay planned."""
        known = {case.case_id: case for case in self.planned()} | {case.case_id: case for case in cases}
        plan = {
            "schema": SCHEMA,
            "run": self.run,
            "created": self.created,
            "settings": self.settings.as_json(),
            "cases": [case.as_json() for case in known.values()],
        }
        self._write(PLAN, json.dumps(plan, indent=1, ensure_ascii=False))

    def planned(self) -> list[Case]:
        """The cases of the plan on disk."""
        if not (self.path / PLAN).exists():
            return []
        return list(read_plan(self.path).cases)

    def add_sitting(self, environment: Mapping[str, Any]) -> None:
        """Write what machine and versions this run has; where it is resumed, beside those of its beginning."""
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        sitting = {"began": now, **{name: environment[name] for name in ("commit", "versions")}}
        first = self._environment() or environment
        self.write_json(ENVIRONMENT, {**first, "sittings": [*first.get("sittings", []), sitting]})

    def _environment(self) -> dict[str, Any]:
        """That of the run's beginning; a damaged file is as good as none."""
        try:
            stored = json.loads((self.path / ENVIRONMENT).read_bytes())
        except (OSError, ValueError, RecursionError):
            return {}
        return stored if isinstance(stored, dict) else {}

    def write_json(self, name: str, value: Mapping[str, Any]) -> None:
        """Write a JSON file of the run, in place of the one that was there."""
        self._write(name, json.dumps(value, indent=1, ensure_ascii=False))

    def records(self) -> dict[str, dict[str, Any]]:
        """Records by case; the last line of a case counts. Damaged lines are noted in ``damage``."""
        return {line["case_id"]: line for line in self._lines(RECORDS, contents.record_complaint)}

    def passes(self) -> dict[str, list[dict[str, Any]]]:
        """Lines of ``passes.jsonl`` by case, in order. Damaged lines are noted in ``damage``."""
        found: dict[str, list[dict[str, Any]]] = {}
        for line in self._lines(PASSES, contents.pass_complaint):
            found.setdefault(line["case_id"], []).append(line)
        return found

    def _lines(self, name: str, complaint: Callable[[dict[str, Any]], str | None]) -> Iterator[dict[str, Any]]:
        for line in jsonlines.read(self.path / name, complaint):
            if isinstance(line, jsonlines.Damage):
                if str(line) not in self.damage:
                    self.damage.append(str(line))
            else:
                yield line

    def append_pass(self, line: Mapping[str, Any]) -> None:
        """Keep a finished pass."""
        self._append(PASSES, {"schema": SCHEMA, "run": self.run, **line})

    def append_look(self, line: Mapping[str, Any]) -> None:
        """Keep what the sentinel saw."""
        self._append(SENTINEL, {"schema": SCHEMA, "run": self.run, **line})

    def append_record(self, case: Case, outcome: Mapping[str, Any], versions: Mapping[str, str]) -> dict[str, Any]:
        """Keep a finished case; returns the record."""
        record = {
            "schema": SCHEMA,
            "run": self.run,
            **case.as_json(),
            "status": outcome["status"],
            "reason": outcome.get("reason"),
            "metrics": outcome.get("metrics", {}),
            "samples": outcome.get("samples", {}),
            "labels": outcome.get("labels", {}),
            "versions": dict(versions),
        }
        self._append(RECORDS, record)
        return record

    def keep_curves(self, source: Path) -> dict[str, Any]:
        """Move an NPZ into the folder under the name of its hash; returns the fields that point to it."""
        import numpy as np

        digest = hashlib.sha256(source.read_bytes()).hexdigest()
        target = self.path / "curves" / f"{digest[:16]}.npz"

        def move(file: Path) -> None:
            file.parent.mkdir(exist_ok=True)
            temporary = file.with_suffix(".part")
            temporary.write_bytes(source.read_bytes())
            os.replace(temporary, file)

        self._guarded(target, move)
        with np.load(target, allow_pickle=False) as archive:
            names = list(archive.files)
        return {"file": f"curves/{target.name}", "sha256": digest, "arrays": names}

    def keep_checkpoint(self, implementation: str, source: Path) -> None:
        """Copy an implementation's checkpoint into the folder, in place of an earlier one."""

        def copy(target: Path) -> None:
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(source, target)

        self._guarded(self.path / CHECKPOINTS / implementation.replace(":", "-"), copy)

    def _append(self, name: str, value: Mapping[str, Any]) -> None:
        self._guarded(self.path / name, lambda file: jsonlines.append(file, value))

    def _write(self, name: str, text: str) -> None:
        def replace(file: Path) -> None:
            temporary = file.with_name(f".{file.name}.part")
            # half of a surrogate pair, which a path may carry, has no UTF-8: it is written as JSON's escape of it
            temporary.write_text(text, encoding="utf-8", errors="backslashreplace")
            os.replace(temporary, file)

        self._guarded(self.path / name, replace)

    def _guarded(self, file: Path, act: Any) -> None:
        try:
            act(file)
        except OSError as error:
            raise BadRunFolder(
                f"{file} cannot be written ({_reason(error)}); everything measured before is kept, and "
                f"{WAY_OUT.format(self.settings.command, self.path)}"
            ) from error

    def close(self) -> None:
        """Let another process write."""
        self._lock.close()


def _reason(error: OSError) -> str:
    """What the system says; of a tree that was copied, what it says of the first file that was not."""
    if isinstance(error, shutil.Error) and isinstance(error.args[0], list):
        return str(error.args[0][0][2])
    return error.strerror or str(error)


def _locked(path: Path) -> Any:
    try:
        stream = open(path / LOCK, "w")  # noqa: SIM115  # held open as long as the folder is
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        stream.close()
        raise BadRunFolder(f"another run is writing {path}; wait for it, or give another --output") from error
    except OSError as error:
        raise BadRunFolder(f"{path} cannot be written ({error.strerror}); give another folder with --output") from error
    return stream
