"""C35, document 000: during training, mean and variance are taken from moving averages."""

from __future__ import annotations

from benchmarks.cases import Case
from benchmarks.claims.exact import advice, answered, asked_of_apis, names
from benchmarks.claims.model import Claim, Size, Verdict
from benchmarks.claims.results import Results


def cases(size: Size) -> list[Case]:
    """The questions of the semantics matrix, to every API."""
    return asked_of_apis()


def judge(results: Results) -> Verdict:
    """By the statistics that explain the output of a training call."""
    found = answered(results)
    moving = [result for result in found if str(result.raw("training_uses")).startswith("moving")]
    batch = [result for result in found if result.raw("training_uses") == "batch"]
    figures = {"apis_that_use_the_batch": len(batch), "apis_that_use_moving_averages": len(moving)}
    evidence = found[0].raw("training_uses_evidence")
    told = f"Training normalizes by the batch's own mean and variance in {names(batch)} ({evidence})." if batch else ""
    if not moving and batch:
        sentence = f"{told} The moving averages are updated beside it and read in inference only."
        return Verdict(kind="refuted", sentence=sentence, figures=figures)
    if len(moving) == len(found):
        sentence = f"Training normalizes by moving averages in {names(moving)}."
        return Verdict(kind="confirmed", sentence=sentence, figures=figures)
    return Verdict(kind="depends", on="the API", sentence=told or "The APIs differ.", figures=figures)


CLAIM = Claim(
    id="C35",
    documents=("000",),
    statement="During training, mean and variance are computed using moving averages.",
    experiment="Give a layer moving statistics unlike those of a batch, make a training call, and see which statistics "
    "explain its output: the batch's, the moving ones, or the moving ones after the update.",
    rule="Confirmed if in every API moving statistics explain the training output, refuted if in every one the batch's "
    "do, depends otherwise.",
    cases=cases,
    judge=judge,
    meaning=advice(
        confirmed="Training and inference normalize alike.",
        refuted="A network trains on each batch's own statistics and is tested on averages of them: the two are "
        "different functions. Where training looks good and evaluation does not, suspect the averages first.",
        depends="Look up which statistics your API trains on: `bn-bench semantics`.",
    ),
)
