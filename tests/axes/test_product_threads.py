"""Whoever restores multiplies matrices with as many threads as who saved."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.axes.checkpoint.restoring import restore
from benchmarks.axes.checkpoint.saving import FACTS
from benchmarks.axes.product_threads import product_threads, with_product_threads
from bn_impls.interface import Unsupported

if product_threads() is None:
    pytest.skip("NumPy multiplies with another library than OpenBLAS here", allow_module_level=True)


def test_the_number_holds_inside_and_is_given_back() -> None:
    """Another number outside."""
    with with_product_threads(2):
        with with_product_threads(1):
            assert product_threads() == 1
        assert product_threads() == 2
        with with_product_threads(None):
            assert product_threads() == 2


def test_a_restore_has_the_number_of_who_saved(tmp_path: Path) -> None:
    """From the first byte on: already the object to restore into is built with it."""
    (tmp_path / FACTS).write_text(json.dumps({"formats": {}, "product_threads": 1}))
    seen = []

    def build() -> Unsupported:
        seen.append(product_threads())
        return Unsupported("enough was seen")

    with with_product_threads(2):
        assert restore(build, {"format": "npz"}, tmp_path).status == "unsupported"
    assert seen == [1]
