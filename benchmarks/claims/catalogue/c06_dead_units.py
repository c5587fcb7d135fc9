"""C06, document 000: a shifted input of ReLU kills units; batch normalization prevents it."""

from __future__ import annotations

from functools import partial

import numpy as np

from benchmarks.cases import Case
from benchmarks.claims.judging import combined, every, holds, mean_of, on_what
from benchmarks.claims.model import Claim, Picture, Size, Verdict
from benchmarks.claims.painting import Band, panels_of_bands
from benchmarks.claims.results import Results
from benchmarks.claims.seeds import seeds
from benchmarks.claims.training import training

BIAS = -3.0
KILLED, ALIVE = 0.5, 0.05
"""Share of dead units that counts as killed, and that counts as prevented."""
RATES = (1e-3, 1e-2)
CURVE = "dead_share_batch"


def cases(size: Size) -> list[Case]:
    """Biases at -3, with and without, at two rates."""
    return [
        training(
            batch_norm=batch_norm,
            learning_rate=rate,
            options={"bias": BIAS},
            watch=["dead_units"],
            seed=seed,
        )
        for seed in seeds(size, 5)
        for rate in RATES
        for batch_norm in (True, False)
    ]


def judge(results: Results) -> Verdict:
    """Killed without and prevented with, before and after training."""
    shares = {
        (arm, rate, when): results.stack(CURVE, batch_norm=arm, learning_rate=rate)[:, place]
        for arm in (True, False)
        for rate in RATES
        for when, place in (("start", 0), ("end", -1))
    }
    limits = {True: ALIVE, False: KILLED}
    judged = {key: mean_of([v - limits[key[0]] for v in found], family=len(shares)) for key, found in shares.items()}

    def held(rate: float) -> bool | None:
        return every(
            *(holds(judged[False, rate, when], "above") for when in ("start", "end")),
            *(holds(judged[True, rate, when], "below") for when in ("start", "end")),
        )

    kind = combined(*(held(rate) for rate in RATES))
    mean = {key: 100 * float(found.mean()) for key, found in shares.items()}
    accuracy = {
        arm: 100 * float(np.mean([one.number("final_test_accuracy_moving") for one in results.select(batch_norm=arm)]))
        for arm in (True, False)
    }
    told = "; ".join(
        f"at rate {rate:g}, without {mean[False, rate, 'start']:.0f} % of the units are dead before and "
        f"{mean[False, rate, 'end']:.0f} % after training, with {mean[True, rate, 'start']:.0f} % and "
        f"{mean[True, rate, 'end']:.0f} %"
        for rate in RATES
    )
    return Verdict(
        kind=kind,
        on=on_what(kind, "the learning rate", [(one, "below" if key[0] else "above") for key, one in judged.items()]),
        sentence=f"With biases started at {BIAS:g}: {told}; mean test accuracy {accuracy[False]:.1f} % without and "
        f"{accuracy[True]:.1f} % with.",
        figures={
            **{
                f"dead_{when}_{'with' if arm else 'without'}_at_{rate:g}_percent": value
                for (arm, rate, when), value in mean.items()
            },
            "test_accuracy_with_percent": accuracy[True],
            "test_accuracy_without_percent": accuracy[False],
        },
    )


def picture(results: Results) -> Picture:
    """Share of dead units over training."""

    def bands(rate: float) -> list[Band]:
        stack = partial(results.stack, CURVE, learning_rate=rate)
        epochs = np.arange(stack().shape[1])
        return [
            Band("with batch normalization", epochs, 100 * stack(batch_norm=True), 0, 0),
            Band("without", epochs, 100 * stack(batch_norm=False), 1, 1),
        ]

    last = {arm: 100 * results.stack(CURVE, batch_norm=arm)[:, -1].mean() for arm in (True, False)}
    return Picture(
        title="Dead units over training",
        caption="Hidden units that are 0 on all 4,000 training digits, in %; median and range over seeds.",
        alternative=f"After training {last[False]:.0f} % are dead without and {last[True]:.0f} % with.",
        height_in=2.6,
        paint=lambda canvas: panels_of_bands(
            canvas, {f"learning rate {rate:g}": bands(rate) for rate in RATES}, "epoch"
        ),
    )


def meaning(verdict: Verdict) -> str:
    """Advice."""
    if verdict.kind == "confirmed":
        return (
            "Batch normalization before ReLU makes a bad start of the biases harmless: it subtracts them. Without it, "
            "start biases at 0."
        )
    return "Start biases at 0 in any case; look at the share of dead units before you trust either network."


CLAIM = Claim(
    id="C06",
    documents=("000",),
    statement="If the input of ReLU is shifted below 0 no unit is active; batch normalization prevents it.",
    experiment=f"Network 784-32-32-10 with all biases started at {BIAS:g}, with and without, Adam at two rates, 10 "
    "epochs, paired by seed; hidden units that are 0 on all training digits.",
    rule=f"Confirmed if at both rates more than {100 * KILLED:g} % of the units are dead without, before and after "
    f"training, and fewer than {100 * ALIVE:g} % with, intervals included; refuted if at neither; depends if at one.",
    cases=cases,
    judge=judge,
    meaning=meaning,
    picture=picture,
)
