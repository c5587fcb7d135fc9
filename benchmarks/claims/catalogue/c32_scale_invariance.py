"""C32, all documents: batch normalization does not care about the scale of the weights before it."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.cases import Case
from benchmarks.claims.exact import WITHIN, advice, answered, ask_of, names, worst
from benchmarks.claims.model import Claim, Picture, Size, Verdict
from benchmarks.claims.painting import Band, draw_bands, name_bands, panel
from benchmarks.claims.results import Results
from benchmarks.report.figures.canvas import logarithmic

EPSILON = 1e-3
MATTERS_REL = 0.01
"""Change of the output's size by scaled weights that shows."""


def cases(size: Size) -> list[Case]:
    """Scaled weights before each API's layer, without epsilon and with the documents'."""
    return ask_of("scale_invariance", epsilon=EPSILON)


def judge(results: Results) -> Verdict:
    """Exact without epsilon; and where epsilon ends it."""
    found = answered(results)
    output, gradient = (worst(found, f"{part}_difference_over_bound") for part in ("output", "gradient"))
    bitwise = [result for result in found if result.raw("float32_powers_of_two_bitwise")]
    first = found[0]
    scales, sizes = first.curve("scale"), first.curve("output_size")
    smallest = float(sizes[0])
    figures = {
        "output_difference_over_bound": output,
        "gradient_difference_over_bound": gradient,
        "apis_bitwise_for_powers_of_two": len(bitwise),
        "smallest_scale": float(scales[0]),
        "output_size_at_smallest_scale": smallest,
        "gradient_size_at_smallest_scale": first.number("smallest_scale_gradient_size"),
        "variance_below_which_epsilon_shows": EPSILON / ((1 - MATTERS_REL) ** -2 - 1),
    }
    if max(output, gradient) > WITHIN:
        sentence = f"Without epsilon the difference is {max(output, gradient):.2g} times its rounding bound."
        return Verdict(kind="refuted", sentence=sentence, figures=figures)
    told = (
        f"Without epsilon, outputs of {names(found)} for weights scaled by 0.0007 to 1,000 are equal within rounding, "
        "and gradients are smaller by the scale"
    )
    if np.abs(sizes - 1).max() <= MATTERS_REL:
        return Verdict(kind="confirmed", sentence=f"{told}; with epsilon {EPSILON:g} too.", figures=figures)
    return Verdict(
        kind="depends",
        on=f"the variance of the layer's input being far above epsilon (1 % is lost at {50 * EPSILON:.2g} for "
        f"{EPSILON:g})",
        sentence=f"{told}. With epsilon {EPSILON:g}, weights scaled by {scales[0]:g} give outputs of {smallest:.4f} of "
        "the size: the layer is then nearly linear in the weights.",
        figures=figures,
    )


def picture(results: Results) -> Picture:
    """Size of output and gradient over the scale."""
    result = answered(results)[0]
    scales = result.curve("scale")
    bands = [
        Band("output", scales, result.curve("output_size")[None], 0, 0),
        Band("scale times gradient", scales, result.curve("gradient_size")[None], 1, 1),
        Band("closed form for the output", scales, result.curve("output_size_expected")[None], 2, 2),
    ]

    def paint(canvas: Any) -> None:
        axes = canvas.subplots()
        draw_bands(axes, bands)
        logarithmic(axes, "x", [1e-4, 1e-2, 1, 1e2, 1e4])
        logarithmic(axes, "y", [1e-3, 1e-2, 1e-1, 1])
        panel(axes, f"With epsilon {EPSILON:g}", "scale of the weights", "size, over that at scale 1")
        name_bands(canvas, bands)

    return Picture(
        title="Where epsilon ends scale invariance",
        caption="Size of the output, and of the weights' gradient times the scale; inputs of variance about 1 at scale "
        "1. Both are 1 where the layer is scale invariant.",
        alternative=f"Flat at 1 for scales from 1 up, falling in proportion to the scale below 0.03, to "
        f"{result.curve('output_size')[0]:.4f} at 0.0001.",
        height_in=2.6,
        paint=paint,
    )


CLAIM = Claim(
    id="C32",
    documents=("000", "001", "002", "003", "004"),
    statement="BN((aW)u) = BN(Wu), and the gradient for aW is 1/a of that for W.",
    experiment="Scale the weights before a layer by 3/4096 to 1,000 without epsilon (chosen so that the scaling itself "
    f"rounds nothing), in float32 and float64, and by 1e-4 to 1e4 with epsilon {EPSILON:g}.",
    rule="Refuted if output or gradient without epsilon is beyond its derived rounding bound; confirmed if with "
    f"epsilon the output's size also stays within {MATTERS_REL:.0%} for every scale; otherwise it depends.",
    cases=cases,
    judge=judge,
    picture=picture,
    meaning=advice(
        confirmed="The scale of initial weights before batch normalization does not matter to what the layer gives.",
        refuted="Do not count on scale invariance in this library.",
        depends="The scale of the weights before batch normalization does not matter as long as it is not small: with "
        "initial weights such as document 004's N(0, 0.001) the input's variance is far below epsilon, and the choice "
        "of epsilon decides how the network starts. Large weights make small steps, because gradients shrink by 1/a.",
    ),
)
