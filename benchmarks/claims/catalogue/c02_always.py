"""C02, document 000: always use batch normalization."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.cases import Case
from benchmarks.claims.exact import advice
from benchmarks.claims.judging import Difference, asking, holds, on_what, paired
from benchmarks.claims.model import Claim, Kind, Picture, Size, Verdict
from benchmarks.claims.painting import draw_differences
from benchmarks.claims.results import Missing, Results
from benchmarks.claims.seeds import seeds
from benchmarks.claims.training import training

RATES = (1e-3, 1e-2)
SEEDS = 10
"""With 5, the eight simultaneous intervals were 4 points and more to each side."""
MARGIN = 0.01
"""Share of the test digits that does not matter: 5 of 500."""
BATCHES = {2: 3, 8: 3, 32: 3, 256: 20}
"""Batch size -> epochs of 4,000 digits."""
FEW = {100: 100, 300: 60, 1000: 30}
"""Training digits -> epochs, with the document's batch of 32."""
USUAL = {"batch_size": 32, "train_rows": 0, "order": "shuffled"}
CONDITIONS: Mapping[str, Mapping[str, Any]] = {
    **{f"batch {size}": {**USUAL, "batch_size": size, "epochs": epochs} for size, epochs in BATCHES.items()},
    **{f"{rows} digits": {**USUAL, "train_rows": rows, "epochs": epochs} for rows, epochs in FEW.items()},
    "sorted by class": {**USUAL, "order": "sorted", "epochs": 3},
}
FACTORS: Mapping[str, tuple[str, ...]] = {
    "the batch size": tuple(f"batch {size}" for size in BATCHES),
    "the size of the training set": tuple(f"{rows} digits" for rows in FEW),
    "the order of the rows": ("sorted by class",),
}
"""What a condition changes -> the conditions that do."""
LEARNED = 0.5
"""Share of the test digits below which a network has learned too little to be compared; guessing is 0.1."""
QUICK = ("batch 2", "batch 32", "sorted by class")
METRIC = "final_test_accuracy_moving"


def cases(size: Size) -> list[Case]:
    """Every condition at two rates, with and without."""
    return [
        training(batch_norm=batch_norm, learning_rate=rate, seed=seed, **settings)
        for seed in seeds(size, SEEDS)
        for name, settings in CONDITIONS.items()
        if size == "full" or name in QUICK
        for rate in (RATES if size == "full" else RATES[:1])
        for batch_norm in (True, False)
    ]


def best(results: Results, batch_norm: bool, settings: Mapping[str, Any]) -> dict[int, float]:
    """Test accuracy by seed at the rate with the higher mean validation accuracy."""
    rates = {r.parameters["learning_rate"] for r in results.select(batch_norm=batch_norm, **settings)}
    if not rates:
        raise Missing(f"no case with {dict(settings)}")

    def validation(rate: float) -> float:
        found = results.values(
            "final_validation_accuracy_moving", batch_norm=batch_norm, learning_rate=rate, **settings
        )
        return float(np.mean([*found.values()]))

    return results.values(METRIC, batch_norm=batch_norm, learning_rate=max(rates, key=validation), **settings)


def accuracies(results: Results, name: str) -> tuple[float, float]:
    """Mean test accuracy in a condition, with and without."""
    with_it, without = (float(np.mean([*best(results, arm, CONDITIONS[name]).values()])) for arm in (True, False))
    return with_it, without


def gains(results: Results) -> dict[str, Difference]:
    """Condition -> gain of test accuracy with batch normalization, all intervals at once."""
    wanted = [name for name in CONDITIONS if results.size == "full" or name in QUICK]
    return {
        name: paired(
            best(results, True, CONDITIONS[name]),
            best(results, False, CONDITIONS[name]),
            margin=MARGIN,
            family=len(wanted),
            higher_is_better=True,
        )
        for name in wanted
    }


