"""What every worker of a run is started with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bn_impls.isolation.process import WorkerProcess
from bn_impls.isolation.variables import environment

CHECKOUT = Path(__file__).resolve().parents[2]
STARTING_S = 180.0  # longest time that importing an implementation may take


@dataclass(frozen=True)
class WorkerSettings:
    """What every worker of a run is started with."""

    threads: int
    device: str
    data_dir: str | None
    download: bool

    def environment(self, extra: tuple[tuple[str, str], ...]) -> dict[str, str]:
        """The worker's environment variables, with those that its implementation needs."""
        return environment(self.threads, self.device, extra)

    def start(self, specification: str, log: Path, extra: tuple[tuple[str, str], ...] = ()) -> WorkerProcess:
        """Start one implementation's worker.

        Args:
            specification: name or ``module:OBJECT``.
            log: file that receives whatever the process prints.
            extra: further environment variables.
        """
        given = {"specification": specification, "data_dir": self.data_dir, "download": self.download}
        return WorkerProcess("benchmarks.harness.worker", given, self.environment(extra), log)
