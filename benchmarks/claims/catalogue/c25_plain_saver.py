"""C25, document 004: a plain Saver recovers the moving averages."""

from __future__ import annotations

from benchmarks.claims.document_004 import saved_in
from benchmarks.claims.exact import advice
from benchmarks.claims.model import Claim, Verdict
from benchmarks.claims.results import Results


def judge(results: Results) -> Verdict:
    """By every average, bit by bit, in a fresh process."""
    found = list(results)
    counts = {name: sum(result.number(name) for result in found)
              for name in ("averages", "averages_bitwise", "averages_nonzero", "variables", "variables_bitwise",
                           "steps_in_checkpoint")}  # fmt: skip
    told = (
        f"{counts['averages_bitwise']:.0f} of {counts['averages']:.0f} averages and "
        f"{counts['variables_bitwise']:.0f} of {counts['variables']:.0f} variables came back bit by bit"
    )
    if min(counts["averages_bitwise"], counts["averages_nonzero"]) < counts["averages"]:
        return Verdict(kind="refuted", sentence=f"{told}.", figures=counts)
    step = "The step that num_updates needs is not among them: it is a placeholder, and no variable holds it."
    sentence = f"{told}: averages are variables of the graph, and Saver() takes all. "
    return Verdict(
        kind="confirmed", sentence=sentence + ("" if counts["steps_in_checkpoint"] else step), figures=counts
    )


CLAIM = Claim(
    id="C25",
    documents=("004",),
    statement="tf.train.Saver() without arguments saves and recovers the moving averages.",
    experiment="Train document 004's functions on 8x8 digits, save by a plain Saver, restore in a fresh process that "
    "started from other weights, and compare every variable.",
    rule="Confirmed if every moving average (none of them 0) comes back bit by bit, refuted otherwise.",
    cases=saved_in,
    judge=judge,
    meaning=advice(
        confirmed="A plain Saver is enough for inference. To go on training, also store the step that you feed as "
        "num_updates, best as a global_step variable; C27 shows what it costs to lose it.",
        refuted="Save and compare the averages yourself.",
    ),
)
