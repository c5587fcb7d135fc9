"""C19, document 003: BN is a mild regularizer, because each batch's statistics are noise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.cases import Case
from benchmarks.claims.exact import advice
from benchmarks.claims.judging import Asked, Difference, combined, every, holds, holds_not, on_what, paired
from benchmarks.claims.model import Claim, Picture, Size, Verdict
from benchmarks.claims.painting import draw_differences
from benchmarks.claims.results import Results
from benchmarks.claims.seeds import FRESH_SEED, seeds
from benchmarks.claims.training import training

ROWS, STEPS = 500, 1250
SMALL, LARGE = 10, 125
SEEDS = 20
MARGIN_NATS = 0.02
"""Difference of a loss, or of the gap between held-out and training loss, that does not matter."""
ACCURACY_MARGIN = 0.01
"""Share of the held-out digits that does not matter: of 1,000 it is 10."""
FAMILY = 7
"""Gap, loss and accuracy with either batch size, and the gap's change with one against that with the other."""
HELD_OUT = ("validation", "test")
NORMALIZED, DROPPED = "batch normalization", "dropout"
ARMS: Mapping[str, dict[str, Any]] = {
    "none": {"batch_norm": False},
    NORMALIZED: {"batch_norm": True},
    DROPPED: {"batch_norm": False, "options": {"dropout": 0.5}},
}
Values = dict[int, float]
"""By seed."""
Figure = tuple[str, float]
"""Name with unit, and value."""


