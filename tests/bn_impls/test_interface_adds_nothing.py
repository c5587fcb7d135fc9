"""What the interface hands out is the graph that a user's own code gives, operation for operation."""

from __future__ import annotations

import inspect

import pytest

from benchmarks.costs.interface_cost import MILLISECOND, by_hand, through_the_interface


@pytest.mark.parametrize("name", ["keras", "tf-manual"])
def test_the_graph_is_the_one_that_a_user_writes(name: str) -> None:
    """Types of the operations, in the order of the graph."""
    pytest.importorskip("tensorflow")
    ours = inspect.unwrap(through_the_interface(name, MILLISECOND))
    theirs = by_hand(name, MILLISECOND)
    graphs = [[operation.type for operation in function.graph.get_operations()] for function in (ours, theirs)]
    assert graphs[0] == graphs[1]
    assert "Mean" in graphs[0]
