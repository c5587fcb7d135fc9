"""What a worker that is killed leaves in its folder for temporary files goes with it."""

from __future__ import annotations

import os
import time
from pathlib import Path

from bn_impls.isolation.process import WorkerProcess

LEAVES = """
import sys, tempfile, time
print(tempfile.NamedTemporaryFile(delete=False).name, file=sys.stderr, flush=True)
time.sleep(600)
"""


def test_the_temporary_files_of_a_worker_lie_beside_its_log_and_go_with_it(tmp_path: Path) -> None:
    """As those of TensorFlow's AutoGraph do, which are removed by a process that ends by itself only."""
    (tmp_path / "leaves.py").write_text(LEAVES)
    log = tmp_path / "log"
    worker = WorkerProcess("leaves", {}, os.environ | {"PYTHONPATH": str(tmp_path)}, log)
    while not log.read_text().endswith("\n") and worker.process.poll() is None:
        time.sleep(0.01)
    left = Path(log.read_text().strip())
    assert left.parent.parent == tmp_path and left.exists()
    worker.close()
    assert not left.parent.exists()
