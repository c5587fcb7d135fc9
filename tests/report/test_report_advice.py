"""The advice for each framework, what yardsticks must not win, and the table at a glance."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benchmarks.report.cautions import cautions
from benchmarks.report.document import Paragraph, Table, plain
from benchmarks.report.drawing import compose
from benchmarks.report.figures.canvas import series
from benchmarks.report.frameworks import CHOICES, choices_of, colour_numbers
from benchmarks.report.markdown import inline
from benchmarks.report.scope import WHICH, title_of
from benchmarks.report.sections import cards
from benchmarks.report.sections.advice import advise, sentence
from benchmarks.report.sections.glance import glance
from benchmarks.report.sections.second_order import second_order, wrong
from benchmarks.report.view import View
from bn_impls.registry import BUILT_IN, Descriptor
from tests.report import synthetic
from tests.report.synthetic import Json, agreement, layer_case, record, throughput

Build = Callable[..., View]
WORK = "training_forward_backward"
MAPS = (8, 7, 7, 5)


def timed(who: str, *values: float, shape: tuple[int, ...] = MAPS) -> list[Json]:
    """An agreement and one pass a round."""
    case = layer_case(shape)
    passes = {(number, 0): value for number, value in enumerate(values)}
    return [agreement(who, case=case), throughput(who, passes, WORK, case)]


def told(view: View) -> dict[str, str]:
    """Framework -> its line."""
    return {one.framework: plain(sentence(one)) for one in advise(view)}


def cells(view: View, who: str) -> dict[str, str]:
    """The row of an implementation in the table at a glance."""
    table = glance(view)
    row = next(row for row in table.rows if row[0].text == who)
    return {column.title: cell.text for column, cell in zip(table.columns, row, strict=True)}


def test_every_implementation_that_can_be_chosen_has_a_framework() -> None:
    """By its own descriptor, and a yardstick has none."""
    assert [one.name for one in BUILT_IN if bool(one.choice_for) == one.yardstick] == []
    assert CHOICES["Keras 3, any backend"] == ["keras", "keras-jax", "keras-torch"]


def test_a_new_framework_needs_nothing_but_its_descriptor() -> None:
    """It comes after those that are there; a second layer of a known one takes its place in that one's order."""
    new = (
        Descriptor(name="mx", framework="MLX", summary="", target="a:B", choice_for=(("MLX", 0),)),
        Descriptor(name="haiku-2", framework="Haiku", summary="", target="a:B", choice_for=(("JAX", 3),)),
    )
    found = choices_of((*new, *BUILT_IN))
    assert list(found) == [*CHOICES, "MLX"] and found["MLX"] == ["mx"]
    assert found["JAX"] == ["flax", "haiku", "keras-jax", "haiku-2"]


def test_the_plain_choice_and_what_is_decidedly_faster(view_of: Build) -> None:
    """tf-keras takes half of keras' time in every round; tf-fused does so in one of three, and is named as unsteady."""
    view = view_of(
        *timed("keras", 200, 202, 198), *timed("tf-keras", 100, 101, 99), *timed("tf-fused", 100, 500, 300),
    )  # fmt: skip
    assert told(view) == {
        "TensorFlow 2": "keras. Faster than keras (graph): to train on maps tf-keras (graph), 2.00 times as fast "
        "(95 % interval 2.00 to 2.00). Not compared, as their speeds are not to be trusted: to train on maps tf-fused."
    }


def test_each_part_of_the_advice_begins_a_line(view_of: Build) -> None:
    """In Markdown, inside the item of a list."""
    view = view_of(*timed("keras", 200, 202, 198), *timed("tf-keras", 100, 101, 99))
    (one,) = advise(view)
    assert inline(sentence(one)).startswith("**keras**.\\\n  Faster than **keras (graph)**: to train on maps ")


def test_an_own_layer_that_loses_state_is_not_the_plain_choice(view_of: Build) -> None:
    """flax loses the optimizer, haiku nothing; and then flax is not recommended at all."""
    lost = synthetic.checkpoint("flax", {"optimizer_step_restored": 0})
    assert told(view_of(agreement("flax"), agreement("haiku"), lost)) == {"JAX": "haiku."}


def test_the_most_harmful_is_what_to_beware_of(view_of: Build) -> None:
    """A checkpoint that loses something comes before a variance over n - 1."""
    over_less = agreement("torch", case={"ddof": 1})
    lost = synthetic.checkpoint("torch", {"optimizer_step_restored": 0})
    assert told(view_of(over_less, agreement("keras")))["PyTorch"] == (
        "torch. Beware of torch: a moving variance over n - 1 (3 % larger at 32 values a channel, less at more), where "
        "1 other divides by n."
    )
    assert told(view_of(over_less, agreement("keras"), lost))["PyTorch"] == (
        "torch. Beware of torch: no optimizer from a checkpoint."
    )


def test_yardsticks_and_what_cannot_train_are_not_called_most_accurate(view_of: Build) -> None:
    """The kernel and the inference engine have the smallest errors, and a is named."""
    inference = agreement("engine", 0.1)
    gradients = [key for key in inference["metrics"] if key.startswith("gradient_")]
    inference["metrics"] = {key: value for key, value in inference["metrics"].items() if key not in gradients}
    records = (agreement("kernel", 0.1), inference, agreement("a", 0.5))
    view = view_of(*records, synthetic.checkpoint("kernel"), synthetic.checkpoint("a"),
                   settings={"yardsticks": ["kernel"]})  # fmt: skip
    found = {card.use: card for card in cards.build(view).items}
    assert plain(found["Most accurate"].choice) == "a"
    assert plain(found["Most accurate"].evidence).startswith(
        "Worst error of outputs, gradients and moving statistics in float32"
    )
    assert "Left out: engine (cannot train)." in plain(found["Most accurate"].evidence)
    assert plain(found["Restores everything"].choice) == "a"


