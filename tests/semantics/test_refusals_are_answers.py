"""What an API that raises is said to have answered."""

from __future__ import annotations

from bn_impls.semantics.asking import closest, joined, refused


def test_a_refusal_names_the_error_and_no_folder() -> None:
    """Names of source files stay, folders of this machine and colours go, lines become one."""
    error = ValueError(
        "\x1b[1mno such\x1b[0m thing\n (defined @ /home/me/lib-1.0/x.y/core.py:43)\n\n https://a.b/c.html"
    )
    answer = refused(error)
    assert answer.observed == "refused"
    assert answer.evidence == "ValueError: no such thing (defined @ core.py:43) https://a.b/c.html"
    assert refused(KeyError()).evidence == "KeyError: no message"


def test_a_long_message_is_cut() -> None:
    """Frameworks print pages."""
    assert len(refused(RuntimeError("x" * 5000)).evidence) < 450


def test_places_that_agree_are_one_answer() -> None:
    """Otherwise each answer names its places."""
    assert joined({"rank 2": "n", "rank 4": "n"}) == "n"
    assert joined({"rank 2": "n", "rank 4": "m", "rank 5": "m"}) == "n at rank 2; m at rank 4 and rank 5"


def test_the_closest_candidate_must_be_close() -> None:
    """Within the relative tolerance, and NaN is close to nothing."""
    candidates = {"n": 1.0, "n - 1": 1.2}
    assert closest(1.19999, candidates, 1e-3) == "n - 1"
    assert closest(1.1, candidates, 1e-3) is None
    assert closest(float("nan"), candidates, 1e-3) is None
