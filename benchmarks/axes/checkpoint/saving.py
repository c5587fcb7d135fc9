"""The first stage: train, save in every format that is asked for, and train on without interruption."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.axes.agreement import refused
from benchmarks.axes.checkpoint.subjects import Subject
from benchmarks.axes.outcome import Outcome
from benchmarks.axes.product_threads import product_threads
from bn_impls import canonical
from bn_impls.interface import Unsupported

ARRAYS, FILES, FACTS = "before.npz", "checkpoint", "facts.json"
EARLIER, REPLICA = "earlier/", "replica/"
RANDOM_STATE = re.compile(r"seed|rng|random|generator|iterator", re.IGNORECASE)


def folder_of(scratch: Path, format_name: str) -> Path:
    """Where a format's files lie; the name of a partial format has a colon."""
    return scratch / FILES / format_name.replace(":", "-")


def save(build: Callable[[], Subject | Unsupported], parameters: Mapping[str, Any], scratch: Path) -> Outcome:
    """Run the stage.

    Args:
        build: builds the subject.
        parameters: of the case, with ``formats``, the names to save in, or ``format`` alone.
        scratch: receives the checkpoints, the arrays, and what saving cost.

    Returns:
        An outcome without figures: those come from the restore.
    """
    subject = build()
    if isinstance(subject, Unsupported):
        return refused(subject)
    try:
        wanted, offered = parameters.get("formats", [parameters["format"]]), {*subject.formats, *subject.exports}
        if not offered & set(wanted):
            if parameters.get("part") == "layer":
                return Outcome(status="unsupported", reason=f"a layer alone is saved as {', '.join(subject.formats)}")
            why = f"it offers {', '.join(subject.formats)}, but its descriptor declares {', '.join(wanted)}"
            return Outcome(status="failed", reason=why)
        return _save(subject, [name for name in wanted if name in offered], parameters, scratch)
    finally:
        subject.close()


def _save(subject: Subject, formats: Sequence[str], parameters: Mapping[str, Any], scratch: Path) -> Outcome:
    before = parameters["steps_before"]
    subject.advance(0, before // 2)
    halfway = subject.everything()
    subject.advance(before // 2, before - before // 2)
    arrays = subject.everything()
    facts = {name: _saved(subject, name, folder_of(scratch, name)) for name in formats}
    arrays["inference"] = subject.infer()
    arrays |= {f"{EARLIER}{name}": array for name, array in halfway.items()}
    arrays |= {f"{REPLICA}{name}": array for name, array in subject.replica(before).items()}
    arrays["losses"] = subject.advance(before, parameters["steps_after"])
    canonical.write(scratch / ARRAYS, arrays)
    (scratch / FACTS).write_text(json.dumps({"formats": facts, "product_threads": product_threads()}))
    return Outcome()


def _saved(subject: Subject, name: str, folder: Path) -> dict[str, Any]:
    """Save in one format; an error is that format's row and keeps no other from being saved."""
    folder.mkdir(parents=True)
    form = subject.exports[name] if name in subject.exports else subject.formats[name]
    began = time.perf_counter_ns()
    try:
        form.save(folder)
    except Exception as error:  # whatever a framework raises when saving is this format's reason
        return {"error": f"saving raised {type(error).__name__}: {str(error)[:300]}"}
    save_ns = time.perf_counter_ns() - began
    files = [path for path in folder.rglob("*") if path.is_file()]
    stored = list(form.names(folder))
    return {
        "save_ns": save_ns,
        "size_bytes": sum(path.stat().st_size for path in files),
        "files": len(files),
        "names": stored,
        "random_state": [one for one in stored if RANDOM_STATE.search(one)],
    }
