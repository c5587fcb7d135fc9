"""How far every implementation follows the float64 network, step for step, on every network: a table of the docs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.harness.workers import CHECKOUT
from benchmarks.networks import RECIPES
from benchmarks.pages.markers import table
from benchmarks.report.curves import read_curves
from benchmarks.report.reading import read_run
from benchmarks.report.run import Record
from benchmarks.report.trainings import departure, first_beyond_rounding, first_split, threshold, uses_batch_norm

RUN = CHECKOUT / "reports" / "networks"
NOTHING = "No run is published yet: the command above with `--output reports/networks` makes one."
ROUNDING = "*rounding alone*"
NEVER, NOT_TRAINED, MISSING = "-", "not trained", "not measured"


def lockstep(folder: Path = RUN) -> str:
    """One table with batch normalization, one without, and a sentence that counts what came out.

    Args:
        folder: of a run of the convergence axis.
    """
    if not folder.exists():
        return NOTHING
    records = [record for record in read_run(folder).records if record.axis == "convergence"]
    parts = [_counted(records)]
    for title, batch_norm in (("With", True), ("Without", False)):
        if chosen := [record for record in records if uses_batch_norm(record) == batch_norm]:
            parts += [f"{title} batch normalization:", _table(folder, chosen)]
    return "\n\n".join(parts)


def _counted(records: Sequence[Record]) -> str:
    trained = [record for record in records if record.measured]
    found = [departure(record) for record in trained]
    kinds = {kind: found.count(kind) for kind in ("none", "rounding", "algorithm", "diverged")}
    return (
        f"Of {len(records)} trainings ({len({record.implementation for record in records})} implementations, "
        f"{len({record.text('network') for record in records})} networks, with and without batch normalization) "
        f"{len(trained)} were made: {kinds['none']} stay with the float64 network to the last step, "
        f"{kinds['rounding']} leave it no further than rounding grows, {kinds['algorithm']} go further, "
        f"{kinds['diverged']} diverge. The other {len(records) - len(trained)} are refused, with a reason in each row."
    )


def _table(folder: Path, records: Sequence[Record]) -> str:
    of = {(record.implementation, record.text("network")): record for record in records}
    networks = [name for name in RECIPES if any(network == name for _, network in of)]
    heads = [f"`{name}`, {_steps(of, name)} steps" for name in networks]
    rows = [[ROUNDING, *(_band(folder, of, name) for name in networks)]]
    rows += [
        [f"`{who}`", *(_cell(of.get((who, name))) for name in networks)] for who in dict.fromkeys(who for who, _ in of)
    ]
    return table(("implementation", *heads), rows)


def _steps(of: Mapping[tuple[str, str], Record], network: str) -> str:
    found = {steps for (_, name), record in of.items() if name == network and (steps := record.number("steps"))}
    return " or ".join(f"{steps:,.0f}" for steps in sorted(found))


def _cell(record: Record | None) -> str:
    """The step at which the loss leaves the reference's."""
    if record is None:
        return MISSING
    if not record.measured:
        return NOT_TRAINED
    split, kind = first_split(record), departure(record)
    text = NEVER if split is None else f"{split:,}"
    if kind in ("none", "rounding"):
        return text
    beyond = first_beyond_rounding(record)
    return f"{text} ({kind})" if beyond is None else f"{text} ({kind}: beyond rounding from {beyond:,})"


def _band(folder: Path, of: Mapping[tuple[str, str], Record], network: str) -> str:
    """The step at which NumPy's own float32 trainings, begun one ulp away, leave it."""
    for (_, name), record in of.items():
        band = read_curves(folder, record).arrays.get("rounding_band") if name == network and record.measured else None
        if band is not None:
            beyond = np.flatnonzero(band > threshold(record))
            return f"{beyond[0]:,}" if len(beyond) else NEVER
    return MISSING
