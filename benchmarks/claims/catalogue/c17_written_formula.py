"""C17, document 003: its written formula is batch normalization."""

from __future__ import annotations

from benchmarks.cases import Case
from benchmarks.claims.exact import WITHIN, advice, answered, ask_of, names, worst
from benchmarks.claims.model import Claim, Size, Verdict
from benchmarks.claims.results import Results

SAME_LIMIT_RMS = 1e-3
"""Root mean square difference, in deviations of the output, that rounding or epsilon could explain."""


def cases(size: Size) -> list[Case]:
    """One batch of the document's shape; Keras also normalizes it by its own LayerNormalization."""
    keras = ask_of("written_formula", ("keras",), keras_layer_normalization=True)
    others = ask_of("written_formula", ("tf1-layers", "tf1-manual", "torch"), keras_layer_normalization=False)
    return [*keras, *others]


def judge(results: Results) -> Verdict:
    """By the distance to batch normalization; and what the formula is instead."""
    found = answered(results)
    batch = min(result.number("batch_norm_difference_rms") for result in found)
    layer = worst(found, "layer_norm_error_over_bound")
    keras = results.one(implementation="keras").number("keras_layer_norm_error_over_bound")
    figures = {
        "difference_from_batch_norm_rms": batch,
        "layer_norm_error_over_bound": layer,
        "keras_layer_normalization_error_over_bound": keras,
    }
    if batch <= SAME_LIMIT_RMS:
        sentence = f"It agrees with {names(found)} within {batch:.1g} (root mean square)."
        return Verdict(kind="confirmed", sentence=sentence, figures=figures)
    what = "It is exactly layer normalization: Keras' LayerNormalization, and each layer fed across, give it within "
    what += "rounding." if max(layer, keras) <= WITHIN else f"{max(layer, keras):.2g} times the rounding bound."
    return Verdict(
        kind="refuted",
        sentence=f"The formula's sums run over the neurons of a layer for one example, not over the examples of a "
        f"batch for one neuron; its output differs from that of {names(found)} by {batch:.2f} (root mean square, where "
        f"the outputs have deviation 1). {what} What it calls sigma is a variance.",
        figures=figures,
    )


CLAIM = Claim(
    id="C17",
    documents=("003",),
    statement="The formula that it writes, with mean and variance over the n_l neurons of a layer, is batch "
    "normalization.",
    experiment="Evaluate the formula in float64 on a batch of 64 examples of 100 units with means and deviations of "
    "their own, and compare with each API's training output, with the same layer fed across, and with Keras' "
    "LayerNormalization.",
    rule=f"Confirmed if it differs from batch normalization by at most {SAME_LIMIT_RMS:g} (root mean square), refuted "
    "otherwise.",
    cases=cases,
    judge=judge,
    meaning=advice(
        confirmed="Implement it as it is written.",
        refuted="Do not implement batch normalization from this formula: average over the batch (and the positions of "
        "a map) for each unit. As written it is layer normalization, which needs no moving statistics and lacks "
        "batch normalization's noise.",
    ),
)
