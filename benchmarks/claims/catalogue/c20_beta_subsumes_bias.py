"""C20, document 003: beta subsumes the bias of the layer before."""

from __future__ import annotations

from benchmarks.cases import Case
from benchmarks.claims.exact import WITHIN, advice, answered, ask_of, names, worst
from benchmarks.claims.model import Claim, Size, Verdict
from benchmarks.claims.results import Results

SHIFT_LIMIT_DEVIATIONS = 0.01
"""Shift of an inference output, in deviations, that does not matter."""
PARTS = ("training_difference", "bias_gradient", "inference_followed_difference")


def cases(size: Size) -> list[Case]:
    """A batch with and without a bias of 0.5 added, in every API."""
    return ask_of("bias")


def judge(results: Results) -> Verdict:
    """By output and gradient in training, and by inference whose moving mean has and has not followed."""
    found = answered(results)
    over = {part: worst(found, f"{part}_over_bound") for part in PARTS}
    stale = worst(found, "inference_stale_shift")
    adam = worst(found, "float32_adam_first_step_over_rate")
    figures = {f"{part}_over_bound": value for part, value in over.items()} | {
        "inference_stale_shift_deviations": stale,
        "float32_bias_gradient_abs": worst(found, "float32_bias_gradient_abs"),
        "float32_adam_first_step_over_learning_rate": adam,
    }
    if max(over.values()) > WITHIN:
        part = max(over, key=lambda name: over[name])
        sentence = f"The {part.replace('_', ' ')} is {over[part]:.2g} times its rounding bound in {names(found)}."
        return Verdict(kind="refuted", sentence=sentence, figures=figures)
    told = (
        f"In training a bias of 0.5 changes no output of {names(found)} beyond rounding, and its gradient is rounding "
        "alone; in inference too, once the moving mean has followed"
    )
    if stale <= SHIFT_LIMIT_DEVIATIONS:
        return Verdict(kind="confirmed", sentence=f"{told}.", figures=figures)
    return Verdict(
        kind="depends",
        on="the moving mean having followed the bias",
        sentence=f"{told}. With the moving mean from before the change it shifts inference by {stale:.2f} deviations. "
        f"And the bias does not stand still: Adam turns a gradient of {figures['float32_bias_gradient_abs']:.0e}, "
        f"rounding in float32, into a first step of {adam:.2f} learning rates.",
        figures=figures,
    )


CLAIM = Claim(
    id="C20",
    documents=("003",),
    statement="Beta subsumes the bias of the layer before batch normalization: the two act as one constant.",
    experiment="Add a bias of 0.5 to a batch: difference of the training output, gradient of the bias, and inference "
    "with a moving mean that has followed and one that has not; in float32 and float64.",
    rule="Refuted if the training output, the gradient of the bias, or inference whose moving mean has followed is "
    f"beyond its derived rounding bound; confirmed if inference with the old moving mean also shifts by at most "
    f"{SHIFT_LIMIT_DEVIATIONS:g} deviations; otherwise it depends.",
    cases=cases,
    judge=judge,
    meaning=advice(
        confirmed="Leave the bias out of a layer that is followed by batch normalization.",
        refuted="Keep the bias.",
        depends="Leave the bias out (use_bias=False) of a layer that is followed by batch normalization. It is not "
        "beta that takes it over but the mean that is subtracted; in float32 Adam lets it wander at full learning "
        "rate on rounding noise, and the moving mean then has to follow it.",
    ),
)
