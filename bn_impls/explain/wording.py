"""The words for every choice of a batch norm, and the sentences that an explanation is told in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

QUANTITY_WORDS = {
    "output_training": "the training output",
    "output_inference": "the inference output",
    "gradient_input": "the gradient of the input",
    "gradient_gamma": "the gradient of gamma",
    "gradient_beta": "the gradient of beta",
    "moving_mean": "the moving mean",
    "moving_variance": "the moving variance",
}
FIELD_WORDS = {
    "epsilon": "epsilon",
    "epsilon_place": "the place of epsilon",
    "decay": "the decay",
    "decay_weighs": "what the decay weighs",
    "decay_rounding": "rounding the decay to float32",
    "normalizing_ddof": "ddof of the variance that normalizes",
    "moving_ddof": "ddof of the moving variance",
    "moving_of": "what is averaged beside the mean",
    "moving_around": "from which mean the averaged variance is taken",
    "initial_mean": "the start value of the moving mean",
    "initial_variance": "the start value of the moving variance",
    "warm_up": "the warm-up of the moving average",
    "updates": "the number of updates in a training call",
    "inference_updates": "updating the statistics in inference",
    "training_uses": "what normalizes in training",
    "inference_uses": "what normalizes in inference",
    "variance": "how the variance is computed",
    "output": "the form of the output",
    "sums": "the order of the sums",
    "compute_dtype": "the dtype of the computation",
    "accumulation_dtype": "the dtype of the sums",
    "inference_dtype": "the dtype of the computation in inference",
    "gradient_dtype": "the dtype of the computation of the gradients",
    "moving_dtype": "the dtype of the moving statistics",
    "axes": "the axes of the statistics",
    "gamma": "the use of gamma",
    "beta": "the use of beta",
    "swapped": "which of gamma and beta scales",
    "constant": "what the input gradient treats as constant",
    "gradient": "the formula of the input gradient",
    "gamma_in_gradient": "gamma in the input gradient",
    "gamma_gradient_of": "what the gradient of gamma sums",
    "parameter_gradients": "the reduction of the parameter gradients",
}
_DDOF = {0: "divides by n", 1: "divides by n - 1"}
VALUE_WORDS: Mapping[str, Mapping[Any, str]] = {
    "epsilon_place": {
        "inside": "sqrt(variance + epsilon)", "outside": "sqrt(variance) + epsilon",
        "maximum": "sqrt(max(variance, epsilon))", "none": "sqrt(variance)",
        "summed": "sqrt((sum of squares + epsilon) / n)",
    },
    "decay_weighs": {"old": "gives the decay to the old value", "new": "gives the decay to the new value"},
    "decay_rounding": {
        "none": "does not round", "both": "rounds decay and 1 - decay", "complement": "rounds 1 - decay",
    },
    "normalizing_ddof": _DDOF,
    "moving_ddof": _DDOF,
    "moving_of": {"variance": "averages variances", "deviation": "averages standard deviations"},
    "moving_around": {"batch": "from the batch's", "moving": "from the moving one"},
    "warm_up": {
        "never": "keeps the decay constant", "count": "uses min(decay, (1 + t) / (10 + t))",
        "debias": "divides by 1 - decay^t where it is read", "debiased": "keeps the average divided by 1 - decay^t",
        "replace": "takes the first batch's statistics",
    },
    "inference_updates": {False: "does not", True: "does"},
    "training_uses": {
        "batch": "uses the batch's statistics", "before": "uses the moving ones before their update",
        "after": "uses the moving ones after their update",
    },
    "inference_uses": {"moving": "uses the moving statistics", "batch": "uses the batch's statistics"},
    "variance": {
        "two_pass": "in two passes", "one_pass": "in one pass, E[x^2] - E[x]^2",
        "one_pass_clamped": "in one pass, max(E[x^2] - E[x]^2, 0)",
    },
    "output": {"centered": "gamma (x - mean) / s + beta",
               "multiplied_out": "multiplied out, x (gamma / s) + (beta - mean gamma / s)"},
    "sums": {"usual": "as NumPy does", "in_order": "one term after the other"},
    "axes": {
        "configured": "takes the configured axis for the channels", "last": "takes the last axis for the channels",
        "second": "takes the second axis for the channels", "elementwise": "reduces over the batch axis alone",
    },
    "gamma": {"scale": "multiplies by gamma", "plus_one": "multiplies by 1 + gamma",
              "absolute": "multiplies by the absolute value of gamma", "ignored": "ignores gamma"},
    "beta": {"offset": "adds beta", "ignored": "ignores beta"},
    "swapped": {False: "scales by gamma", True: "scales by beta"},
    "constant": {"none": "nothing", "mean": "the mean", "variance": "the variance", "both": "mean and variance"},
    "gradient": {"derived": "the derivative of its own output", "usual": "the usual formula"},
    "gamma_in_gradient": {True: "multiplies by gamma", False: "leaves gamma out"},
    "gamma_gradient_of": {"normalized": "dy xhat", "centered": "dy (x - mean)", "input": "dy x", "output": "dy y"},
    "parameter_gradients": {"sum": "sums", "mean": "averages"},
}  # fmt: skip


def value_words(field: str, value: Any) -> str:
    """A value of a field, as a person says it."""
    known = VALUE_WORDS.get(field, {})
    return known[value] if value in known else f"{value:g}" if isinstance(value, float) else str(value)


SHORT = {
    "compute_dtype": "computation in {}", "accumulation_dtype": "sums in {}", "moving_dtype": "statistics in {}",
    "inference_dtype": "inference in {}", "gradient_dtype": "gradients in {}", "variance": "variance {}",
    "sums": "sums {}", "output": "output {}",
}  # fmt: skip


def choices_words(choices: Mapping[str, Any]) -> str:
    """Choices within rounding in a few words, as in ``computation in float16, statistics in float16``."""
    return ", ".join(SHORT[field].format(value_words(field, value)) for field, value in choices.items())


def size(value: float) -> str:
    """A difference in two digits, as in 3.1e-3."""
    if value in (0.0, float("inf")):
        return f"{value:g}"
    mantissa, _, exponent = f"{value:.1e}".partition("e")
    return f"{mantissa}e{int(exponent)}" if int(exponent) else mantissa


def percent(share: float) -> str:
    """A share in percent, with two digits behind the point where it is nearly all."""
    value = 100 * share
    return f"{value:.2f} %" if 90 <= value < 99.995 else f"{value + 0.0:.0f} %"
