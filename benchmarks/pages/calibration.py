"""``docs/calibration.md``: the study's tables, from the published records."""

from __future__ import annotations

import json

from benchmarks.calibration.rendering import markdown
from benchmarks.harness.workers import CHECKOUT

PAGE, PUBLISHED = CHECKOUT / "docs" / "calibration.md", CHECKOUT / "reports" / "calibration" / "calibration.json"
NOTHING = "No study is published yet: `bn-bench calibrate --output reports/calibration` makes one."


def study() -> str:
    """All tables of the study."""
    return markdown(json.loads(PUBLISHED.read_bytes())) if PUBLISHED.exists() else NOTHING


BLOCKS = {"study": study}
