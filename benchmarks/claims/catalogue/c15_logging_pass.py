"""C15, document 002: printing the loss after each step only looks."""

from __future__ import annotations

from benchmarks.cases import Case
from benchmarks.claims.exact import advice, ask_of
from benchmarks.claims.model import Claim, Size, Verdict
from benchmarks.claims.results import Results

COUNT_LIMIT = 0.01
"""Updates a step that may be explained by rounding of the effective decay."""


def cases(size: Size) -> list[Case]:
    """The document's loop, and the same without its printing."""
    return [
        one for logging in (True, False) for one in ask_of("logging_pass", ("keras",), logging=logging, batch_size=128)
    ]


def judge(results: Results) -> Verdict:
    """By the number of updates that one step amounts to."""
    printing, silent = (results.one(logging=logging) for logging in (True, False))
    counts = {name: one.number("updates_per_step") for name, one in (("with", printing), ("without", silent))}
    figures = {
        "updates_per_step_with_logging": counts["with"],
        "updates_per_step_without_logging": counts["without"],
        "effective_decay_with_logging": printing.number("effective_decay_per_step"),
        "layer_decay": printing.number("layer_decay"),
    }
    if abs(counts["with"] - counts["without"]) <= COUNT_LIMIT:
        sentence = f"A step moves the statistics {counts['with']:.2f} times, whether or not its loss is printed."
        return Verdict(kind="confirmed", sentence=sentence, figures=figures)
    return Verdict(
        kind="refuted",
        sentence=f"Its loss_fn runs the network in training mode, so each printed step moves the statistics "
        f"{counts['with']:.2f} times instead of {counts['without']:.2f}: a decay of {figures['layer_decay']:g} acts as "
        f"{figures['effective_decay_with_logging']:.4f} a step. The printed loss is that of the batch just learned, "
        "after its step; the accuracy beside it is computed in inference mode.",
        figures=figures,
    )


CLAIM = Claim(
    id="C15",
    documents=("002",),
    statement="(Implied:) asking for the training loss after each step, to print it, changes nothing.",
    experiment="Run its loop with a learning rate of 0 on one batch, so that the batch's statistics stand still, with "
    "and without its printing, and solve the moving mean for the decay that one step applied.",
    rule=f"Confirmed if the number of updates a step is the same with and without printing within {COUNT_LIMIT:g}, "
    "refuted otherwise.",
    cases=cases,
    judge=judge,
    meaning=advice(
        confirmed="Log as you like.",
        refuted="Print the loss that the training step returned, or evaluate with training=False. A forward pass in "
        "training mode is an update of the moving statistics, whatever you want it for.",
    ),
)
