"""C07, documents 000, 001 and 004: the update operations must be run by hand."""

from __future__ import annotations

import numpy as np

from benchmarks.cases import Case
from benchmarks.claims.cases import case
from benchmarks.claims.exact import advice, answered, asked_of_apis, names
from benchmarks.claims.judging import paired
from benchmarks.claims.model import Claim, Size, Verdict
from benchmarks.claims.results import Results
from benchmarks.claims.seeds import seeds
from bn_impls.registry import describe

TRAINED = "left_out_updates"
SEEDS = 5
BY_HAND = "something that the caller adds"  # the semantics matrix' words
GRAPHS = {"tf1-layers": "bn_impls.tf1_layers", "tf1-manual": "bn_impls.tf1_manual"}
SETTINGS = {
    "network": "000", "batch_norm": True, "dataset": "digits", "epochs": 5, "batch_size": 32, "optimizer": "adam",
    "learning_rate": 0.01, "dtype": "float32", "device": "cpu",
}  # fmt: skip


def cases(size: Size) -> list[Case]:
    """The question to every API; a network trained with its updates and without, in the APIs that leave them out."""
    trainings = [
        case(
            TRAINED, name, ("graph", "seed"), style=describe(name).trainer_styles[0], graph=graph, seed=seed, **SETTINGS
        )
        for name, module in GRAPHS.items()
        for graph in (None, module)
        for seed in seeds(size, SEEDS, 1)
    ]
    return [*asked_of_apis(), *trainings]


def accuracies(results: Results, name: str, graph: str | None, statistics: str) -> dict[int, float]:
    """Seed -> test accuracy of an implementation's trainings."""
    return results.values(f"{statistics}_test_accuracy", experiment=TRAINED, implementation=name, graph=graph)


def judge(results: Results) -> Verdict:
    """By what triggers the update; and what forgetting it costs."""
    found = answered(results, experiment="asked")
    needing = [result for result in found if result.raw("update_trigger") == BY_HAND]
    others = [result for result in found if result not in needing]
    figures: dict[str, float] = {"apis_that_need_it": len(needing), "apis_that_do_not": len(others)}
    told = []
    for name, module in GRAPHS.items():
        changes = {}
        for statistics in ("moving", "batch"):
            arms = {
                words: accuracies(results, name, graph, statistics)
                for words, graph in (("with", None), ("without", module))
            }
            changes[statistics] = paired(arms["without"], arms["with"], higher_is_better=True, family=2 * len(GRAPHS))
            for words, found_accuracies in arms.items():
                key = f"{name.replace('-', '_')}_{words}_updates_{statistics}_accuracy_percent"
                figures[key] = 100 * float(np.mean([*found_accuracies.values()]))
        told.append(f"{name} {changes['moving'].told('points', 100, 1)} in inference and "
                    f"{changes['batch'].told('points', 100, 1)} normalized by the batch")  # fmt: skip
        figures["seeds"] = changes["moving"].pairs
    cost = f"Leaving the updates out of a training changes its test accuracy: {'; '.join(told)}."
    if not others:
        return Verdict(kind="confirmed", sentence=f"All of {names(found)} need it. {cost}", figures=figures)
    if not needing:
        sentence = f"None of {names(found)} needs it: the training call updates by itself."
        return Verdict(kind="refuted", sentence=sentence, figures=figures)
    return Verdict(
        kind="depends",
        on=f"the API: {names(needing)} {'needs' if len(needing) == 1 else 'need'} it, {names(others)} "
        f"{'does' if len(others) == 1 else 'do'} not",
        sentence=f"In {names(needing)} a training call moves no statistic unless its caller runs the updates; in "
        f"{names(others)} the call itself does. {cost}",
        figures=figures,
    )


CLAIM = Claim(
    id="C07",
    documents=("000", "001", "004"),
    statement="The operations that update the moving statistics must be run by hand beside the training operation.",
    experiment="Make each API's training call with nothing beside it and look whether the moving mean moves; train "
    "network 000 on the 8x8 digits in TensorFlow 1 graphs with the updates and with the updates left out, paired by "
    "seed; what that costs is told, and enters no verdict.",
    rule="Confirmed if in every API the training call alone moves no statistic, refuted if it does in every one, "
    "depends otherwise.",
    cases=cases,
    judge=judge,
    meaning=advice(
        confirmed="Always run the updates; forgetting them is silent until you evaluate.",
        refuted="You need not think of the updates.",
        depends="In tf.layers put the training operation under control_dependencies of UPDATE_OPS, and in your own "
        "graph run what the average's apply returned; forgetting it is silent and costs accuracy in inference only. "
        "In Keras, TensorFlow 2 or PyTorch call the layer in training mode and do nothing more.",
    ),
)
