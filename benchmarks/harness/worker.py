"""The worker process: one implementation, requests in, replies out."""

from __future__ import annotations

import importlib.metadata
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.axes.memory import Settled
from bn_impls.isolation.serving import serve


class Server:
    """What a worker can be asked to do. Each method returns a reply."""

    def __init__(self) -> None:
        """Nothing is imported before ``do_start``."""
        self.prepared: dict[str, Any] = {}
        self.crossing: Any = None
        self.start_costs: dict[str, float] = {}
        self.settled = Settled()

    def do_start(self, specification: str, data_dir: str | None, download: bool) -> dict[str, Any]:
        """Import the implementation (and with it its framework)."""
        from bn_impls.isolation.loading import load_alone

        began = time.perf_counter()
        self.specification, self.implementation = specification, load_alone(specification)
        self.data_dir, self.download = None if data_dir is None else Path(data_dir), download
        versions = {}
        for package in self.implementation.packages:
            try:
                versions[package] = importlib.metadata.version(package)
            except importlib.metadata.PackageNotFoundError:
                versions[package] = "not a distribution"
        import_s = time.perf_counter() - began
        self.start_costs = {"import_s": import_s, "start_cpu_s": time.process_time()}
        self.settled.once_imported()
        return {"status": "ok", "import_s": import_s, "versions": versions}

    def _surroundings(self, scratch: str, shared: str | None = None) -> Any:
        from benchmarks.axes.outcome import Surroundings

        folder = Path(scratch)
        common = folder.parent if shared is None else Path(shared)
        return Surroundings(scratch=folder, shared=common, data_dir=self.data_dir, download=self.download)

    def do_run(
        self, axis: str, stage: str, parameters: dict[str, Any], scratch: str, shared: str | None = None
    ) -> dict[str, Any]:
        """Run one stage of a case of an axis that is not timed pass by pass.

        Args:
            axis: of the case.
            stage: of the axis.
            parameters: of the case.
            scratch: the case's own folder.
            shared: folder of what the workers of a run need in common; None for the one that ``scratch`` lies in.
        """
        from benchmarks.axes import agreement, checkpoint, convergence

        surroundings = self._surroundings(scratch, shared)
        if axis == "checkpoint":
            return self._finish(checkpoint.run_stage(stage, self.implementation, parameters, surroundings), scratch)
        if axis == "claims":
            from benchmarks.claims import experiments

            return self._finish(experiments.run_stage(stage, self.implementation, parameters, surroundings), scratch)
        run = {"agreement": agreement.run, "convergence": convergence.run}[axis]
        return self._finish(run(self.implementation, parameters, surroundings), scratch)

    def do_cross(self, stage: str, parameters: dict[str, Any], folder: str) -> dict[str, Any]:
        """Write what another implementation takes up, or take up what another has written."""
        from benchmarks.axes import own_files
        from benchmarks.axes.crossing import Part

        if "file" in parameters:
            exchange = {"save": own_files.write, "restore": own_files.read}[stage]
            return self._finish(exchange(self.specification, parameters, Path(folder)), folder)
        if self.crossing is None:  # one network for all sources: it takes longer to build than to train
            self.crossing = Part(self.specification, self.implementation, parameters, self._surroundings(folder))
        act = {"save": self.crossing.save, "restore": self.crossing.restore}[stage]
        return self._finish(act(Path(folder)), folder)

    def _finish(self, outcome: Any, scratch: str) -> dict[str, Any]:
        from dataclasses import asdict

        reply = asdict(outcome)
        arrays = reply.pop("arrays")
        if arrays:
            import numpy as np

            np.savez(Path(scratch) / "curves.npz", allow_pickle=False, **arrays)
            reply["curves"] = "curves.npz"
        return reply

    def do_prepare(self, case_id: str, parameters: dict[str, Any], scratch: str) -> dict[str, Any]:
        """Build a case to be timed."""
        from dataclasses import asdict

        from benchmarks.axes import memory, throughput
        from benchmarks.axes.outcome import Outcome

        self.settled.before_a_case()
        before, began = memory.rss_mib(), time.perf_counter()
        prepared = throughput.prepare(self.implementation, parameters, self._surroundings(scratch))
        if isinstance(prepared, Outcome):
            return asdict(prepared)
        prepare_s = time.perf_counter() - began
        self.prepared[case_id] = prepared
        self.settled.once_prepared()
        facts = {**prepared.facts, **self.start_costs, "rss_before_mib": before}
        return {"status": "ok", "facts": facts, "labels": prepared.labels, "prepare_s": prepare_s}

    def do_pass(self, case_id: str, loops: int, count: int) -> dict[str, Any]:
        """Take the samples of one pass."""
        from dataclasses import asdict

        from benchmarks.axes.memory import peak_rss_mib, watched
        from benchmarks.axes.throughput import sample

        prepared = self.prepared[case_id]
        with watched() as growth:
            samples = sample(prepared, loops, count)
        return {
            "status": "ok",
            "loops": loops * prepared.timed.steps,
            "peak_rss_mib": peak_rss_mib(),
            "heap_grown_bytes": growth.heap_bytes,
            "python_blocks_grown": growth.python_blocks,
            **asdict(samples),
        }

    def do_release(self, case_id: str) -> dict[str, Any]:
        """Let go of a case."""
        self.prepared.pop(case_id).timed.close()
        return {"status": "ok"}


if __name__ == "__main__":
    serve(Server(), parent=int(sys.argv[1]))