def judge(results: Results) -> Verdict:
    """One condition in which it harms is enough against ``always``."""
    found = gains(results)
    worse = [name for name, gain in found.items() if gain.sign == "below"]
    left = any(holds(gain, "below") is None for gain in found.values())
    kind: Kind = "depends" if worse else "undecided" if left else "confirmed"
    if len(worse) == len(found):
        kind = "refuted"
    reached = {name: accuracies(results, name) for name in found}
    unlearned = {name: shares for name, shares in reached.items() if max(shares) < LEARNED}
    told = "; ".join(
        f"{name} {gain.told('points', 100, 1)}" + (_unlearned(*unlearned[name]) if name in unlearned else "")
        for name, gain in found.items()
    )
    return Verdict(
        kind=kind,
        on=on_what(kind, _on(worse, [*unlearned]) if worse else "", asking("below", found.values())),
        sentence=f"Change of the test accuracy with batch normalization, the rate chosen for each network: {told}.",
        figures={f"gain_{name.replace(' ', '_')}_points": 100 * gain.mean for name, gain in found.items()}
        | {
            f"test_accuracy_{name.replace(' ', '_')}_{word}_percent": 100 * share
            for name, shares in reached.items()
            for word, share in zip(("with", "without"), shares, strict=True)
        },
    )


def _unlearned(with_it: float, without: float) -> str:
    return f" (neither learned: {100 * with_it:.1f} % with, {100 * without:.1f} % without)"


def _on(worse: Sequence[str], unlearned: Sequence[str]) -> str:
    """What changes where it harms, and in which conditions it does."""
    harms = {factor: [_marked(name, unlearned) for name in worse if name in names] for factor, names in FACTORS.items()}
    *first, last = (f"{factor} (worse: {', '.join(names)})" for factor, names in harms.items() if names)
    return f"{', '.join(first)} and {last}" if first else last


def _marked(name: str, unlearned: Sequence[str]) -> str:
    return f"{name}, where neither network learned" if name in unlearned else name


def meaning(verdict: Verdict) -> str:
    """Advice; what few examples cost is told from the figures."""
    costs = {rows: -verdict.figures[f"gain_{rows}_digits_points"] for rows in FEW if f"{rows} digits" in verdict.on}
    few = " and ".join(f"{cost:.1f} points with {rows}" for rows, cost in costs.items())
    return ADVICE(verdict) + (
        f" With few training examples it may cost as well: {few} here, in batches of {USUAL['batch_size']}. Compare on "
        "held-out data."
        if few and verdict.kind == "depends"
        else ""
    )


def picture(results: Results) -> Picture:
    """Gains by condition."""
    found = gains(results)
    return Picture(
        title="What batch normalization changes, by condition",
        caption="Change of the test accuracy in points with the simultaneous 95 % interval over seeds; right of 0 it "
        "helps.",
        alternative="; ".join(f"{name}: {gain.told('points', 100, 1)}" for name, gain in found.items()),
        height_in=0.9 + 0.28 * len(found),
        paint=lambda canvas: draw_differences(canvas, found, 100, "change of test accuracy, points"),
    )


ADVICE = advice(
    confirmed="Nothing tried here speaks against batch normalization as a default.",
    refuted="Leave it out of a network such as this one.",
    depends="Use it where a batch can stand for the data: batches of a few examples, or of one class, have statistics "
    "of their own, which inference does not know. There leave it out, or take a normalization that does not mix "
    "examples (layer or group normalization).",
)

CLAIM = Claim(
    id="C02",
    documents=("000",),
    statement="Always use batch normalization.",
    experiment="Network 784-32-32-10 with and without, paired by seed: batches of 2 to 256, 100 to 1,000 training "
    "digits, and batches sorted by class; each network at the better of the rates 0.001 and 0.01, chosen by validation "
    "accuracy.",
    rule=f"Confirmed if the test accuracy is in no condition lower by more than {100 * MARGIN:g} point and every "
    "interval decides; depends if it is lower in some, whatever the others say, since always means in each; refuted if "
    f"in all. One in which neither network gets {LEARNED:.0%} of the test digits right is marked.",
    cases=cases,
    judge=judge,
    meaning=meaning,
    picture=picture,
)
