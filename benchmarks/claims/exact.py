"""What the catalogue's exact claims share: who is asked, the worst of them, and what a verdict means."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from benchmarks.cases import Case
from benchmarks.claims.cases import case
from benchmarks.claims.model import Verdict
from benchmarks.claims.results import Missing, Result, Results
from benchmarks.claims.seeds import FIRST_SEED
from bn_impls.registry import describe

DOCUMENTED = ("tf1-layers", "tf1-manual", "keras")
"""The documents' own APIs: ``tf.layers`` (000, 001, 004), the low-level functions (004), and Keras (002)."""
APIS = (*DOCUMENTED, "torch")
WITHIN = 1.0
"""Errors over their rounding bound: up to here rounding explains them."""
DTYPES = ("float32", "float64")

NO_FIGURES = "Nothing follows yet: this run lacks the figures that would decide it."
SOME_SEEDS = (
    "Nothing follows yet but what the intervals above leave out: for a verdict on the whole the seeds are too few."
)


def ask_of(experiment: str, implementations: Iterable[str] = APIS, **parameters: Any) -> list[Case]:
    """The same case for several implementations, each in its usual call style.

    Args:
        experiment: module of :mod:`benchmarks.claims.experiments`.
        implementations: whose workers run it.
        parameters: of the experiment; ``seed`` is the first one unless given.
    """
    return [
        case(experiment, name, style=describe(name).styles[0], **{"seed": FIRST_SEED, **parameters})
        for name in implementations
    ]


def asked_of_apis() -> list[Case]:
    """What several claims want to know of every API; one case an API."""
    return ask_of("asked", questions=["training_uses", "inference_uses", "update_trigger", "start_values"])


def answered(results: Results, **parameters: Any) -> list[Result]:
    """Those with figures; one that is not installed, or does not offer the experiment, is left out.

    Raises:
        Missing: a document's own API has none.
    """
    found = results.select(**parameters)
    for result in found:
        if result.case.implementation in DOCUMENTED and not result.ok:
            raise Missing(result.trouble)
    answers = [result for result in found if result.ok]
    if not answers:
        raise Missing(found[0].trouble if found else f"no case with {parameters}")
    return answers


def names(results: Iterable[Result]) -> str:
    """Their implementations, for a sentence."""
    found = list(dict.fromkeys(result.case.implementation for result in results))
    return " and ".join(filter(None, [", ".join(found[:-1]), *found[-1:]])) or "no API"


def worst(results: Iterable[Result], name: str) -> float:
    """The largest value of a metric, in whichever dtypes an implementation offers it."""
    return max(
        result.number(found)
        for result in results
        for found in (name, *(f"{dtype}_{name}" for dtype in DTYPES))
        if result.record is not None and found in result.record["metrics"]
    )


def advice(
    *, confirmed: str = "", refuted: str = "", depends: str = "", undecided: str = ""
) -> Callable[[Verdict], str]:
    """What a verdict means for you, by its kind.

    Args:
        confirmed: of a verdict of this kind.
        refuted: of this.
        depends: of this.
        undecided: what follows from the parts that are decided, where there are figures.
    """
    told = {
        "confirmed": confirmed,
        "refuted": refuted,
        "depends": depends,
        "undecided": undecided or SOME_SEEDS,
    }
    return lambda verdict: told[verdict.kind] if verdict.figures or verdict.kind != "undecided" else NO_FIGURES
