"""C09, document 001: a typical momentum of the moving averages is 0.9."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks.cases import Case
from benchmarks.claims.forgetting import EXAMPLE, WAIT
from benchmarks.claims.judging import Difference, asking, combined, every, holds, on_what, paired
from benchmarks.claims.model import Claim, Picture, Size, Verdict
from benchmarks.claims.painting import Band, panels_of_bands
from benchmarks.claims.results import Results
from benchmarks.claims.seeds import seeds
from benchmarks.claims.training import training
from benchmarks.networks import recipe

DECAYS = (0.5, 0.9, 0.99, 0.999)
TYPICAL = 0.9
EVERY = 5
STEPS: Mapping[str, tuple[int, ...]] = {"quick": (80, 400), "full": (80, 400, 1600)}
"""At 16 steps an epoch; 400 are the document's 25 epochs."""
STEPS_OF_EPOCH = 16
BATCH = recipe("001").batch_size
MOST_DRAWN = 2.0
GAP_MARGIN = 0.01
"""Nats by which inference may be worse than with the exact statistics."""


def cases(size: Size) -> list[Case]:
    """Document 001's network with four decays."""
    return [
        training(
            "001",
            options={"decay": decay},
            epochs=STEPS[size][-1] // STEPS_OF_EPOCH,
            evaluate_every=EVERY,
            precise=True,
            watch=["moving_error"],
            seed=seed,
        )
        for seed in seeds(size, 5)
        for decay in DECAYS
    ]


def gap(results: Results, decay: float, steps: int) -> Difference:
    """Validation loss with moving statistics less that with exact ones, after so many steps."""
    found = results.select(options={"decay": decay})

    def at(mode: str) -> dict[int, float]:
        return {int(one.parameters["seed"]): one.at_step(f"validation_loss_{mode}", steps) for one in found}

    return paired(at("moving"), at("population"), margin=GAP_MARGIN, family=len(DECAYS) * len(STEPS[results.size]))


def judge(results: Results) -> Verdict:
    """Is the gap at 0.9 negligible, at every number of steps?"""
    counts = STEPS[results.size]
    gaps = {(decay, steps): gap(results, decay, steps) for decay in DECAYS for steps in counts}
    held = {decay: [holds(gaps[decay, steps], "same") for steps in counts] for decay in DECAYS}
    kind = combined(*held[TYPICAL])
    errors = {
        decay: float(results.stack("moving_variance_error_rel", options={"decay": decay})[:, -1].mean())
        for decay in DECAYS
    }
    told = "; ".join(
        f"decay {decay:g} " + ", ".join(f"{gaps[decay, steps].mean:+.3f} after {steps}" for steps in counts)
        for decay in DECAYS
    )
    off = ", ".join(f"{100 * error:.1f} % ({decay:g})" for decay, error in errors.items())
    left = [gaps[TYPICAL, steps] for steps in counts]
    return Verdict(
        kind=kind,
        on=on_what(kind, "the number of steps", asking("same", left)),
        sentence=f"Nats that inference loses by moving instead of exact statistics, by steps: {told}. After "
        f"{counts[-1]} steps the moving variance is off by a median of {off}. {_others(held)}",
        figures={
            **{f"loss_gap_decay_{d:g}_after_{s}_steps_nats": one.mean for (d, s), one in gaps.items()},
            **{f"moving_variance_error_decay_{d:g}_percent": 100 * error for d, error in errors.items()},
        },
    )


def _others(held: Mapping[float, Sequence[bool | None]]) -> str:
    """Which other decays the same rule would let pass."""
    words = {True: "passed", False: "not passed", None: "left open"}
    found = {
        word: [f"{d:g}" for d in held if d != TYPICAL and every(*held[d]) is is_so] for is_so, word in words.items()
    }
    told = "; ".join(f"{word} by {' and '.join(decays)}" for word, decays in found.items() if decays)
    return f"The same rule asked of the other decays is {told}."


def picture(results: Results) -> Picture:
    """The gap over steps."""

    def band(place: int, decay: float) -> Band:
        chosen = {"decay": decay}
        moving = results.stack("validation_loss_moving", options=chosen)[:, 1:]
        exact = results.stack("validation_loss_population", options=chosen)[:, 1:]
        steps = results.stack("evaluated_steps", options=chosen)[0, 1:]
        return Band(f"decay {decay:g}", steps, np.minimum(moving - exact, MOST_DRAWN), place, place)

    first = STEPS[results.size][0]
    ends = ", ".join(f"{decay:g}: {gap(results, decay, first).mean:+.3f}" for decay in DECAYS)
    panels = {"validation loss, moving less exact statistics": [band(*one) for one in enumerate(DECAYS)]}
    return Picture(
        title="What the decay costs",
        caption=f"Nats; median and range over seeds, document 001's network. Gaps above {MOST_DRAWN:g} are drawn there."
        "",
        alternative=f"Gaps after {first} steps by decay: {ends} nats.",
        height_in=2.8,
        paint=lambda canvas: panels_of_bands(canvas, panels, "step"),
    )


def meaning(verdict: Verdict) -> str:
    """Advice."""
    return (
        f"Choose the decay by the number of steps: {WAIT}. {EXAMPLE}. A small decay averages few batches; what was "
        f"tested are batches of {BATCH} digits, and smaller ones make its averages noisier."
    )


CLAIM = Claim(
    id="C09",
    documents=("001",),
    statement="A typical momentum (decay of the moving averages) is 0.9 (tested: that it is a safe choice at batch "
    f"{BATCH}).",
    experiment="Document 001's network trained for 1,600 steps with decays 0.5 to 0.999; validation loss with the "
    "moving statistics, and with the exact ones of all training digits on the same weights.",
    rule=f"Confirmed if at decay {TYPICAL:g} the gap between the two is within {GAP_MARGIN:g} nats after 80, 400 and "
    "1,600 steps, interval included; refuted if after none; depends if after some.",
    cases=cases,
    judge=judge,
    meaning=meaning,
    picture=picture,
)
