"""C21, document 003: a batch of one needs the running statistics."""

from __future__ import annotations

from benchmarks.cases import Case
from benchmarks.claims.exact import WITHIN, advice, answered, ask_of, names, worst
from benchmarks.claims.model import Claim, Size, Verdict
from benchmarks.claims.results import Results


def cases(size: Size) -> list[Case]:
    """One by one and together, in every API."""
    return ask_of("batch_of_one")


def judge(results: Results) -> Verdict:
    """By what training mode gives for one row, and by whether inference cares how rows are batched."""
    found = answered(results)
    refusing = [result for result in found if result.raw("training_refused")]
    others = [result for result in found if result not in refusing]
    constant = worst(others, "training_output_from_beta_over_bound") if others else 0.0
    inference = worst(found, "inference_difference_over_bound")
    figures = {
        "training_output_from_beta_over_bound": constant,
        "inference_difference_over_bound": inference,
        "apis_that_refuse_one_row": len(refusing),
        "one_map_training_output_std": worst(found, "map_training_output_std"),
    }
    refusal = f", and {names(refusing)} refuses it" if refusing else ""
    told = (
        f"In training mode one row comes out as beta, whatever it holds, in {names(others)}{refusal}; by the moving "
        "statistics rows come out the same one by one and together, within rounding. (One map is not one value a "
        "channel: it is normalized by its own positions.)"
    )
    if constant <= WITHIN and inference <= WITHIN:
        return Verdict(kind="confirmed", sentence=told, figures=figures)
    sentence = f"One row in training mode is {constant:.2g} times the bound away from beta; inference one by one "
    sentence += f"differs from inference together by {inference:.2g} of the bound."
    return Verdict(kind="refuted", sentence=sentence, figures=figures)


CLAIM = Claim(
    id="C21",
    documents=("003",),
    statement="To predict for a batch of one, the running statistics are needed.",
    experiment="32 rows one by one and together, in inference; one by one in training mode; one 5x5 map in training "
    "mode.",
    rule="Confirmed if in training mode one row gives beta within its rounding bound, or is refused, in every API, and "
    "inference one by one equals inference together within its bound; refuted otherwise.",
    cases=cases,
    judge=judge,
    meaning=advice(
        confirmed="Predict in inference mode. In training mode a row by itself comes out as a constant, in most APIs "
        "without a word; drop a last training batch of one row.",
        refuted="See the figures before you predict one by one.",
    ),
)
