"""Where the pytest plugin leaves the run in pytest's configuration, for the command line to find."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.harness.session import Session

SESSION = pytest.StashKey[Session]()
RECORDS = pytest.StashKey[dict[str, dict[str, Any]]]()
TROUBLE = pytest.StashKey[list[str]]()
"""What a user can act on and a record does not say, such as a full disk."""
