"""C03, document 000: gamma = sqrt(variance + epsilon) and beta = mean undo the normalization."""

from __future__ import annotations

from benchmarks.cases import Case
from benchmarks.claims.exact import WITHIN, advice, answered, ask_of, names, worst
from benchmarks.claims.model import Claim, Size, Verdict
from benchmarks.claims.results import Results

ELSEWHERE_LIMIT_DEVIATIONS = 0.01
"""Error on another batch, in deviations of the input, that would still count as undone."""
BATCH_SIZES = {"quick": (32,), "full": (32, 250)}


def cases(size: Size) -> list[Case]:
    """The batches of documents 000 and 001."""
    return [one for rows in BATCH_SIZES[size] for one in ask_of("undoing", batch_size=rows)]


def judge(results: Results) -> Verdict:
    """Exact on that batch and in inference with its statistics; elsewhere by how much statistics differ."""
    found = answered(results)
    same, matched = (worst(found, f"{name}_error_over_bound") for name in ("same_batch", "inference_matched"))
    small = [result for result in found if result.parameters["batch_size"] == BATCH_SIZES["quick"][0]]
    other = worst(small, "other_batch_error_rms_over_deviation")
    figures = {
        "same_batch_error_over_bound": same,
        "inference_matched_error_over_bound": matched,
        "other_batch_error_deviations": other,
        "other_batch_expected_error_deviations": small[0].number("other_batch_expected_rms_over_deviation"),
        "implementations": len({result.case.implementation for result in found}),
    }
    if max(same, matched) > WITHIN:
        sentence = f"On the very batch the error is {same:.2g} of the rounding bound, in inference {matched:.2g}."
        return Verdict(kind="refuted", sentence=sentence, figures=figures)
    exact = f"On the batch whose statistics they are, and in inference with the same moving statistics, {names(found)}"
    exact += " give the input back within rounding, in float32 and float64"
    if other <= ELSEWHERE_LIMIT_DEVIATIONS:
        return Verdict(kind="confirmed", sentence=f"{exact}; on other batches too.", figures=figures)
    return Verdict(
        kind="depends",
        on="gamma and beta being those of the very statistics that normalize",
        sentence=f"{exact}; on another batch of 32 the same gamma and beta are off by {other:.2f} deviations (sqrt(3 / "
        f"n) = {figures['other_batch_expected_error_deviations']:.2f} is expected), because that batch has a mean and "
        "a variance of its own.",
        figures=figures,
    )


CLAIM = Claim(
    id="C03",
    documents=("000",),
    statement="With gamma = sqrt(variance + epsilon) and beta = mean, batch normalization gives back its input.",
    experiment="Set both from a batch of inputs with means from -3 to 10 and deviations from 0.1 to 2, and look at the "
    "output for that batch, for another batch, and in inference with the same and with fresh moving statistics; in "
    "float32 and float64.",
    rule=f"Refuted if the error on that batch, or in inference with equal statistics, is beyond its derived rounding "
    f"bound; confirmed if the error on another batch is also at most {ELSEWHERE_LIMIT_DEVIATIONS:g} deviations; "
    "otherwise it depends.",
    cases=cases,
    judge=judge,
    meaning=advice(
        confirmed="A layer can learn to switch its normalization off.",
        refuted="Do not count on gamma and beta to undo a normalization in this library.",
        depends="No constant gamma and beta turn training's batch normalization off: they cancel the average "
        "normalization, and the noise of each batch's own statistics stays. A trained layer can be undone, or folded "
        "into the one before it, in inference only.",
    ),
)
