"""C07, documents 000, 001 and 004: the update operations must be run by hand."""

from __future__ import annotations

import numpy as np

from benchmarks.cases import Case
from benchmarks.claims.cases import case
from benchmarks.claims.judging import holds, needed, paired
from benchmarks.claims.model import Claim, Picture, Size, Verdict
from benchmarks.claims.painting import Band, panels_of_bands
from benchmarks.claims.results import Results
from benchmarks.claims.seeds import seeds
from benchmarks.claims.training import training

APIS = {"tf1-layers": "session", "tf1-manual": "session", "tf-manual": "eager", "keras": "eager", "tf-keras": "eager"}
"""Implementation -> style; the first two are the documents' APIs, the last two today's."""
UNMOVED, MOVED = 0.01, 0.99
"""Share of the way to the batches' mean: no update at all, and every update."""
NEVER, USUAL = 1.0, 0.9
"""Decays; with decay 1 the statistics keep their start values, as if no update was ever run."""
MARGIN = 0.01
ACCURACY = {mode: f"final_test_accuracy_{mode}" for mode in ("moving", "batch")}


def cases(size: Size) -> list[Case]:
    """The training call alone of five APIs, and trainings with and without updates."""
    calls = [case("forward_only", name, style=style, seed=0) for name, style in APIS.items()]
    trainings = [
        training(options={"decay": decay}, epochs=5, learning_rate=1e-3, seed=seed)
        for seed in seeds(size, 5)
        for decay in (NEVER, USUAL)
    ]
    return calls + trainings


def judge(results: Results) -> Verdict:
    """Which APIs need it; and what happens without."""
    shares = {name: results.one(implementation=name, experiment="forward_only").number("moved_share") for name in APIS}
    by_hand = [name for name, share in shares.items() if share < UNMOVED]
    alone = [name for name, share in shares.items() if share > MOVED]
    loss = paired(
        results.values(ACCURACY["moving"], options={"decay": NEVER}),
        results.values(ACCURACY["moving"], options={"decay": USUAL}),
        margin=MARGIN,
    )
    batch = 100 * float(np.mean([*results.values(ACCURACY["batch"], options={"decay": NEVER}).values()]))
    left_out = 100 * float(np.mean([*results.values(ACCURACY["moving"], options={"decay": NEVER}).values()]))
    harm = holds(loss, "below")
    if by_hand and alone:
        kind, on = "depends", f"the API: by hand with {', '.join(by_hand)}; by itself with {', '.join(alone)}"
    elif harm is None:
        kind, on = "undecided", needed([loss])
    else:
        kind, on = ("confirmed" if by_hand and harm else "refuted"), ""
    told = ", ".join(f"{100 * share:.0f} % ({name})" for name, share in shares.items())
    return Verdict(
        kind=kind,  # type: ignore[arg-type]
        on=on,
        sentence=f"After 200 training calls and nothing else, the moving mean has gone this share of its way: {told}. "
        f"Where the updates are left out, training is as good (test accuracy {batch:.1f} % with the batch's "
        f"statistics) but inference is at {left_out:.1f} %, {loss.told('points', 100, 1)} against a training with "
        "updates.",
        figures={
            **{f"moved_{name.replace('-', '_')}_percent": 100 * share for name, share in shares.items()},
            "test_accuracy_without_updates_percent": left_out,
            "test_accuracy_without_updates_batch_statistics_percent": batch,
            "test_accuracy_loss_points": 100 * loss.mean,
        },
    )


def picture(results: Results) -> Picture:
    """Validation loss with and without updates."""

    def band(name: str, decay: float, mode: str, place: int) -> Band:
        values = results.stack(f"validation_accuracy_{mode}", options={"decay": decay})
        return Band(name, np.arange(values.shape[1]), 100 * values, place, place)

    bands = [
        band("with updates", USUAL, "moving", 0),
        band("without", NEVER, "moving", 1),
        band("without, batch statistics", NEVER, "batch", 2),
    ]
    return Picture(
        title="Training with the updates left out",
        caption="Validation accuracy in % after each epoch, network 000; median and range over seeds.",
        alternative="; ".join(f"{one.name} ends at {np.median(one.values[:, -1]):.1f} %" for one in bands),
        height_in=2.6,
        paint=lambda canvas: panels_of_bands(canvas, {"accuracy, %": bands}, "epoch"),
    )


def meaning(verdict: Verdict) -> str:
    """Advice."""
    return (
        "With the old graph APIs and with hand-written layers, run the updates yourself and test it: training looks "
        "right without them, only inference is wrong. Keras' layer updates itself whenever it is called with "
        "training=True."
    )


CLAIM = Claim(
    id="C07",
    documents=("000", "001", "004"),
    statement="The update operations of the moving averages must be run by hand.",
    experiment="The training call alone, 200 times on one batch, through five APIs: does the moving mean move? And "
    "network 000 trained with decay 1, which is as if no update was ever run, and with decay 0.9.",
    rule="Confirmed if no API moves its statistics by itself and inference without updates is worse by more than "
    f"{100 * MARGIN:g} point; depends if some do; refuted if all do.",
    cases=cases,
    judge=judge,
    meaning=meaning,
    picture=picture,
)
