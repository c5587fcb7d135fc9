"""The process that restores damaged checkpoints, asked for one trial after another."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.axes.checkpoint.damage import MARKER, Trial, file_trials
from benchmarks.checkpoints.damages import CRASHED, KINDS, WRONG
from bn_impls.isolation.process import WorkerLost, WorkerProcess
from bn_impls.isolation.variables import python_path

MODULE = "benchmarks.axes.checkpoint.trial_worker"
START_S, TRIAL_S = 120.0, 20.0
MOST_CRASHES = 5  # each costs a new process; a format that crashes so often is told as it is
SAVES_AT_ONCE, SAVING_AT_ONCE_S = 20, 2.0
KILLED_AFTER_S = (0.0, 0.03, 0.3)  # the first change of a file; a new save begins whenever one ends
LOOK_AGAIN_S = 5e-4


class Bench:
    """The saved checkpoint, the process that restores its copies, and what came of them."""

    def __init__(self, parameters: Mapping[str, Any], scratch: Path) -> None:
        """Start the process; it imports the implementation meanwhile."""
        self.start = {
            "specification": parameters["specification"],
            "style": parameters["layer_style"],
            "format": parameters["format"],
        }
        self.scratch = scratch / f"damage-{parameters['format']}"
        self.scratch.mkdir()
        self.trials: list[dict[str, Any]] = []
        self.not_tried: dict[str, str] = {}
        self.folders: dict[str, Path] = {}
        self.stopped: str | None = None
        self.crashes = 0
        self.spare: WorkerProcess | None = None  # takes the place of one that is lost: to import costs most of a trial
        self.worker = self._started()
        self.worker.started(START_S)

    def _started(self) -> WorkerProcess:
        variables = {**os.environ, "PYTHONPATH": python_path()}
        return WorkerProcess(MODULE, self.start, variables, self.scratch / "trials.log")

    def close(self) -> None:
        """End the process and remove the copies."""
        for process in filter(None, (self.worker, self.spare)):
            process.close()
        shutil.rmtree(self.scratch, ignore_errors=True)

    def _again(self) -> None:
        self.worker.close()
        if self.spare is not None:
            self.worker, self.spare = self.spare, None
            return
        self.worker = self._started()
        self.worker.started(START_S)

    def _ask(self, request: Mapping[str, Any], timeout_s: float = TRIAL_S * 3) -> dict[str, Any]:
        """Ask the process; where it is lost, raise that with a new one in its place."""
        try:
            return self.worker.ask(request, timeout_s)
        except WorkerLost:
            self._again()
            raise

    def prepare(self) -> str | None:
        """Save the checkpoint that is damaged, and one of other values; returns why there is none."""
        for name, variant, seed in (("good", "plain", 0), ("other", "plain", 1)):
            reply = self._save(name, variant, seed)
            if reply["status"] != "ok" or not reply["saved"]:
                return str(reply.get("reason") or reply.get("error"))
            exported = self._export(name, variant)
            if exported["status"] != "ok":
                return f"its undamaged checkpoint does not come back: {exported['reason']}"
        return None

    def _export(self, name: str, variant: str) -> dict[str, Any]:
        request = {"do": "export", "path": str(self._state(name)), "variant": variant}
        return self._ask({**request, "folder": str(self.folders[name])})

    def _save(self, name: str, variant: str, seed: int) -> dict[str, Any]:
        folder = self.scratch / name
        folder.mkdir()
        self.folders[name] = folder
        return self._ask({"do": "save", "folder": str(folder), "variant": variant, "seed": seed})

    def _state(self, name: str) -> Path:
        return self.scratch / f"{name}.npz"

    def run(self, flips: int) -> None:
        """Every trial, until the process has crashed too often."""
        for trial in self._files(flips):
            copy = self.scratch / "copy"
            shutil.copytree(self.folders["good"], copy)
            trial.inflict(copy)
            self._restore(trial.kind, trial.where, copy, "plain", ["good"])
            self._look_for_what_it_left()
            shutil.rmtree(copy, ignore_errors=True)
            if self.stopped:
                return
        self._other_contents()
        self._disk_full()
        self._two_writers()
        self._killed()

    def _files(self, flips: int) -> Iterator[Trial]:
        return file_trials(self.folders["good"], flips)

    def _restore(self, kind: str, where: str, folder: Path, variant: str, expected: list[str]) -> None:
        """Restore a folder and note how it ended."""
        if self.stopped:
            return
        paths = [str(self._state(name)) for name in expected]
        request = {"do": "restore", "folder": str(folder), "variant": variant, "expected": paths}
        try:
            reply = self._ask(request, TRIAL_S)
        except WorkerLost as lost:
            reply = {"end": CRASHED, "error": lost.reason[:200]}
            self.crashes += 1
            if self.crashes >= MOST_CRASHES:
                self.stopped = f"stopped after {self.crashes} crashes, the last at {where}: {lost.reason[:200]}"
        if "end" not in reply:
            self.not_tried[kind] = reply["reason"]
            return
        told: dict[str, Any] = {str(name): reply[name] for name in ("end", "error", "named") if name in reply}
        if "error" in told:
            told["error"] = told["error"].replace(f"{self.scratch}/", "")
        self.trials.append({"kind": kind, "where": where, **told})

    def _look_for_what_it_left(self) -> None:
        """A hostile file that had its way is wrong, whatever the restore said."""
        for left in [*self.scratch.rglob(MARKER), *Path.cwd().glob(MARKER)]:
            left.unlink()
            self.trials[-1] |= {"end": WRONG, "error": "it had its way and left a file"}

    def _other_contents(self) -> None:
        """Whole files of a layer that is another."""
        for kind, variant in (
            ("wrong_shape", "other_shape"),
            ("wrong_dtype", "other_dtype"),
            ("missing_variable", "without_gamma"),
        ):
            reply = self._save(kind, variant, 0)
            if reply["status"] != "ok" or not reply["saved"]:
                self.not_tried[kind] = str(reply.get("reason") or reply.get("error"))
                continue
            self._export(kind, variant)
            self._restore(kind, KINDS[kind], self.folders[kind], "plain", ["good", kind])
        self._restore("extra_variable", KINDS["extra_variable"], self.folders["good"], "without_gamma", ["good"])

    def _over_an_earlier(self, name: str) -> Path:
        folder = self.scratch / name
        shutil.copytree(self.folders["good"], folder)
        return folder

    def _disk_full(self) -> None:
        """Save other values over an earlier checkpoint with room for a part of each file."""
        largest = max(path.stat().st_size for path in self.folders["good"].rglob("*") if path.is_file())
        for share in (0.1, 0.5, 0.9):
            folder = self._over_an_earlier(f"full-{share}")
            request = {"do": "save", "folder": str(folder), "variant": "plain", "seed": 1}
            with contextlib.suppress(WorkerLost):  # whatever became of it: what it left is the question
                self._ask({**request, "limit": int(largest * share)})
            self._restore("disk_full", f"files end at {share:.0%} of the largest", folder, "plain", ["good", "other"])

    def _two_writers(self) -> None:
        """Two processes save different values into one folder at the same time, many times."""
        folder, other = self._over_an_earlier("two"), self._started()
        try:
            other.started(START_S)
            save = {
                "do": "save", "folder": str(folder), "variant": "plain", "times": SAVES_AT_ONCE,
                "at_most_s": SAVING_AT_ONCE_S,
            }  # fmt: skip
            with ThreadPoolExecutor(1) as beside:
                saving = beside.submit(other.ask, {**save, "seed": 1}, START_S)
                self._ask({**save, "seed": 0}, START_S)
                saving.result()
        except WorkerLost as lost:
            other.close()
            self.not_tried["two_writers"] = lost.reason
            return
        self.spare = other
        self._restore("two_writers", f"up to {SAVES_AT_ONCE} times each", folder, "plain", ["good", "other"])

    def _killed(self) -> None:
        """Kill the process while it saves other values over an earlier checkpoint, some time after it began to."""
        for after_s in KILLED_AFTER_S:
            folder = self._over_an_earlier(f"killed-{after_s}")
            save = {"do": "save", "folder": str(folder), "variant": "plain", "seed": 1, "times": 10**6}
            with ThreadPoolExecutor(1) as beside:
                earlier = look(folder)
                saving = beside.submit(self.worker.ask, save, START_S)
                while look(folder) == earlier and not saving.done():
                    time.sleep(LOOK_AGAIN_S)
                time.sleep(after_s)
                ended = saving.done()  # it gave up, or was too slow
                self.worker.process.kill()
            self._again()  # in this thread: a process ends with the thread that started it
            if ended:
                self.not_tried["killed"] = "saving ended before the kill"
                return
            where = f"{after_s:g} s after the first change of a file"
            self._restore("killed", where, folder, "plain", ["good", "other"])


def look(folder: Path) -> dict[Path, tuple[int, int, int]]:
    """What shows that writing began: files, and which, how long and how old they are."""
    found = {}
    for place, _, names in os.walk(folder):  # passes over a folder that has just gone, unlike Path.rglob
        for path in (Path(place, name) for name in names):
            with contextlib.suppress(FileNotFoundError):  # a temporary file that has just got its name
                seen = path.stat()
                found[path] = (seen.st_ino, seen.st_size, seen.st_mtime_ns)
    return found
