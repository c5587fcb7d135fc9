"""C07, documents 000, 001 and 004: the update operations must be run by hand."""

from __future__ import annotations

from benchmarks.cases import Case
from benchmarks.claims.cases import case
from benchmarks.claims.exact import advice, answered, asked_of_apis, names
from benchmarks.claims.model import Claim, Size, Verdict
from benchmarks.claims.results import Results
from benchmarks.claims.seeds import seeds
from bn_impls.registry import describe

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
            "left_out_updates",
            name,
            ("graph",),
            style=describe(name).trainer_styles[0],
            graph=graph,
            seed=seed,
            **SETTINGS,
        )
        for seed in seeds(size, 1, 1)
        for name, module in GRAPHS.items()
        for graph in (None, module)
    ]
    return [*asked_of_apis(), *trainings]


def judge(results: Results) -> Verdict:
    """By what triggers the update; and what forgetting it costs."""
    found = answered(results, experiment="asked")
    needing = [result for result in found if result.raw("update_trigger") == BY_HAND]
    others = [result for result in found if result not in needing]
    figures: dict[str, float] = {"apis_that_need_it": len(needing), "apis_that_do_not": len(others)}
    lost = []
    for name, module in GRAPHS.items():
        for graph, words in ((None, "with"), (module, "without")):
            trained = results.one(experiment="left_out_updates", implementation=name, graph=graph)
            for statistics in ("moving", "batch"):
                key = f"{name.replace('-', '_')}_{words}_updates_{statistics}_accuracy_percent"
                figures[key] = 100 * trained.number(f"{statistics}_test_accuracy")
        key = name.replace("-", "_")
        kept, left = (figures[f"{key}_{words}_updates_moving_accuracy_percent"] for words in ("with", "without"))
        lost.append(f"{name} {kept:.1f} % with the updates and {left:.1f} % without")
    cost = f"Test accuracy of the same trained weights in inference: {'; '.join(lost)}."
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
        f"{names(others)} the call itself does. {cost} The weights do not suffer: normalized by the batch, both are as "
        "accurate as each other.",
        figures=figures,
    )


CLAIM = Claim(
    id="C07",
    documents=("000", "001", "004"),
    statement="The operations that update the moving statistics must be run by hand beside the training operation.",
    experiment="Make each API's training call with nothing beside it and look whether the moving mean moves; train "
    "network 000 on the 8x8 digits in TensorFlow 1 graphs with the updates and with the updates left out.",
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
