"""C08, document 001: batch normalization cures vanishing and exploding gradients."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, combinations
from typing import Any

import numpy as np

from benchmarks.cases import Case
from benchmarks.claims.cases import CHEAPEST, DATASET, case
from benchmarks.claims.judging import Difference, asking, combined, every, holds, mean_of, on_what
from benchmarks.claims.model import Claim, Picture, Size, Verdict
from benchmarks.claims.painting import Band, panels_of_bands
from benchmarks.claims.results import Results
from benchmarks.claims.seeds import seeds

DEPTHS = (5, 10, 20, 40)
UNITS = 100
HEALTHY_DECADES = 2.0
"""A ratio of first to last gradient norm within a factor of 100 is healthy."""
HEALTHY_SIZE_DECADES = 4.0
"""So is a gradient norm of the last layer within a factor of 10,000 of 1, for a loss near 2.3 nats."""
STARTS: Mapping[str, Mapping[str, Any]] = {
    "sigmoid, Glorot": {"activation": "sigmoid", "kernels": "glorot"},
    "tanh, Glorot": {"activation": "tanh", "kernels": "glorot"},
    "ReLU, He": {"activation": "relu", "kernels": "he"},
    "ReLU, N(0, 0.05)": {"activation": "relu", "kernels": 0.05},
    "ReLU, N(0, 0.3)": {"activation": "relu", "kernels": 0.3},
}
Key = tuple[str, int]
"""Start and depth of a network."""
ARMS = {True: "with batch normalization", False: "without"}


def options(start: str, depth: int) -> dict[str, Any]:
    """Options of the network of one start and depth."""
    return {"hidden": [UNITS] * depth, **STARTS[start]}


def cases(size: Size) -> list[Case]:
    """Every start at every depth, with and without."""
    return [
        case(
            "gradient_norms",
            CHEAPEST,
            ("batch_norm", "start", "depth", "seed"),
            network="000",
            start=start,
            depth=depth,
            options=options(start, depth),
            batch_norm=batch_norm,
            dataset=DATASET,
            batch_size=250,
            optimizer="sgd",
            learning_rate=0.01,
            seed=seed,
            dtype="float64",
            style="eager",
            device="cpu",
        )
        for seed in seeds(size, 10, 5)
        for start in STARTS
        for depth in DEPTHS
        for batch_norm in ARMS
    ]


def decades(results: Results, metric: str, margin: float, start: str, depth: int, batch_norm: bool) -> Difference:
    """Decimal logarithm of a metric; ``same`` means healthy."""
    found = results.values(metric, start=start, depth=depth, batch_norm=batch_norm)
    floored = [float(np.log10(np.maximum(value, 1e-300))) for value in found.values()]
    return mean_of(floored, margin=margin, family=len(STARTS) * len(DEPTHS) * 2 * 2)


def ratio(results: Results, start: str, depth: int, batch_norm: bool) -> Difference:
    """Of the first gradient norm over the last."""
    return decades(results, "first_over_last", HEALTHY_DECADES, start, depth, batch_norm)


def size(results: Results, start: str, depth: int, batch_norm: bool) -> Difference:
    """Of the last gradient norm itself."""
    return decades(results, "last_norm", HEALTHY_SIZE_DECADES, start, depth, batch_norm)


def healthy(measures: tuple[Difference, Difference]) -> bool | None:
    """Whether ratio and size both are; None where that is undecided."""
    return every(*(holds(one, "same") for one in measures))


def judge(results: Results) -> Verdict:
    """Every sick network must be cured, and no healthy one made sick."""
    keys = [(start, depth) for start in STARTS for depth in DEPTHS]
    found = {(*key, arm): (ratio(results, *key, arm), size(results, *key, arm)) for key in keys for arm in ARMS}
    health = {key: healthy(measures) for key, measures in found.items()}
    sick = [key for key in keys if health[(*key, False)] is False]
    cured = [key for key in sick if health[(*key, True)]]
    not_cured = [key for key in sick if health[(*key, True)] is False]
    harmed = [key for key in keys if health[(*key, False)] and health[(*key, True)] is False]
    fine = [key for key in keys if health[(*key, True)]]
    left = [one for key, measures in found.items() if health[key] is None for one in measures]
    kind = combined(*(True for _ in cured), *(False for _ in (*not_cured, *harmed)))
    if not sick or (left and kind != "depends"):  # what is still open cannot change a depends
        kind = "undecided"
    deepest = {start: found[start, DEPTHS[-1], True][0].mean for start in STARTS}
    worst = max(deepest, key=lambda start: abs(deepest[start]))
    return Verdict(
        kind=kind,
        on=on_what(kind, _on(fine, [*not_cured, *harmed]), asking("same", left))
        if sick
        else "needs networks that are sick without it",
        sentence=f"Of {len(sick)} networks whose gradients vanish or explode without it, batch normalization cures "
        f"{len(cured)} and not {len(not_cured)} ({_told(not_cured)}); of those that are healthy without it, it makes "
        f"sick: {_told(harmed)}. At depth {DEPTHS[-1]} the first layer's gradient norm over the last one's is "
        f"10^{deepest[worst]:.1f} with it ({worst}), and 10^{found[worst, DEPTHS[-1], False][0].mean:.1f} without.",
        figures={
            "networks_sick_without": len(sick),
            "networks_cured": len(cured),
            "networks_harmed": len(harmed),
            **{_figure(start, arm): one[0].mean for (start, depth, arm), one in found.items() if depth == DEPTHS[-1]},
        },
    )


def _figure(start: str, arm: bool) -> str:
    return f"log10_ratio_{start.replace(',', '').replace(' ', '_')}_{'with' if arm else 'without'}"


def _factors(key: Key) -> dict[str, str]:
    """A network's depth, activation and start of the weights."""
    activation, _, start = key[0].partition(", ")
    return {"depth": str(key[1]), "activation": activation, "start of the weights": start}


