"""C39, document 004: averages of mean and variance over the whole training set cannot be calculated in practice."""

from __future__ import annotations

import math

import numpy as np

from benchmarks.cases import Case
from benchmarks.claims.cases import DATASET, case
from benchmarks.claims.catalogue import c09_momentum
from benchmarks.claims.document_004 import ONE_CALL
from benchmarks.claims.exact import advice
from benchmarks.claims.judging import Difference, asking, combined, holds, log_ratio, mean_of, needed, paired
from benchmarks.claims.model import Claim, Kind, Picture, Size, Verdict
from benchmarks.claims.painting import Band, panels_of_bands
from benchmarks.claims.results import Array, Results
from benchmarks.claims.seeds import seeds
from benchmarks.networks import recipe

NETWORKS = ("002-notebook", "004")
"""The documents' largest dense network, and the claim's own."""
DECAY = 0.99
"""Document 004's."""
TIME_MARGIN = math.log(1.1)
"""Log ratio of times that does not matter."""
LOSS_MARGIN = c09_momentum.GAP_MARGIN
FAMILY = len(NETWORKS) + 1
MODES = {"moving": "moving averages", "population": "exact statistics"}


def cases(size: Size) -> list[Case]:
    """Trainings of C09 at document 004's decay, and what is timed, alone."""
    trainings = [one for one in c09_momentum.cases(size) if one.parameters["options"] == {"decay": DECAY}]
    timed = [
        case(
            "statistics_cost",
            ONE_CALL,
            ("network", "seed"),
            alone=True,
            **recipe(name).parameters(),
            dataset=recipe(name).dataset_of(DATASET),
            dtype="float32",
            style="session",
            device="cpu",
            seed=seed,
        )
        for seed in seeds(size, 5, 1)
        for name in NETWORKS
    ]
    return [*trainings, *timed]


def cost(results: Results, network: str) -> Difference:
    """Log ratio of the time of all statistics to that of an epoch of training."""
    chosen = {"experiment": "statistics_cost", "network": network}
    statistics, epoch = (results.values(f"{name}_ms", **chosen) for name in ("statistics", "epoch"))
    return mean_of(log_ratio(statistics, epoch).values(), margin=TIME_MARGIN, family=FAMILY)


def loss_change(results: Results) -> Difference:
    """Validation loss with exact statistics less that with moving averages, at the end of the training."""
    moving, exact = (results.values(f"final_validation_loss_{mode}", options={"decay": DECAY}) for mode in MODES)
    return paired(exact, moving, margin=LOSS_MARGIN, family=FAMILY)


def kind_of(costs: list[Difference], change: Difference) -> Kind:
    """By the times; and where they speak against the claim, by whether inference is as good."""
    kind = combined(*(holds(one, "above") for one in costs))
    worse = holds(change, "above")
    if kind != "refuted" or worse is False:
        return kind
    return "depends" if worse else "undecided"


def judge(results: Results) -> Verdict:
    """Time of computing them, and what inference by them is worth."""
    costs, change = {name: cost(results, name) for name in NETWORKS}, loss_change(results)
    kind = kind_of([*costs.values()], change)
    slow = [name for name, one in costs.items() if one.sign == "above"]
    on = {
        "depends": f"the network: {slow[0]} takes longer" if slow else "what they are for: inference by them is worse",
        "undecided": needed(asking("above", (*costs.values(), change))) if kind == "undecided" else "",
    }
    ratio = {name: math.exp(one.mean) for name, one in costs.items()}
    mean = {
        (name, what): float(np.mean([*results.values(what, experiment="statistics_cost", network=name).values()]))
        for name in NETWORKS
        for what in ("statistics_ms", "epoch_ms", "largest_layer_mib")
    }
    told = "; ".join(
        f"of {name}, {mean[name, 'statistics_ms']:.0f} ms, {ratio[name]:.2f} times the {mean[name, 'epoch_ms']:.0f} ms "
        f"of an epoch (its largest layer takes {mean[name, 'largest_layer_mib']:.0f} MiB for all rows)"
        for name in NETWORKS
    )
    return Verdict(
        kind=kind,
        on=on.get(kind, ""),
        sentence=f"The exact statistics of all training rows take, with {ONE_CALL}: {told}. By them instead of by "
        f"moving averages of decay {DECAY:g}, the validation loss of document 001's network after "
        f"{c09_momentum.STEPS[results.size][-1]:,} steps changes by {change.told('nats', digits=4)}.",
        figures={
            **{f"{name}_statistics_over_epoch_time_ratio": value for name, value in ratio.items()},
            **{f"{name}_{what}": value for (name, what), value in mean.items()},
            "exact_less_moving_validation_loss_nats": change.mean,
        },
    )


def picture(results: Results) -> Picture:
    """Validation loss over steps, by either."""

    def curve(name: str) -> Array:
        return results.stack(name, options={"decay": DECAY})[:, 1:]

    steps = curve("evaluated_steps")[0]
    bands = [
        Band(words, steps, curve(f"validation_loss_{mode}"), place, place)
        for place, (mode, words) in enumerate(MODES.items())
    ]
    return Picture(
        title="Inference by moving averages and by exact statistics",
        caption=f"Validation loss in nats of document 001's network, decay {DECAY:g}, the same weights in both; median "
        "and range over seeds.",
        alternative=f"At the end they differ by {loss_change(results).told('nats', digits=4)}.",
        height_in=2.8,
        paint=lambda canvas: panels_of_bands(canvas, {"validation loss": bands}, "step"),
    )


CLAIM = Claim(
    id="C39",
    documents=("004",),
    statement="To calculate the average mean and variance over the whole training set seems infeasible.",
    experiment=f"One pass over all training rows in which each layer is normalized by all of them, against an epoch of "
    f"training: networks {' and '.join(NETWORKS)}, {ONE_CALL}, on 4,000 and 1,444 digits, timed alone, the fastest of "
    f"5 each. What they are worth: C09's trainings at decay {DECAY:g}, validation loss by exact statistics less that "
    "by moving averages on the same weights.",
    rule="Confirmed if the pass takes longer than an epoch by more than 10 %, the interval beyond 0, in both networks; "
    "refuted if in neither, and the loss by exact statistics is not higher by more than "
    f"{LOSS_MARGIN:g} nats; depends if in one network, or if the loss is higher.",
    cases=cases,
    judge=judge,
    picture=picture,
    meaning=advice(
        confirmed="Rely on moving averages, and choose their decay by the number of steps (C09).",
        refuted="It is feasible: compute them in one pass over the training set when training ends (PreciseBN), set "
        "them, and no decay or number of steps matters any more. Moving averages are for looking at every step, where "
        "a pass would be too dear. All rows at once need memory for the largest layer; where that is too much, average "
        "the statistics of some hundred batches.",
        depends="Time one pass over your training set beside one epoch, and compare both losses: what is feasible for "
        "one network need not be for another.",
    ),
)
