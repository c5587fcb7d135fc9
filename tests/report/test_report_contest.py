"""The answer: who is fastest over all inputs, and when nobody can say."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from benchmarks.report.contest import smallest
from benchmarks.report.document import Card, plain
from benchmarks.report.sections import cards
from benchmarks.report.sections.winners import sentence, winner
from benchmarks.report.view import View
from tests.report.synthetic import Json, agreement, layer_case, throughput

Build = Callable[..., View]
SMALL, LARGE = (32, 32), (256, 256)
WORK = "training_forward_backward"


def timed(who: str, values: tuple[float, ...], shape: tuple[int, ...] = SMALL, style: str = "graph") -> list[Json]:
    """An agreement and one pass a round."""
    case = layer_case(shape, style)
    return [
        agreement(who, case=case),
        throughput(who, {(r, 0): v for r, v in enumerate(values)}, WORK, case),
    ]


def card(view: View, use: str) -> Card:
    """The card whose use begins so."""
    return next(card for card in cards.build(view).items if card.use.startswith(use))


def test_the_fastest_is_named_with_factor_and_interval(view_of: Build) -> None:
    """a takes half of keras' time in every round."""
    view = view_of(*timed("a", (100, 101, 99)), *timed("keras", (200, 202, 198)))
    found = card(view, "Fastest layer to train")
    assert plain(found.choice) == "a (graph)"
    assert plain(found.evidence) == (
        "2.00 times as fast (95 % interval 2.00 to 2.00) as keras (graph), the next "
        "(float32 on cpu, dense 32×32, 3 rounds)."  # noqa: RUF001
    )


def test_a_tie_is_called_a_tie(view_of: Build) -> None:
    """a and keras cross from round to round; b is far behind."""
    view = view_of(*timed("a", (100, 104, 98)), *timed("keras", (101, 99, 102)), *timed("b", (400, 404, 396)))
    found = card(view, "Fastest layer to train")
    assert plain(found.choice) in ("a (graph) and keras (graph)", "keras (graph) and a (graph)")
    assert plain(found.evidence).startswith("They cannot be told apart.")
    assert "as b (graph)" in plain(found.evidence)


def test_rounds_that_differ_are_the_reason_given(view_of: Build) -> None:
    """a is 5 times as fast in one round and half as fast in the next."""
    found = card(view_of(*timed("a", (100, 200)), *timed("keras", (500, 100))), "Fastest layer to train")
    assert (plain(found.choice), found.tone) == ("not decided", "")
    assert plain(found.evidence).startswith(
        "They cannot be told apart: the rounds of this run differ too much. The extremes are a factor of 1.58 apart"
    )


def test_one_round_gives_a_hint_not_a_verdict(view_of: Build) -> None:
    """And the card does not look like a verdict."""
    found = card(view_of(*timed("a", (100,)), *timed("keras", (200,))), "Fastest layer to train")
    assert "in the one round of this run: a hint, no verdict" in plain(found.evidence)
    assert (plain(found.choice), found.tone) == ("not decided", "")


def test_no_evidence_rests_on_what_the_report_distrusts(view_of: Build) -> None:
    """flaky is faster for certain than the one that is left, which has nothing to be compared with."""
    found = card(view_of(*timed("flaky", (10, 11, 30)), *timed("keras", (2000, 2020, 1980))), "Fastest layer to train")
    assert (plain(found.choice), found.tone) == ("not decided", "")
    assert plain(found.evidence) == (
        "Of 2 speeds too few are to be trusted. Speeds not to be trusted (see Environment) are those of flaky (graph)."
    )


def test_no_card_recommends_what_the_report_distrusts(view_of: Build) -> None:
    """flaky is the fastest in each round, and takes three times as long in one as in the others."""
    view = view_of(
        *timed("flaky", (10, 11, 30)), *timed("a", (100, 101, 99)), *timed("keras", (200, 202, 198)),
    )  # fmt: skip
    found = card(view, "Fastest layer to train")
    assert (plain(found.choice), found.tone) == ("a (graph)", "good")
    assert "Speeds not to be trusted (see Environment) are those of flaky (graph)." in plain(found.evidence)
    (contest,) = view.contests(WORK)
    assert contest.entries[contest.best] == ("flaky", "graph")  # the table below still shows what was measured
    told = plain(sentence(winner(view, contest), contest))
    assert told == f"a (graph) is fastest: {plain(found.evidence)}"  # one answer, wherever it is asked


def test_alone_there_is_nothing_to_compare(view_of: Build) -> None:
    """No winner without a loser, and no card; the section says why."""
    view = view_of(*timed("a", (100, 100)))
    assert not [card for card in cards.build(view).items if card.use.startswith("Fastest")]
    (contest,) = view.contests(WORK)
    assert plain(sentence(winner(view, contest), contest)).startswith("a (graph). The only one measured")


def test_the_overall_winner_and_the_inputs_where_it_loses(view_of: Build) -> None:
    """a wins by 4 on the small input and loses by 2 on the large one: by the square root of 2 overall."""
    view = view_of(
        *timed("a", (100, 101, 99)), *timed("keras", (400, 404, 396)),
        *timed("a", (2000, 2020, 1980), LARGE), *timed("keras", (1000, 1010, 990), LARGE),
    )  # fmt: skip
    (contest,) = view.contests(WORK)
    assert contest.entries[contest.best] == ("a", "graph")
    found = contest.verdicts[1 - contest.best]
    assert found is not None
    assert found.ratio == pytest.approx(2**0.5)
    assert "The order depends on the input: on dense 256×256 keras (graph) is 2.00 times as fast" in plain(  # noqa: RUF001
        sentence(winner(view, contest), contest)
    )