def test_a_wrong_second_order_gradient_has_a_column_of_its_own(view_of: Build) -> None:
    """Agreement stays a yes, and this is a no beside it."""
    case = layer_case() | {"gradients": "second_order"}
    wrong = record("agreement", "a", case, "disagrees", reason="second order")
    row = cells(view_of(agreement("a"), wrong), "a")
    assert (row["Agrees"], row["Second-order gradients"]) == ("✓ 1 case", "✗ wrong on dense inputs")


def test_who_does_right_what_the_plain_choice_does_wrong_is_named(view_of: Build) -> None:
    """tf-fused on all that was asked; tf-keras is right on maps alone."""
    second = [
        graded("keras", (7, 5), "disagrees"), graded("keras", MAPS, "disagrees"),
        graded("tf-keras", (7, 5), "disagrees"), graded("tf-keras", MAPS, "ok"),
        graded("tf-fused", (7, 5), "ok"), graded("tf-fused", MAPS, "ok"),
    ]  # fmt: skip
    found = told(view_of(*(agreement(who) for who in ("keras", "tf-keras", "tf-fused")), *second))
    assert found["TensorFlow 2"] == (
        "keras. Beware of keras: wrong second-order gradients everywhere, which gradient penalties need (right in "
        "tf-fused)."
    )


def graded(who: str, shape: tuple[int, ...], status: str) -> Json:
    """A case of second-order gradients."""
    return record("agreement", who, layer_case(shape) | {"gradients": "second_order"}, status)


def test_what_holds_on_one_kind_of_inputs_is_said_of_that_kind(view_of: Build) -> None:
    """keras is wrong everywhere; tf-keras on dense inputs alone, so that its maps are recommended without a word of
    it, and with n - 1, which it divides by on maps."""
    second = [
        graded("keras", (7, 5), "disagrees"), graded("keras", MAPS, "disagrees"),
        graded("tf-keras", (7, 5), "disagrees"), graded("tf-keras", MAPS, "ok"),
    ]  # fmt: skip
    over = [agreement("tf-keras", case=layer_case(shape) | {"ddof": ddof}) for shape, ddof in (((7, 5), 0), (MAPS, 1))]
    view = view_of(*timed("keras", 200, 202, 198), *timed("tf-keras", 100, 101, 99)[1:], *over, *second)
    assert told(view)["TensorFlow 2"].split(". Beware", 1)[1] == (
        " of keras: wrong second-order gradients everywhere, which gradient penalties need. "
        "Beware of tf-keras: a moving variance over n - 1 on maps (3 % larger at 32 values a channel, less at more), "
        "where 1 other divides by n."
    )
    assert cautions(view, "tf-keras", ["dense inputs"]) == [
        "wrong second-order gradients on dense inputs, which gradient penalties need"
    ]
    assert cautions(view, "tf-keras", []) == []  # inference needs neither
    assert cautions(view, "tf-keras", ["dense inputs"], ["keras", "tf-keras"]) == cautions(
        view, "tf-keras", ["dense inputs"]
    )  # keras is wrong there too
    assert [plain(one) for one in wrong(view)] == [
        "Second-order gradients of keras are wrong everywhere.",
        "Second-order gradients of tf-keras are wrong on dense inputs, and right on maps.",
    ]
    table = second_order(view)[-1]
    assert isinstance(table, Table)
    rows = [[cell.text for cell in row[:3]] for row in table.rows]
    assert rows == [
        ["keras", "dense inputs", "wrong"], ["keras", "maps", "wrong"],
        ["tf-keras", "dense inputs", "wrong"], ["tf-keras", "maps", "agrees"],
    ]  # fmt: skip


def test_a_training_without_batch_normalization_is_not_held_against_an_implementation(
    view_of: Build, tmp_path: Path
) -> None:
    """It split there alone."""
    arrays = {"step_loss": [1.0] * 3}
    view = view_of(
        synthetic.convergence("a", tmp_path / "run", arrays),
        synthetic.convergence("a", tmp_path / "run", arrays, 1, batch_norm=False),
    )
    assert cells(view, "a")["Trains the same"] == "✓"


def test_a_partial_run_has_its_own_title_and_no_empty_section(view_of: Build) -> None:
    """Agreement alone, of two and of one."""
    report = compose(view_of(agreement("a"), agreement("b")))
    assert report.heading == "Do they compute the same?"
    assert [section.key for section in report.sections] == [
        "answer", "agreement", "unmeasured", "environment", "glossary",
    ]  # fmt: skip
    last = report.sections[0].blocks[-1]
    assert isinstance(last, Paragraph)
    assert plain(last.text).startswith("Not measured in this run: throughput, ")
    assert title_of(view_of(agreement("a"))) == "How good is a?"
    assert title_of(view_of(agreement("a"), agreement("b"), synthetic.checkpoint("a"))) == WHICH


def test_more_implementations_than_colours_share_one_a_framework() -> None:
    """And none shares both colour and marker with another one; eight have a colour each."""
    names = [descriptor.name for descriptor in BUILT_IN]
    numbers = colour_numbers(names)
    looks = {who: series(number) for who, number in numbers.items()}
    assert looks["flax"][0] == looks["haiku"][0] != looks["torch"][0]
    assert looks["numba"][0] == looks["numpy-reference"][0]
    assert len(set(looks.values())) == len(names)
    assert len({series(number)[0] for number in colour_numbers(names[:8]).values()}) == 8
