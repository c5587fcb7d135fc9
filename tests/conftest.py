"""What every test shares."""

from __future__ import annotations

import os

for name in [name for name in os.environ if name.startswith("PYTEST_XDIST_")]:
    del os.environ[name]  # or every pytest that a test starts thinks that it is one of several, and measures nothing
