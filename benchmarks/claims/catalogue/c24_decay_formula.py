"""C24, document 004: its formula of the decay."""

from __future__ import annotations

from benchmarks.cases import Case
from benchmarks.claims.exact import DTYPES, WITHIN, advice, ask_of
from benchmarks.claims.model import Claim, Size, Verdict
from benchmarks.claims.results import Results

DECAYS = (0.99, 0.999)


def cases(size: Size) -> list[Case]:
    """TensorFlow's average of noise, in both dtypes; those in float32 are C23's."""
    return [
        one
        for decay in DECAYS
        for given in (True, False)
        for dtype in DTYPES
        for one in ask_of("average_decay", ("tf1-manual",), decay=decay, num_updates=given, dtype=dtype)
    ]


def judge(results: Results) -> Verdict:
    """By the error of TensorFlow's average against the formula in float64, over 1,000 updates."""
    answers = {dtype: [results.one(decay=d, num_updates=g, dtype=dtype) for d in DECAYS for g in (True, False)]
               for dtype in DTYPES}  # fmt: skip
    over = {dtype: max(one.number("error_over_bound") for one in found) for dtype, found in answers.items()}
    wide = max(one.number("error_abs") for one in answers["float64"])
    figures = {f"{dtype}_error_over_bound": value for dtype, value in over.items()} | {"float64_error_abs": wide}
    told = (
        f"Over 1,000 updates TensorFlow's average is within {max(over.values()):.2g} of the rounding bound of the "
        "document's formula, with the step given and without, for decay 0.99 and 0.999"
    )
    if max(over.values()) > WITHIN:
        sentence = f"TensorFlow's average is {max(over.values()):.2g} times the rounding bound away from the formula."
        return Verdict(kind="refuted", sentence=sentence, figures=figures)
    sentence = (
        f"{told}. The decay is kept in float32 whatever is averaged, so a float64 average of values near 3 is off by "
        f"up to {wide:.1g}."
    )
    return Verdict(kind="confirmed", sentence=sentence, figures=figures)


CLAIM = Claim(
    id="C24",
    documents=("004",),
    statement="The average moves by decay = min(decay, (1 + step) / (10 + step)) with the step given, and by the decay "
    "itself without it.",
    experiment="TensorFlow's ExponentialMovingAverage of 1,000 random numbers, update by update, beside the formula in "
    "float64.",
    rule="Confirmed if every average is within the rounding bound derived for the formula with a decay in float32, "
    "refuted otherwise.",
    cases=cases,
    judge=judge,
    meaning=advice(
        confirmed="You can compute by hand how long an average remembers. Count the step from 0: the first update then "
        "keeps a tenth of the start value.",
        refuted="Look the decay up in the version of TensorFlow that you use.",
    ),
)