def cases(size: Size) -> list[Case]:
    """500 digits, batches of 10 and of 125, as many steps; statistics in inference are exact."""
    return [
        training(**arm, train_rows=ROWS, batch_size=batch, epochs=STEPS * batch // ROWS,
                 evaluate_every=STEPS * batch // ROWS, precise=True, learning_rate=0.001, seed=seed)
        for seed in seeds(size, SEEDS, first=FRESH_SEED)
        for batch in (SMALL, LARGE)
        for arm in ARMS.values()
    ]  # fmt: skip


def figure(results: Results, what: str, splits: Sequence[str], arm: str, batch: int) -> Values:
    """Seed -> loss or accuracy, the mean of some splits; by exact statistics where there are any."""
    chosen = {"options": {}, **ARMS[arm], "batch_size": batch}
    mode = "population" if chosen["batch_norm"] else "moving"
    found = [results.values(f"final_{split}_{what}_{mode}", **chosen) for split in splits]
    return {seed: float(np.mean([values[seed] for values in found])) for seed in found[0]}


def gaps(results: Results, arm: str, batch: int) -> Values:
    """Seed -> held-out loss less training loss."""
    held_out, train = (figure(results, "loss", splits, arm, batch) for splits in (HELD_OUT, ("train",)))
    return {seed: held_out[seed] - train[seed] for seed in train}


def changes(results: Results, arm: str, batch: int) -> tuple[Difference, Difference, Difference]:
    """Of the gap, the held-out loss and the held-out accuracy, against the plain network."""
    pairs = [
        tuple(gaps(results, one, batch) for one in (arm, "none")),
        *(tuple(figure(results, what, HELD_OUT, one, batch) for one in (arm, "none")) for what in ("loss", "accuracy")),
    ]
    gap, loss, accuracy = pairs
    return (
        paired(*gap, margin=MARGIN_NATS, family=FAMILY),
        paired(*loss, margin=MARGIN_NATS, family=FAMILY),
        paired(*accuracy, margin=ACCURACY_MARGIN, family=FAMILY, higher_is_better=True),
    )


def by_batch(results: Results) -> Difference:
    """The gap's change with small batches less that with large ones: below 0 if noise of batches makes it."""
    small, large = (
        {seed: ours[seed] - plain[seed] for seed in ours}
        for ours, plain in ((gaps(results, arm, batch) for arm in (NORMALIZED, "none")) for batch in (SMALL, LARGE))
    )
    return paired(small, large, margin=MARGIN_NATS, family=FAMILY)


def judge(results: Results) -> Verdict:
    """Whether it regularizes with either batch size, and whether small batches do it at least as much."""
    found = {(arm, batch): changes(results, arm, batch) for arm in (NORMALIZED, DROPPED) for batch in (SMALL, LARGE)}
    ours, noise = {batch: found[NORMALIZED, batch] for batch in (SMALL, LARGE)}, by_batch(results)
    asked: list[Asked] = [(noise, "above")]
    held = []
    for gap, loss, accuracy in ours.values():
        held.append(every(holds(gap, "below"), holds_not(loss, "above"), holds_not(accuracy, "below")))
        asked += [(gap, "below"), (loss, "above"), (accuracy, "below")]
    kind, on = combined(*held), "the batch size"
    if kind == "confirmed" and not holds_not(noise, "above"):
        kind = "undecided" if holds_not(noise, "above") is None else "depends"
        on = "what is meant: it regularizes, but less with small batches, whose statistics are noisier"
    told = "; ".join(
        f"with batches of {batch} {_told(found[NORMALIZED, batch])} (dropout 0.5: {_told(found[DROPPED, batch])})"
        for batch in (SMALL, LARGE)
    )
    return Verdict(
        kind=kind,
        on=on_what(kind, on, asked),
        sentence=f"Trained on {ROWS} digits, batch normalization changes the gap between held-out and training loss, "
        f"the held-out loss and the held-out accuracy: {told}. The gap's change with batches of {SMALL} less "
        f"that with {LARGE} is {noise.told('nats', digits=3)}; noise of the batches would make it 0 or less.",
        figures={name: value for key in found for name, value in _changed(*key, *found[key])}
        | {name: value for arm in ARMS for batch in (SMALL, LARGE) for name, value in _reached(results, arm, batch)}
        | {"gap_change_batch_10_less_batch_125_nats": noise.mean, "seeds": noise.pairs},
    )


def _told(found: tuple[Difference, Difference, Difference]) -> str:
    gap, loss, accuracy = found
    return f"by {gap.told('nats', digits=3)}, {loss.told('nats', digits=3)} and {accuracy.told('points', 100)}"


def _changed(arm: str, batch: int, gap: Difference, loss: Difference, accuracy: Difference) -> Iterator[Figure]:
    key = arm.replace(" ", "_")
    yield f"{key}_gap_change_batch_{batch}_nats", gap.mean
    yield f"{key}_held_out_loss_change_batch_{batch}_nats", loss.mean
    yield f"{key}_held_out_accuracy_change_batch_{batch}_points", 100 * accuracy.mean


def _reached(results: Results, arm: str, batch: int) -> Iterator[Figure]:
    """Training and held-out loss and accuracy of an arm, means over seeds."""
    key = "plain" if arm == "none" else arm.replace(" ", "_")
    for name, splits in (("train", ("train",)), ("held_out", HELD_OUT)):
        for what, unit, factor in (("loss", "nats", 1), ("accuracy", "percent", 100)):
            values = figure(results, what, splits, arm, batch)
            yield f"{key}_batch_{batch}_{name}_{what}_{unit}", factor * float(np.mean([*values.values()]))


def picture(results: Results) -> Picture:
    """The changes, with their intervals."""
    found = {
        f"{arm}, batch {batch}": changes(results, arm, batch)[0]
        for arm in (NORMALIZED, DROPPED)
        for batch in (SMALL, LARGE)
    }
    return Picture(
        title="What closes the gap between held-out and training loss",
        caption="Change of the gap in nats against the plain network, with the 95 % interval over seeds; left of 0 the "
        "gap is smaller, which alone is no gain.",
        alternative="; ".join(f"{name}: {one.told('nats', digits=3)}" for name, one in found.items()),
        height_in=0.9 + 0.28 * len(found),
        paint=lambda canvas: draw_differences(canvas, found, 1, "change of the gap, nats"),
    )


CLAIM = Claim(
    id="C19",
    documents=("003",),
    statement="Batch normalization regularizes mildly, as dropout does: the statistics of each batch add noise.",
    experiment=f"Network 000 on {ROWS} digits, Adam 0.001, {STEPS} steps with batches of {SMALL} and {LARGE}: plain, "
    "with batch normalization (exact statistics in inference), and with dropout 0.5; training loss, and loss and "
    "accuracy on the validation and the test digits together, paired by seed.",
    rule="With a batch size it regularizes if the gap between held-out and training loss is smaller by more than "
    f"{MARGIN_NATS:g} nats, the interval beyond 0, while the held-out loss is not higher by more than {MARGIN_NATS:g} "
    f"nats and the held-out accuracy not lower by more than {100 * ACCURACY_MARGIN:g} point, interval included. "
    f"Confirmed if it does with both, and the gap's change with batches of {SMALL} is not smaller than with {LARGE} by "
    f"more than {MARGIN_NATS:g} nats, as noise of the batches would have it; refuted if it does with neither; depends "
    "otherwise.",
    cases=cases,
    judge=judge,
    picture=picture,
    meaning=advice(
        confirmed="You may need less dropout with it.",
        refuted="Do not count on batch normalization against overfitting, and do not look at the gap alone: it also "
        "closes where the network does worse on digits that it has not seen.",
        depends="Do not count on its noise against overfitting: look at held-out loss and accuracy at your batch size.",
    ),
)
