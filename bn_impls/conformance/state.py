"""What a layer remembers: a state goes in, comes out again, and is what the next call computes with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bn_impls.conformance.calls import exported
from bn_impls.conformance.model import Check, Failure
from bn_impls.conformance.subject import Subject, drawn_state
from bn_impls.state import CHANNEL_ARRAYS


def _comes_back(subject: Subject) -> Failure | None:
    layer = subject.build()
    state = drawn_state(layer.configuration, np.random.default_rng(30), 7)
    fresh = exported(layer)
    layer.import_state(state)
    found: Mapping[str, Any] = exported(layer)
    given: Mapping[str, Any] = state
    lost = [name for name in CHANNEL_ARRAYS if not np.array_equal(found[name], given[name])]
    if int(found["num_updates"]) != 7:
        lost.append("num_updates")
    if not lost:
        return None
    ignored = all(np.array_equal(found[name], fresh[name]) for name in lost)
    why = "load_state does not set it" if ignored else "load_state sets it to something else"
    name = lost[0]
    return Failure(
        message=f"{', '.join(lost)} did not come back after import_state and export_state: {why}",
        got=str(found[name].tolist()), expected=str(np.asarray(given[name]).tolist()),
        cause="counter_lost" if lost == ["num_updates"] else "state_not_loaded",
    )  # fmt: skip


def _none_before_a_call(subject: Subject) -> Failure | None:
    """Importing must not need a call before, nor exporting."""
    layer = subject.build()
    before, again = exported(layer), exported(layer)
    changed = [name for name, array in before.items() if not np.array_equal(array, again[name])]
    if not changed:
        return None
    name = changed[0]
    return Failure(
        message=f"{name} changed between two exports without a call: export_state should read, nothing more",
        got=str(again[name].tolist()), expected=str(before[name].tolist()), cause="export_changes",
    )  # fmt: skip


CHECKS = (
    Check("state_comes_back", "an imported state is exported again, bit for bit", _comes_back),
    Check("export_changes_nothing", "export_state changes nothing", _none_before_a_call),
)
