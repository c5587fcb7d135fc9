"""C36, document 004: an average starts at random; the low-level function takes care of recovering it."""

from __future__ import annotations

from benchmarks.cases import Case
from benchmarks.claims.exact import advice, answered, ask_of, asked_of_apis
from benchmarks.claims.model import Claim, Size, Verdict
from benchmarks.claims.results import Results


def cases(size: Size) -> list[Case]:
    """The questions of the semantics matrix, and the low-level function in a graph."""
    return [*asked_of_apis(), *ask_of("low_level", ("tf1-manual",))]


def judge(results: Results) -> Verdict:
    """Both halves: start values, and variables that the function makes."""
    function = results.one(experiment="low_level")
    starts = {result.case.implementation: result.raw("start_values")
              for result in answered(results, experiment="asked")}  # fmt: skip
    held = function.number("variables_made_by_the_function")
    random = function.number("random_operations")
    zero = max(function.number(f"average_of_{moment}_start") for moment in ("mean", "variance")) == 0
    figures = {
        "random_operations_in_the_graph": random,
        "variables_made_by_tf_nn_batch_normalization": held,
        "average_of_batch_variance_start": function.number("average_of_variance_start"),
        "average_of_a_variable_starts_at_its_value": function.number("average_of_variable_start_is_its_value"),
    }
    listed = "; ".join(f"{name}: {start}" for name, start in starts.items())
    told = (
        f"Start values are constants ({listed}); TensorFlow's average of a tensor starts at "
        f"{figures['average_of_batch_variance_start']:g}, of a variable at that variable's value, and the graph holds "
        f"{random:.0f} random operations. tf.nn.batch_normalization makes {held:.0f} variables: it has nothing to "
        "recover. What a Saver brings back are the average's own variables."
    )
    starts_at_random, recovers = random > 0 or not zero, held > 0
    if starts_at_random == recovers:
        return Verdict(kind="confirmed" if recovers else "refuted", sentence=told, figures=figures)
    return Verdict(kind="depends", on="which half is meant", sentence=told, figures=figures)


CLAIM = Claim(
    id="C36",
    documents=("004",),
    statement="A moving average starts at a random value; tf.nn.batch_normalization probably takes care of recovering "
    "it.",
    experiment="Read the start values of every API and of TensorFlow's average of a tensor and of a variable; look for "
    "random operations and for variables that tf.nn.batch_normalization makes in a graph.",
    rule="The first half holds if the average of a batch's moments does not start at 0 or something in the graph is "
    "random, the second if the function makes a variable. Confirmed if both hold, refuted if neither, depends "
    "otherwise.",
    cases=cases,
    judge=judge,
    meaning=advice(
        confirmed="The document's picture of averages is right.",
        refuted="Know your start values: document 004's averages start at 0, also the variance's, so that inference "
        "before enough updates divides by nearly 0; those of tf.layers and Keras start at mean 0 and variance 1. The "
        "state is in variables that the average made: they are in the checkpoint because Saver() takes every variable.",
        depends="One half holds: see the figures.",
    ),
)
