"""The process that measures the machine, with the threads and the environment of the run's workers."""

from __future__ import annotations

import sys
from typing import Any

from bn_impls.isolation.serving import serve


class Server:
    """What it can be asked."""

    def do_start(self) -> dict[str, Any]:
        """Nothing is imported before it is asked to measure."""
        return {"status": "ok"}

    def do_measure(self, device: str, threads: int, samples: int) -> dict[str, Any]:
        """Measure one device."""
        from benchmarks.roofline import cpu, gpu

        return gpu.measure(samples) if device == "gpu" else cpu.measure(threads, samples)


if __name__ == "__main__":
    serve(Server(), parent=int(sys.argv[1]))
