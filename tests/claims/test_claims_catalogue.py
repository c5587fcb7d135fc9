"""Every claim is complete, and asks for enough."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise

import pytest

from benchmarks.cases import Case
from benchmarks.claims.catalogue import chosen, claims
from benchmarks.claims.catalogue.c05_drift import TO_THE_END
from benchmarks.claims.catalogue.c30_converges_faster import SECOND_CALL
from benchmarks.claims.judging import FEWEST_SEEDS
from benchmarks.claims.model import SIZES, Claim
from benchmarks.claims.running import plan
from benchmarks.claims.seeds import FIRST_SEED
from bn_impls.errors import UnknownName
from bn_impls.registry import descriptors

ALL = [f"C{number:02}" for number in range(1, 37)]
DOCUMENTS = {"000", "001", "002", "003", "004"}

ONE_SEED_IS_ENOUGH = {
    "activations": "nothing is judged by it: it is drawn",
    "asked": "an answer of the API, whatever the values",
    "average_decay": "every update is held to a rounding-error bound for its own values",
    "batch_of_one": "outputs are held to rounding-error bounds for their own values",
    "bias": "differences are held to rounding-error bounds for their own values",
    "epsilon_size": "sizes are held to a closed form of the drawn variance itself",
    "example_images": "nothing is judged by it: it is drawn",
    "logged_training": "nothing is judged by it: it is drawn",
    "logging_pass": "counts updates",
    "low_level": "outputs are held to rounding-error bounds, or are off by factors that the input's variance fixes",
    "network_checkpoint": "a training is compared with itself, restored: the same numbers or others",
    "population": "the closed form (1 + d) / (1 - d) stands beside it, and 19 is judged against a half of 220",
    "scale_invariance": "differences are held to rounding-error bounds for their own values",
    "second_pass": "the same weights in both forms: what differs follows from the order of updates, by factors",
    "undoing": "differences are held to rounding-error bounds for their own values",
    "unused_logits": "reads a graph",
    "written_formula": "differences are held to rounding-error bounds for their own values",
}
"""Experiment -> why its verdict does not hang on chance."""


@pytest.fixture(params=list(claims().values()), ids=list(claims()))
def claim(request: pytest.FixtureRequest) -> Claim:
    """Each claim in turn."""
    found: Claim = request.param
    return found


def test_every_claim_of_the_list_has_a_module_in_its_order() -> None:
    """C01 to C36; further ones follow."""
    assert [*claims()][: len(ALL)] == ALL


def test_a_claim_says_what_it_claims_and_how_it_is_judged(claim: Claim) -> None:
    """Documents, statement, experiment, rule: each a sentence."""
    assert claim.documents and set(claim.documents) <= DOCUMENTS
    for text in (claim.statement, claim.experiment, claim.rule):
        assert len(text) > 20 and text.endswith((".", ".)")), text


def test_cases_are_the_same_at_every_call_and_each_once(claim: Claim) -> None:
    """Or no run could be resumed, and no record found again."""
    for size in SIZES:
        cases = claim.cases(size)
        assert cases == claim.cases(size)
        assert len({case.case_id for case in cases}) == len(cases) > 0
        assert {case.axis for case in cases} == {"claims"}
        assert {case.implementation for case in cases} <= set(descriptors())


def test_where_chance_enters_a_full_run_has_five_seeds(claim: Claim) -> None:
    """Every setting of every experiment, but for those that say above why one seed is enough."""
    settings = Counter(
        (
            case.implementation,
            str(sorted((name, str(value)) for name, value in case.parameters.items() if name != "seed")),
        )
        for case in claim.cases("full")
        if case.parameters["experiment"] not in ONE_SEED_IS_ENOUGH and not told_only(claim, case)
    )
    assert min(settings.values(), default=FEWEST_SEEDS) >= FEWEST_SEEDS


def told_only(claim: Claim, case: Case) -> bool:
    """C30's training whose update is a second call, and C05's to the paper's end: told and drawn, read by no rule."""
    asked = case.parameters.get("options") == SECOND_CALL.options and case.implementation == SECOND_CALL.form
    goes_on = case.parameters.get("epochs") == TO_THE_END
    return (claim.id == "C30" and asked) or (claim.id == "C05" and goes_on)


def test_no_exception_is_left_over() -> None:
    """Each is still an experiment of some claim."""
    asked = {case.parameters["experiment"] for claim in claims().values() for case in claim.cases("full")}
    assert set(ONE_SEED_IS_ENOUGH) <= asked


def test_no_case_has_a_seed_that_rules_were_tried_on(claim: Claim) -> None:
    """Whatever draws has its seed from one place; the one experiment without a seed draws nothing."""
    for size in SIZES:
        for case in claim.cases(size):
            if case.parameters["experiment"] != "unused_logits":
                assert case.parameters["seed"] >= FIRST_SEED, case.case_id


def test_claims_share_runs() -> None:
    """Equal settings are one case, whoever asks for them."""
    every = [case.case_id for claim in claims().values() for case in claim.cases("full")]
    planned = plan(claims().values(), "full")
    assert len(planned) == len(set(every)) <= len(every)
    names = [case.implementation for case in planned]
    assert len([a for a, b in pairwise(names) if a != b]) == len(set(names)) - 1


def test_an_unknown_claim_is_refused_with_those_there_are() -> None:
    """Lower case is taken."""
    assert [claim.id for claim in chosen(["c04", "C01"])] == ["C01", "C04"]
    with pytest.raises(UnknownName, match=re.escape("unknown claim 'C99'")):
        chosen(["C99"])
