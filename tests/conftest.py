"""What every test shares."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

for name in [name for name in os.environ if name.startswith("PYTEST_XDIST_")]:
    del os.environ[name]  # or every pytest that a test starts thinks that it is one of several, and measures nothing

# The user's calibrations have no part in a test, and a test none in them.
os.environ["BN_BENCH_CALIBRATIONS"] = str(Path(tempfile.gettempdir()) / f"bn-bench-tests-{os.getpid()}" / "none")