def _on(fine: Sequence[Key], failed: Sequence[Key]) -> str:
    """On what health with batch normalization depends: the fewest factors that tell the sick from the healthy.

    Of several sets with as few factors, that in which the fewest levels are sick: the one that explains the same with
    less.
    """

    def levels(keys: Iterable[Key], names: tuple[str, ...]) -> set[tuple[str, ...]]:
        return {tuple(_factors(key)[name] for name in names) for key in keys}

    factors = tuple(_factors(failed[0])) if failed else ()
    sets = chain.from_iterable(combinations(factors, count) for count in range(1, len(factors) + 1))
    telling = [names for names in sets if not levels(failed, names) & levels(fine, names)]
    what = min(telling, key=lambda names: (len(names), len(levels(failed, names))), default=factors)
    listed = (f"at depth {depth}: {_starts(failed, depth)}" for depth in sorted({depth for _, depth in failed}))
    return f"{' together with '.join(what)}: sick with it {'; '.join(listed)}"


def _starts(failed: Sequence[Key], depth: int) -> str:
    """``ReLU from He and N(0, 0.3)``: activations, each with the starts of the weights that are sick with it."""
    found = [_factors(key) for key in ((start, depth) for start in STARTS) if key in failed]
    return ", ".join(
        f"{name} from {_list([one['start of the weights'] for one in found if one['activation'] == name])}"
        for name in dict.fromkeys(one["activation"] for one in found)
    )


def _list(names: Sequence[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _told(harmed: list[Key]) -> str:
    return ", ".join(f"{start} at depth {depth}" for start, depth in harmed) or "none"


def picture(results: Results) -> Picture:
    """Ratios over depth."""

    def band(start: str, arm: bool, place: int) -> Band:
        values = [
            [*results.values("first_over_last", start=start, depth=depth, batch_norm=arm).values()] for depth in DEPTHS
        ]
        logs = np.log10(np.maximum(np.array(values).T, 1e-30))
        return Band(start, np.array(DEPTHS), logs, place, place % 4)

    panels = {words: [band(start, arm, place) for place, start in enumerate(STARTS)] for arm, words in ARMS.items()}
    told = "; ".join(
        f"{start}: 10^{ratio(results, start, DEPTHS[-1], False).mean:.1f} without, "
        f"10^{ratio(results, start, DEPTHS[-1], True).mean:.1f} with"
        for start in STARTS
    )
    return Picture(
        title="Gradient norm of the first over the last hidden layer, at the start",
        caption="Decimal logarithm, median and range over seeds; 0 is even, below -2 vanishing, above 2 exploding.",
        alternative=f"At depth {DEPTHS[-1]}: {told}.",
        height_in=3.0,
        paint=lambda canvas: panels_of_bands(canvas, panels, "hidden layers", "log10 of the ratio"),
    )


def meaning(verdict: Verdict) -> str:
    """Advice."""
    if verdict.kind == "confirmed":
        return "Batch normalization repairs a bad start of the weights at any depth tried."
    found = {
        start: verdict.figures[_figure(start, True)] for start in STARTS if _figure(start, True) in verdict.figures
    }
    off, even = (
        ", ".join(f"10^{log:.1f} ({start})" for start, log in found.items() if (abs(log) > HEALTHY_DECADES) is beyond)
        for beyond in (True, False)
    )
    told = f" At depth {DEPTHS[-1]} the first layer's norm over the last one's is {off} with it" if off else ""
    told += (f", but {even}" if even else "") + "." if off else ""
    return (
        f"It evens out gradient norms that the scale of the weights spoils, but not in every network.{told} These are "
        "norms before the first step: they say where a training starts, not whether it gets anywhere. Measure them in "
        "your own network before you rely on it."
    )


CLAIM = Claim(
    id="C08",
    documents=("001",),
    statement="Batch normalization cures vanishing and exploding gradients.",
    experiment="Dense networks of 5 to 40 hidden layers of 100 units from five kinds of initial weights, with and "
    "without; norms of the kernels' gradients for one batch of 250 digits at the start, in float64.",
    rule="A network is sick if the gradient norm of its first full-size hidden kernel over that of its last is beyond "
    "a factor of 100 either way, or the last one beyond a factor of 10,000 of 1, interval included. Confirmed if all "
    "that are sick without are healthy with, and none that is healthy without is sick with; refuted if none is cured; "
    "depends otherwise.",
    cases=cases,
    judge=judge,
    meaning=meaning,
    picture=picture,
)
