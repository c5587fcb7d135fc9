"""C31, document 004: the update is run in a second pass with isTraining false."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.cases import Case
from benchmarks.claims.cases import case
from benchmarks.claims.exact import advice
from benchmarks.claims.model import Claim, Picture, Size, Verdict
from benchmarks.claims.painting import Band, draw_bands, name_bands, panel
from benchmarks.claims.results import Results
from benchmarks.claims.seeds import FIRST_SEED
from benchmarks.report.figures.canvas import logarithmic

SAME_LOG_RATIO = 0.1
"""Root mean square log ratio of a layer's moving variances that still counts as the same: a tenth."""
SETTINGS = {
    "batch_norm": True, "dataset": "digits", "batch_size": 100, "optimizer": "adam", "learning_rate": 1e-3,
    "dtype": "float32", "device": "cpu", "style": "session", "seed": FIRST_SEED,
}  # fmt: skip
WORDS = {True: "with num_updates", False: "without"}


def cases(size: Size) -> list[Case]:
    """Four hidden layers in either form, with num_updates and without; alone, because a step is timed."""
    return [
        case("second_pass", "tf1-manual", ("num_updates",), num_updates=given, alone=True, **SETTINGS)
        for given in WORDS
    ]


def judge(results: Results) -> Verdict:
    """By the moving variances of the deepest layers after 500 steps."""
    found = {given: results.one(num_updates=given) for given in WORDS}
    apart = {given: float(result.curve("variance_log_ratio")[-1].max()) for given, result in found.items()}
    ratio = np.median([result.number("two_calls_over_one_call_step_time_ratio") for result in found.values()])
    steps = int(found[True].curve("steps")[-1])
    early = found[True].curve("variance_log_ratio")[0]
    figures: dict[str, float] = {
        f"worst_layer_variance_log_ratio_{WORDS[given].replace(' ', '_')}": value for given, value in apart.items()
    }
    for given, result in found.items():
        for form in ("one_call", "two_calls"):
            figures[f"{form}_inference_loss_{WORDS[given].replace(' ', '_')}_nats"] = float(
                result.curve(f"{form}_loss")[-1]
            )
    figures |= {
        "step_time_ratio": float(ratio),
        "batch_statistics_loss_nats": float(found[True].curve("batch_loss")[-1]),
        "after_10_steps_worst_layer_variance_log_ratio_with_num_updates": float(early.max()),
    }
    told = (
        f"On the same trained weights, after {steps} steps, the moving variances of the layer that is furthest off "
        f"differ by a factor of {np.exp(apart[True]):.3g} with num_updates and {np.exp(apart[False]):.2g} without; the "
        f"inference loss of the two-call form is {figures['two_calls_inference_loss_with_num_updates_nats']:.3f} and "
        f"{figures['two_calls_inference_loss_without_nats']:.3f} nats, that of the batch's own statistics "
        f"{figures['batch_statistics_loss_nats']:.3f}. The second call costs {ratio - 1:.0%} of a step."
    )
    good = {given: value <= SAME_LOG_RATIO for given, value in apart.items()}
    if all(good.values()):
        return Verdict(kind="confirmed", sentence=told, figures=figures)
    if not any(good.values()):
        return Verdict(kind="refuted", sentence=told, figures=figures)
    on = "num_updates being given" if good[True] else "num_updates being left out"
    return Verdict(kind="depends", on=on, sentence=told, figures=figures)


def picture(results: Results) -> Picture:
    """Ratio of the moving variances, layer by layer."""
    panels = {}
    for given, words in WORDS.items():
        result = results.one(num_updates=given)
        ratios = np.exp(result.curve("variance_log_ratio"))
        layers = np.arange(1, ratios.shape[1] + 1)
        panels[words] = [
            Band(f"after {int(step)} steps", layers, ratios[n][None], n, n)
            for n, step in enumerate(result.curve("steps"))
        ]
    highest = max(float(band.values.max()) for bands in panels.values() for band in bands)
    top = int(np.ceil(np.log10(highest)))

    def paint(canvas: Any) -> None:
        for axes, (words, bands) in zip(canvas.subplots(1, 2, sharey=True), panels.items(), strict=True):
            draw_bands(axes, bands)
            axes.set_xticks(bands[0].x)
            logarithmic(axes, "y", [10.0**power for power in range(0, top + 1, 2)])
            panel(axes, words, "layer")
        canvas.axes[0].set_ylabel("factor between the variances")
        name_bands(canvas, panels[WORDS[True]])

    return Picture(
        title="Moving variances of the two-call form against the one-call form",
        caption="Typical factor between the two forms' moving variances, by layer: 1 is the same. The weights are the "
        "same in both.",
        alternative=f"The factor grows with depth: up to {highest:.0e} in the deepest layer.",
        height_in=2.8,
        paint=paint,
    )


CLAIM = Claim(
    id="C31",
    documents=("004",),
    statement="The moving averages may be updated in a second session call, with isTraining false.",
    experiment="Four hidden layers of 32 on 8x8 digits, decay 0.99, epsilon 1e-5, batch 100: train the same weights on "
    "the same batches with the update in the training call and in a second one, with and without num_updates; moving "
    "statistics layer by layer after 10, 100 and 500 steps, inference loss, time of a step.",
    rule=f"Confirmed if after 500 steps no layer's moving variances differ by more than {SAME_LOG_RATIO:g} (root mean "
    "square log ratio) with num_updates nor without; refuted if they do in both; depends if in one.",
    cases=cases,
    judge=judge,
    picture=picture,
    meaning=advice(
        confirmed="Either form will do; the one-call form is faster.",
        refuted="Run the update in the training call. In a second one, deeper layers average what inference gives "
        "them, not what training does.",
        depends="Run the update in the training call: it is faster, and every layer averages what it was trained on. "
        "In a call with isTraining false each layer averages what the moving statistics of the layers before make of "
        "the batch; while those still carry their start value of 0, deeper averages explode, and without num_updates "
        "they stay wrong for hundreds of steps.",
    ),
)
