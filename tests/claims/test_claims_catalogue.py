"""Every claim is complete, and asks for enough."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise

import pytest

from benchmarks.claims.catalogue import chosen, claims
from benchmarks.claims.model import SIZES, Claim
from benchmarks.claims.running import plan
from benchmarks.claims.seeds import FIRST_SEED
from bn_impls.errors import UnknownName
from bn_impls.registry import descriptors

ALL = [f"C{number:02}" for number in range(1, 37)]
DOCUMENTS = {"000", "001", "002", "003", "004"}


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


def test_what_is_random_has_five_pairs_in_a_full_run(claim: Claim) -> None:
    """Every setting of a training is there with at least five seeds."""
    trainings = [case for case in claim.cases("full") if case.parameters["experiment"] == "training"]
    settings = Counter(
        str(sorted((name, str(value)) for name, value in case.parameters.items() if name != "seed"))
        for case in trainings
    )
    assert min(settings.values(), default=5) >= 5


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