def test_small_steps_are_judged_on_the_smallest_input_alone(view_of: Build) -> None:
    """There keras wins, though a is faster overall."""
    view = view_of(
        *timed("a", (200, 202, 198)), *timed("keras", (100, 101, 99)),
        *timed("a", (1000, 1010, 990), LARGE), *timed("keras", (9000, 9090, 8910), LARGE),
    )  # fmt: skip
    (contest,) = view.contests(WORK)
    small = smallest(contest)
    assert small is not None
    assert small.entries[small.best] == ("keras", "graph")
    assert plain(card(view, "Fastest in small steps, dense 32").choice) == "keras (graph)"


def test_a_yardstick_is_shown_and_wins_nothing(view_of: Build) -> None:
    """Nobody would build with it; where nothing else was measured it stands alone."""
    both = *timed("kernel", (10, 10.1, 9.9)), *timed("keras", (200, 202, 198)), *timed("a", (100, 101, 99))
    view = view_of(*both, settings={"yardsticks": ["kernel"]})
    (contest,) = view.contests(WORK)
    assert contest.entries == (("keras", "graph"), ("a", "graph"))
    assert plain(card(view, "Fastest layer to train").choice) == "a (graph)"
    assert [speed.record.implementation for speed in view.speeds.groups[0].published] == ["kernel", "keras", "a"]


def test_a_yardstick_alone_is_compared_with_nothing(view_of: Build) -> None:
    """There is nothing to recommend instead."""
    view = view_of(*timed("kernel", (10, 10.1, 9.9)), settings={"yardsticks": ["kernel"]})
    assert [contest.entries for contest in view.contests(WORK)] == [(("kernel", "graph"),)]


def test_who_lacks_an_input_is_left_out_by_name(view_of: Build) -> None:
    """b was measured on one of two inputs, so its mean over both does not exist."""
    view = view_of(
        *timed("a", (100, 101, 99)), *timed("keras", (200, 202, 198)), *timed("b", (10, 10.1, 9.9)),
        *timed("a", (1000, 1010, 990), LARGE), *timed("keras", (2000, 2020, 1980), LARGE),
    )  # fmt: skip
    (contest,) = view.contests(WORK)
    assert contest.left_out == ((("b", "graph"), 1),)
    assert "Not compared, for want of a published speed on each of these inputs: b (graph)" in plain(
        sentence(winner(view, contest), contest)
    )


def test_one_that_has_more_inputs_than_all_others_does_not_stand_alone(view_of: Build) -> None:
    """The inputs on which the most can be compared are taken."""
    shapes = [(8, 8), (16, 16), (32, 32)]
    rows = [row for shape in shapes for row in timed("a", (100, 100), shape)]
    rows += [row for who in ("b", "c") for shape in shapes[:2] for row in timed(who, (200, 200), shape)]
    (contest,) = view_of(*rows).contests(WORK)
    assert {name for name, _ in contest.entries} == {"a", "b", "c"}
    assert len(contest.groups) == 2


def test_a_withheld_speed_does_not_compete(view_of: Build) -> None:
    """The fastest is wrong, so it is not the fastest."""
    wrong = timed("a", (1, 1, 1))
    wrong[0] |= {"status": "disagrees", "reason": "wrong"}
    found = card(view_of(*wrong, *timed("b", (100, 101, 99)), *timed("keras", (200, 200, 200))), "Fastest layer")
    assert plain(found.choice) == "b (graph)"


def test_devices_and_dtypes_get_cards_of_their_own(view_of: Build) -> None:
    """A GPU's time is no answer for a CPU."""
    rows = []
    for device, factor in (("cpu", 1), ("gpu", 0.1)):
        for who, value in (("a", 100), ("keras", 200)):
            case = layer_case(device=device)
            rows += [
                agreement(who, case=case),
                throughput(who, {(0, 0): value * factor, (1, 0): value * factor}, WORK, case),
            ]
    uses = [card.use for card in cards.build(view_of(*rows)).items if card.use.startswith("Fastest layer")]
    assert uses == ["Fastest layer to train, float32 on cpu", "Fastest layer to train, float32 on gpu"]


def test_nobody_is_faster_than_the_fastest(view_of: Build) -> None:
    """Beside a, b has the smaller median of paired passes; but c is faster than b in two passes of three."""
    passes = {"a": (100, 100, 100), "b": (82, 82, 246), "c": (90, 81, 222)}
    records = []
    for who, values in passes.items():
        case = layer_case(SMALL)
        samples = {(number, place): value for number in range(3) for place, value in enumerate(values)}
        records += [agreement(who, case=case), throughput(who, samples, WORK, case)]
    (contest,) = view_of(*records).contests(WORK)
    beside_a = [np.median(np.log(values) - np.log(passes["a"])) for values in passes.values()]
    assert int(np.argmin(beside_a)) == 1
    assert contest.entries[contest.best][0] == "c"
    assert all(found is None or found.ratio >= 1 for found in contest.verdicts)
    places = {who: place for place, (who, _) in enumerate(contest.entries)}
    assert contest.beside(places["b"], places["c"]) == pytest.approx(np.full(3, np.log(82 / 81)))  # their own median
