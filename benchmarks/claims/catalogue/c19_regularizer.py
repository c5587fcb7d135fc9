"""C19, document 003: BN is a mild regularizer, because each batch's statistics are noise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.cases import Case
from benchmarks.claims.exact import advice
from benchmarks.claims.judging import Difference, asking, combined, holds, needed, paired
from benchmarks.claims.model import Claim, Picture, Size, Verdict
from benchmarks.claims.painting import draw_differences
from benchmarks.claims.results import Results
from benchmarks.claims.seeds import seeds
from benchmarks.claims.training import training

ROWS, STEPS = 500, 1250
SMALL, LARGE = 10, 125
MARGIN_NATS = 0.02
"""Difference of the gap between validation and training loss that does not matter."""
SEEDS = 20
ARMS: Mapping[str, dict[str, Any]] = {
    "none": {"batch_norm": False},
    "batch normalization": {"batch_norm": True},
    "dropout": {"batch_norm": False, "options": {"dropout": 0.5}},
}


def cases(size: Size) -> list[Case]:
    """500 digits, batches of 10 and of 125, as many steps; statistics in inference are exact."""
    return [
        training(**arm, train_rows=ROWS, batch_size=batch, epochs=STEPS * batch // ROWS,
                 evaluate_every=STEPS * batch // ROWS, precise=True, learning_rate=0.001, seed=seed)
        for seed in seeds(size, SEEDS)
        for batch in (SMALL, LARGE)
        for arm in ARMS.values()
    ]  # fmt: skip


def gaps(results: Results, arm: str, batch: int) -> dict[int, float]:
    """Seed -> validation loss less training loss; by exact statistics where there are any."""
    chosen = {"options": {}, **ARMS[arm], "batch_size": batch}
    mode = "population" if chosen["batch_norm"] else "moving"
    held_out, train = (results.values(f"final_{split}_loss_{mode}", **chosen) for split in ("validation", "train"))
    return {seed: held_out[seed] - train[seed] for seed in train}


def changes(results: Results) -> dict[tuple[str, int], Difference]:
    """Arm and batch size -> change of the gap against the plain network."""
    return {
        (arm, batch): paired(gaps(results, arm, batch), gaps(results, "none", batch), margin=MARGIN_NATS, family=2)
        for arm in ("batch normalization", "dropout")
        for batch in (SMALL, LARGE)
    }


def judge(results: Results) -> Verdict:
    """Whether the gap is smaller with batch normalization, with small and with large batches."""
    found = changes(results)
    ours = {batch: found["batch normalization", batch] for batch in (SMALL, LARGE)}
    kind = combined(*(holds(one, "below") for one in ours.values()))
    needs = needed(asking("below", ours.values())) if kind == "undecided" else ""
    told = "; ".join(
        f"with batches of {batch} by {one.told('nats', digits=3)} (dropout 0.5: "
        f"{found['dropout', batch].told('nats', digits=3)})"
        for batch, one in ours.items()
    )
    return Verdict(
        kind=kind,
        on={"depends": "the batch size", "undecided": needs}.get(kind, ""),
        sentence=f"On {ROWS} digits, batch normalization changes the gap between validation and training loss {told}.",
        figures={
            f"{arm.replace(' ', '_')}_gap_change_batch_{batch}_nats": one.mean for (arm, batch), one in found.items()
        }
        | {"seeds": ours[SMALL].pairs},
    )


def picture(results: Results) -> Picture:
    """The changes, with their intervals."""
    found = {f"{arm}, batch {batch}": one for (arm, batch), one in changes(results).items()}
    return Picture(
        title="What closes the gap between validation and training loss",
        caption="Change of the gap in nats against the plain network, with the 95 % interval over seeds; left of 0 the "
        "gap is smaller.",
        alternative="; ".join(f"{name}: {one.told('nats', digits=3)}" for name, one in found.items()),
        height_in=0.9 + 0.28 * len(found),
        paint=lambda canvas: draw_differences(canvas, found, 1, "change of the gap, nats"),
    )


CLAIM = Claim(
    id="C19",
    documents=("003",),
    statement="Batch normalization regularizes mildly, as dropout does: the statistics of each batch add noise.",
    experiment=f"Network 000 on {ROWS} digits, Adam 0.001, {STEPS} steps with batches of {SMALL} and {LARGE}: plain, "
    "with batch normalization (exact statistics in inference), and with dropout 0.5; validation loss less training "
    "loss, paired by seed.",
    rule=f"Confirmed if batch normalization makes the gap smaller by more than {MARGIN_NATS:g} nats, the interval "
    "beyond 0, with both batch sizes; refuted if with neither; depends if with one.",
    cases=cases,
    judge=judge,
    picture=picture,
    meaning=advice(
        confirmed="You may need less dropout with it.",
        refuted="Do not count on batch normalization against overfitting; it also speeds training up, and a network "
        "that fits faster overfits sooner.",
        depends="Do not count on its noise against overfitting: how far it closes the gap depends on the batch size. "
        "Measure at yours.",
    ),
)
