"""The table of ``docs/the-hump.md``: what became of document 004's network in the published run of claim C28."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from benchmarks.claims.catalogue.c28_hump import CLAIM
from benchmarks.claims.hump_variants import VARIANTS, Variant
from benchmarks.claims.verdicts import read
from benchmarks.harness.workers import CHECKOUT
from benchmarks.pages.claims import NOTHING, PUBLISHED
from benchmarks.pages.markers import table

PAGE = CHECKOUT / "docs" / "the-hump.md"
HEAD = (
    "training",
    "start forgotten (predicted)",
    "allowed by the prediction",
    "inference loss falls",
    "as predicted",
    "behind the rows' own statistics",
    "seeds that rise above ln 2",
    "epoch of the peak",
    "its height, nats",
)
LATE: Mapping[float | None, str] = {1.0: ": late", 0.0: ": not late", None: ": open"}
HELD: Mapping[float | None, str] = {1.0: "yes", 0.0: "no", None: "open"}


def courses(run: Path = PUBLISHED) -> str:
    """A row for each training that changes one thing; epochs, with intervals over seeds."""
    if not run.exists():
        return NOTHING
    return table(HEAD, rows(next(entry["figures"] for entry in read(run)["claims"] if entry["id"] == CLAIM.id)))


def rows(figures: Mapping[str, float]) -> list[list[str]]:
    """The cells of every variant that a run has."""
    return [_row(variant, figures) for variant in VARIANTS if f"{variant.key}_seeds" in figures]


def _row(variant: Variant, figures: Mapping[str, float]) -> list[str]:
    found = {name.removeprefix(f"{variant.key}_"): value for name, value in figures.items()}
    late = LATE[found.get("is_late")]
    never = found["seeds_that_never_fall"] == found["seeds"]
    return [
        variant.name,
        f"{found['predicted_epoch']:.3g}",
        _window(found),
        "never" if never else _interval(found, "fall_epoch", 0),
        HELD[found.get("prediction_holds")],
        _epochs(found["behind_epochs"]) + late if "behind_epochs" in found else "",
        f"{found['seeds_that_rise']:.0f} of {found['seeds']:.0f}",
        _interval(found, "rise_epoch", 0),
        _interval(found, "rise_nats", 2),
    ]


def _window(found: Mapping[str, float]) -> str:
    """From when to when a fall holds the prediction; empty for a run that did not keep it."""
    ends = [found[f"allowed_epoch_{end}"] for end in ("low", "high") if f"allowed_epoch_{end}" in found]
    return " to ".join(f"{end:.0f}" for end in ends)


def _epochs(count: float) -> str:
    return f"{count:.0f} {'epoch' if f'{count:.0f}' == '1' else 'epochs'}"


def _interval(found: Mapping[str, float], name: str, digits: int) -> str:
    """``44 (41 to 47)``; without brackets where one seed gives no interval, empty where none has it."""
    if name not in found:
        return ""
    mean, *ends = (f"{found[part]:.{digits}f}" for part in (name, f"{name}_low", f"{name}_high") if part in found)
    return f"{mean} ({ends[0]} to {ends[1]})" if ends else mean


BLOCKS = {"courses": courses}
