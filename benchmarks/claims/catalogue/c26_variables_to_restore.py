"""C26, document 004: restoring through ``variables_to_restore()`` fails."""

from __future__ import annotations

from benchmarks.claims.document_004 import saved_in
from benchmarks.claims.exact import advice
from benchmarks.claims.model import Claim, Verdict
from benchmarks.claims.results import Results


def judge(results: Results) -> Verdict:
    """By the error, and by the names that it asked for."""
    first = next(iter(results))
    error, working = first.raw("variables_to_restore_error"), first.raw("variables_to_restore_of_nothing_error")
    figures = {
        "names_not_in_checkpoint": first.number("names_not_in_checkpoint"),
        "of_them_averages_of_weights": first.number("names_that_are_averages_of_weights"),
    }
    if error is None:
        return Verdict(kind="refuted", sentence="It restores without an error.", figures=figures)
    way_out = "A plain Saver works, and so does variables_to_restore([])"
    way_out = way_out if working is None else f"A plain Saver works; variables_to_restore([]) gives {working}"
    return Verdict(
        kind="confirmed",
        sentence=f"{error}: it maps every trainable variable to the name of its average, such as "
        f"{first.raw('first_missing_name')}, and {figures['names_not_in_checkpoint']:.0f} of these names are not in "
        f"the checkpoint, because here batch moments are averaged and no weights. {way_out}.",
        figures=figures,
    )


CLAIM = Claim(
    id="C26",
    documents=("004",),
    statement="Restoring through ema.variables_to_restore(), as the class's documentation has it, fails here.",
    experiment="Restore the checkpoint of C25 in a fresh process by a Saver of variables_to_restore(), compare the "
    "names it asks for with those in the file, and try variables_to_restore([]).",
    rule="Confirmed if it raises an error, refuted if it restores.",
    cases=saved_in,
    judge=judge,
    meaning=advice(
        confirmed="variables_to_restore() is for models whose weights are averaged, to load averages in place of "
        "weights. Averages of batch moments are ordinary state: restore everything under its own name.",
        refuted="Both ways of restoring work.",
    ),
)
