"""From what a restore left behind to a sentence that names what was lost, and how.

An array that did not come back has a *cause*: what its values are instead. The causes of all arrays together tell one
mistake from another: statistics that were never saved look otherwise than statistics that were swapped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

UNTOUCHED = "untouched"
CAUSES: Mapping[str, str] = {
    UNTOUCHED: "as before the restore",
    "initialised": "at the values of a new variable, although the object held others: initialised after the restore",
    "holds": "holding the values of another array",
    "float16": "rounded to float16",
    "bfloat16": "cut to bfloat16",
    "earlier": "as at an earlier step",
    "replica": "as one replica's share of the batches gives them",
    "root": "the square root of what was saved",
    "not_a_number": "not a number",
    "other": "at other values",
}
"""Cause -> what an array is instead of what was saved; the first that applies."""

PARTS: Mapping[str, str] = {
    "weights": "the weights",
    "statistics": "the moving statistics",
    "counters": "num_updates",
    "slots": "the optimizer's slots",
    "step": "the optimizer's step",
}


@dataclass(frozen=True)
class Lost:
    """An array that did not come back.

    Attributes:
        name: its name, ``layer/variable`` or ``optimizer/...``.
        cause: one of :data:`CAUSES`.
        other: the array whose values it holds, where that is the cause.
    """

    name: str
    cause: str
    other: str = ""


def part_of(name: str) -> str:
    """Which of :data:`PARTS` an array belongs to."""
    if name == "optimizer/step":
        return "step"
    if name.startswith("optimizer/"):
        return "slots"
    if name.endswith("num_updates"):
        return "counters"
    return "statistics" if "moving_" in name else "weights"


def diagnose(lost: Sequence[Lost], names: Iterable[str], metrics: Mapping[str, Any]) -> str | None:
    """Name what a restore lost.

    Args:
        lost: the arrays that did not come back.
        names: of all arrays that should have.
        metrics: of the record: ``num_updates_saved`` and ``num_updates_restored``.

    Returns:
        A sentence without its full stop, or None where nothing was lost.
    """
    if not lost:
        return None
    everything = list(names)
    untouched = {one.name for one in lost if one.cause == UNTOUCHED}
    if len(untouched) == len(everything):
        return "nothing was restored, and no error said so: everything is as before the restore"
    if step := _earlier(lost, metrics):
        return step
    told = [*_exchanged(lost), *_left_out(untouched, everything), *_changed(lost)]
    return "; ".join(told)


def _earlier(lost: Sequence[Lost], metrics: Mapping[str, Any]) -> str | None:
    saved, restored = metrics.get("num_updates_saved"), metrics.get("num_updates_restored")
    weights = [one for one in lost if part_of(one.name) == "weights"]
    if saved is None or restored is None or not 0 < restored < saved or not weights:
        return None
    causes = {one.cause for one in weights}
    counted = all(one.cause != UNTOUCHED for one in lost if part_of(one.name) == "counters")  # by the restore
    if not counted or "earlier" not in causes or causes - {"earlier", "other"}:
        return None
    return f"an earlier checkpoint was restored: that of step {restored:g}, not that of step {saved:g}"


def _left_out(untouched: set[str], everything: Sequence[str]) -> list[str]:
    """What is as before the restore: whole parts first, then single arrays."""
    of_part = {part: {name for name in everything if part_of(name) == part} for part in PARTS}
    whole = [part for part, names in of_part.items() if names and names <= untouched]
    single = sorted(name for name in untouched if part_of(name) not in whole)
    told = []
    if {"statistics", "slots", "step"} <= set(whole) and "weights" not in whole and not single:
        return ["only the trainable variables were restored; " + _not_restored(whole)]
    if {"slots", "step"} <= set(whole):
        whole = [part for part in whole if part not in ("slots", "step")]
        told.append("the optimizer was not restored: neither its slots nor its step")
    if whole:
        told.append(_not_restored(whole))
    if single:
        shown = ", ".join(single[:3]) + (f" and {len(single) - 3} more" if len(single) > 3 else "")
        told.append(f"nothing in the checkpoint was matched to {shown}, which {_be(single)} as before the restore")
    return told


def _not_restored(parts: Sequence[str]) -> str:
    words = [PARTS[part] for part in parts]
    plural = len(words) > 1 or (words[0].endswith("s") and words[0] != PARTS["counters"])
    listed = words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
    return f"{listed} {'were' if plural else 'was'} not restored and {'are' if plural else 'is'} as before"


def _be(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _exchanged(lost: Sequence[Lost]) -> list[str]:
    """Arrays that hold each other's values, told once for all layers."""
    held = {one.name: one.other for one in lost if one.cause == "holds"}
    told: dict[str, None] = {}
    for name, other in held.items():
        layer, _, short = name.rpartition("/")
        of_layer, _, of = other.rpartition("/")
        first, second = sorted((short, of) if layer == of_layer else (name, other))
        if held.get(other) == name:
            told[f"{first} and {second} are swapped"] = None
        else:
            told[f"{name} holds the values of {other}"] = None
    return list(told)


def _changed(lost: Sequence[Lost]) -> list[str]:
    """Every other cause with the parts, or the few arrays, that have it."""
    told = []
    for cause, words in CAUSES.items():
        names = [one.name for one in lost if one.cause == cause]
        if not names or cause in (UNTOUCHED, "holds"):
            continue
        shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        told.append(f"{shown} {_be(names)} {words}")
    return told
