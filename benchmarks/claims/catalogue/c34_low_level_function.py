"""C34, document 001: the low-level function takes the standard deviation; in testing, the whole set's statistics."""

from __future__ import annotations

from benchmarks.cases import Case
from benchmarks.claims.exact import WITHIN, advice, answered, ask_of, names
from benchmarks.claims.model import Claim, Size, Verdict
from benchmarks.claims.results import Results

SIZE_LIMIT_REL = 0.01
"""How far the output's deviation may be from 1 and still be normalized."""
WHOLE_SHARE = 0.5
"""Share of the set's batches that the average must be as good as, to count as the whole set's."""
DECAY, BATCH_SIZE = 0.9, 250  # document 001's


def cases(size: Size) -> list[Case]:
    """The function itself; and layers fed from a set as large as the document's until their average has settled."""
    population = ask_of("population", decay=DECAY, batch_size=BATCH_SIZE, updates=200)
    return [*ask_of("low_level", ("tf1-manual",)), *population]


def judge(results: Results) -> Verdict:
    """Both halves."""
    function = results.one(experiment="low_level")
    averaged = answered(results, experiment="population")
    low, high = (function.number(f"given_deviation_{end}_output_std") for end in ("smallest", "largest"))
    as_good = max(result.number("batches_as_good") for result in averaged)
    every = averaged[0].number("batches_of_the_set")
    figures = {
        "given_variance_error_over_bound": function.number("given_variance_error_over_bound"),
        "given_deviation_smallest_output_std": low,
        "given_deviation_largest_output_std": high,
        "moving_mean_as_good_as_batches": as_good,
        "batches_expected": (1 + DECAY) / (1 - DECAY),
        "batches_of_the_set": every,
        "moving_mean_error_rms_deviations": averaged[0].number("moving_mean_error_rms_over_deviation"),
        "moving_variance_error_rms_percent": 100 * averaged[0].number("moving_variance_error_rms_rel"),
    }
    takes_deviation = max(abs(low - 1), abs(high - 1)) <= SIZE_LIMIT_REL
    takes_variance = figures["given_variance_error_over_bound"] <= WITHIN
    whole = as_good >= WHOLE_SHARE * every
    what = "is right given the variance; " if takes_variance else "is right given neither; "
    told = (
        f"tf.nn.batch_normalization {what}given the standard deviation it gives outputs of deviation {low:.2f} to "
        f"{high:.2f}. In testing, {names(averaged)} use an average that is as good as {as_good:.0f} batches "
        f"((1 + d) / (1 - d) = {figures['batches_expected']:.0f}) of the set's {every:.0f}."
    )
    if takes_deviation == whole:
        return Verdict(kind="confirmed" if whole else "refuted", sentence=told, figures=figures)
    return Verdict(kind="depends", on="which half is meant", sentence=told, figures=figures)


CLAIM = Claim(
    id="C34",
    documents=("001",),
    statement="The low-level function takes mean and standard deviation; in testing those of the whole training set "
    "are used.",
    experiment="Feed tf.nn.batch_normalization a variance and a standard deviation. Feed layers with decay 0.9 batches "
    "of 250 out of 55,000 fixed rows, and compare their moving statistics with those of all rows.",
    rule=f"The first half holds if given the deviation every output has deviation 1 within {SIZE_LIMIT_REL:g}, the "
    f"second if the moving mean is as good as the mean of at least {WHOLE_SHARE:.0%} of the set's batches. Confirmed "
    "if both hold, refuted if neither, depends otherwise.",
    cases=cases,
    judge=judge,
    meaning=advice(
        confirmed="Use the function as the document says.",
        refuted="Pass the variance: the function takes the root itself, and nothing warns you. What inference uses is "
        "an average of the last batches, about 19 at decay 0.9 and 199 at 0.99; for the training set's own statistics "
        "run it through the trained network once and set them (PreciseBN).",
        depends="One half holds: see the figures.",
    ),
)
