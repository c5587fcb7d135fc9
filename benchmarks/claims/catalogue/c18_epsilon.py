"""C18, document 003: epsilon such as 1e-3 is only for numerical stability."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.cases import Case
from benchmarks.claims.exact import APIS, advice, answered, ask_of, names, worst
from benchmarks.claims.model import Claim, Picture, Size, Verdict
from benchmarks.claims.painting import Band, draw_bands, name_bands, panel
from benchmarks.claims.results import Results
from benchmarks.report.figures.canvas import logarithmic

DOCUMENTS_EPSILON = 1e-3
MATTERS_REL = 0.01
"""Change of the output's size from which epsilon does more than protect a division."""
CLOSED_FORM_LIMIT_REL = 1e-4
"""Beyond this the closed form of :mod:`benchmarks.claims.experiments.epsilon_size` does not explain what was seen."""
SHOWN = (1e-5, 1e-3, 1e-1)


def cases(size: Size) -> list[Case]:
    """All epsilons and variances, in every API."""
    return ask_of("epsilon_size", APIS)


def smallest_variance(epsilon: float) -> float:
    """The variance below which epsilon shrinks the output by more than :data:`MATTERS_REL`."""
    return epsilon / ((1 - MATTERS_REL) ** -2 - 1)


def judge(results: Results) -> Verdict:
    """By the size of the output at the document's epsilon, for input variances from 1e-6 to 1."""
    found = answered(results)
    row = int(np.argmin(np.abs(np.log(found[0].curve("epsilon") / DOCUMENTS_EPSILON))))
    shrunk = 1 - np.min([result.curve("output_std")[row] for result in found], axis=0)
    beyond = shrunk > MATTERS_REL
    limit = smallest_variance(DOCUMENTS_EPSILON)
    off = max(worst(found, f"{part}_deviation_from_closed_form_rel") for part in ("output", "gradient"))
    figures = {
        "variance_below_which_it_matters": limit,
        "output_std_at_variance_1e-6": float(1 - shrunk[0]),
        "output_std_at_variance_1": float(1 - shrunk[-1]),
        "largest_deviation_from_closed_form_rel": off,
    }
    told = (
        f"With epsilon {DOCUMENTS_EPSILON:g} an input of variance 1 comes out with deviation {1 - shrunk[-1]:.4f}, one "
        f"of variance 1e-6 with {1 - shrunk[0]:.3f}, and its gradient shrinks by the same factor"
    )
    if off <= CLOSED_FORM_LIMIT_REL:
        told += f", sqrt(v / (v + epsilon)), in {names(found)}"
    if not beyond.any():
        return Verdict(kind="confirmed", sentence=f"{told}.", figures=figures)
    if beyond.all():
        return Verdict(kind="refuted", sentence=f"{told}.", figures=figures)
    return Verdict(
        kind="depends",
        on=f"the variance of the input: above {limit:.2g} it is, below it is part of the function",
        sentence=f"{told}.",
        figures=figures,
    )


def picture(results: Results) -> Picture:
    """Deviation of the output over the variance of the input."""
    result = answered(results)[0]
    epsilons, variance = result.curve("epsilon"), result.curve("variance")
    bands = [
        Band(f"epsilon {epsilon:g}", variance, result.curve("output_std")[None, np.argmin(np.abs(epsilons - epsilon))],
             number, number)
        for number, epsilon in enumerate(SHOWN)
    ]  # fmt: skip

    def paint(canvas: Any) -> None:
        axes = canvas.subplots()
        draw_bands(axes, bands)
        logarithmic(axes, "x", [1e-6, 1e-4, 1e-2, 1.0])
        panel(axes, "What comes out should have deviation 1", "variance of the input", "deviation of the output")
        name_bands(canvas, bands)

    return Picture(
        title="Epsilon and the size of the output",
        caption="Where the variance of the input is not far above epsilon, the output is smaller than normalized.",
        alternative=f"At epsilon 1e-3 the deviation of the output falls from 1 at variance 1 to "
        f"{float(bands[1].values[0, 0]):.3f} at variance 1e-6.",
        height_in=2.6,
        paint=paint,
    )


CLAIM = Claim(
    id="C18",
    documents=("003",),
    statement="Epsilon, such as 1e-3, only protects against a division by a variance near zero.",
    experiment="Feed inputs of variance 1e-6 to 1 to layers with epsilon 1e-7 to 0.1; measure the deviation of the "
    "output and the size of the input's gradient.",
    rule=f"Confirmed if epsilon {DOCUMENTS_EPSILON:g} changes the output's deviation by at most {MATTERS_REL:.0%} for "
    "every variance tried, refuted if it changes it by more for every one, depends otherwise.",
    cases=cases,
    judge=judge,
    picture=picture,
    meaning=advice(
        confirmed="Any small epsilon will do.",
        refuted="Choose epsilon with care: it sets the size of what the layer gives out.",
        depends="Keep the variance of what you normalize a hundred times above epsilon, or lower epsilon. Small "
        "initial weights, small inputs or a late layer whose units agree make epsilon set the size of output and "
        "gradient. APIs differ in it by a factor of 100 (1e-3 in Keras, 1e-5 in PyTorch): they are then different "
        "functions.",
    ),
)
