"""The table of ``docs/the-hump.md``: what became of document 004's network in the published run of claim C28."""

from __future__ import annotations

from pathlib import Path

from benchmarks.claims.catalogue.c28_hump import CLAIM, VARIANTS
from benchmarks.claims.verdicts import read
from benchmarks.harness.workers import CHECKOUT
from benchmarks.pages.claims import NOTHING, PUBLISHED
from benchmarks.pages.markers import table

PAGE = CHECKOUT / "docs" / "the-hump.md"
HEAD = (
    "training",
    "start forgotten (predicted)",
    "inference loss falls",
    "later than by the rows' own statistics",
    "highest inference loss, nats",
)


def courses(run: Path = PUBLISHED) -> str:
    """A row for each training that changes one thing; epochs."""
    if not run.exists():
        return NOTHING
    figures = next(entry["figures"] for entry in read(run)["claims"] if entry["id"] == CLAIM.id)
    rows = []
    for variant in VARIANTS:
        found = {part: figures.get(f"{variant.key}_{part}") for part in ("fall_epoch", "behind_epochs", "highest_nats")}
        fall, behind, highest = found.values()
        rows.append([
            variant.name,
            f"{figures[f'{variant.key}_predicted_epoch']:.3g}",
            "never" if fall is None else f"{fall:.0f}",
            "" if behind is None else f"{behind:.0f}",
            f"{highest:.2f}",
        ])  # fmt: skip
    return table(HEAD, rows)


BLOCKS = {"courses": courses}
