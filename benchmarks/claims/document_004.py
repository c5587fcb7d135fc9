"""The cases of document 004's checkpoint, which three claims read."""

from __future__ import annotations

from benchmarks.cases import Case
from benchmarks.claims.exact import ask_of
from benchmarks.claims.model import Size
from benchmarks.claims.seeds import seeds


def saved_in(size: Size) -> list[Case]:
    """Its program, saved after 200 steps of its batch of 100, and restored in a fresh process; over seeds."""
    return [
        one
        for seed in seeds(size, full=5, quick=1)
        for one in ask_of(
            "plain_saver", ("tf1-manual",), stages=["save", "restore"], steps=200, batch_size=100, seed=seed
        )
    ]
