"""A sweep on a Ray cluster: a task a case.

Ray places the tasks and holds their cores and GPUs. One process, the one that was started by the user, hands a task out
again when its process or its node dies, and writes the records, so that no case can count twice. Ray's own retries are
off: it would run a task that its node has no memory for again without end.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.cases import Case
from benchmarks.harness.workers import WorkerSettings
from benchmarks.sweeps.connecting import connected
from benchmarks.sweeps.executor import Ended, Executor, Result
from bn_impls.errors import BadConfiguration

ATTEMPTS, ATTEMPTS_IN_MEMORY = 4, 2  # of a task whose process or node dies, or that Ray ends for memory
WAITING_FOR_EACH_CORE = 2  # tasks handed to Ray ahead of time; the others wait here, where they cost nothing
LOOK_S = 1.0
TIDYING_S = 20.0


@dataclass(frozen=True)
class Cluster:
    """Where a sweep runs.

    Attributes:
        address: ``auto``, ``HOST:PORT`` of the head node, or ``ray://HOST:PORT``.
        whole_node: each case gets a node of its own, so that its duration means something.
    """

    address: str
    whole_node: bool = False


@dataclass(frozen=True)
class Attempt:
    """A case, and how often it was handed out when this attempt ends."""

    case: Case
    number: int = 1


def run_on_ray(cases: Sequence[Case], cluster: Cluster, settings: WorkerSettings, timeout_s: float) -> Ended:
    """Run cases as tasks.

    Args:
        cases: each ends once.
        cluster: where.
        settings: of every worker; its threads are the cores that a task holds.
        timeout_s: longest time of a case.

    Yields:
        Each case with what became of it, in the order in which they end.

    Raises:
        BadConfiguration: no Ray is installed, no cluster answers, or none of its nodes is large enough.
    """
    ray = connected(cluster.address)
    token = uuid.uuid4().hex
    try:
        cores, at_once = _room(ray, cluster, settings)
        held = {"num_cpus": cores, "num_gpus": 1 if settings.device == "gpu" else 0}
        task = ray.remote(max_retries=0, **held)(run_on_node)
        waiting, flying = [Attempt(case) for case in reversed(cases)], dict[Any, Attempt]()
        while waiting or flying:
            while waiting and len(flying) < at_once:
                one = waiting.pop()
                flying[task.remote(one.case.as_json(), asdict(settings), timeout_s, token)] = one
            for reference in ray.wait(list(flying), num_returns=1, timeout=LOOK_S)[0]:
                one = flying.pop(reference)
                found = _result(ray, reference, one.number)
                if isinstance(found, Result):
                    yield one.case, found
                else:
                    waiting.append(Attempt(one.case, one.number + 1))
    finally:
        _tidy(ray, token)
        ray.shutdown()


KEPT: dict[str, Executor] = {}
"""This process's executor; Ray uses a process for many tasks, and the framework is imported once in its life."""


def run_on_node(case: Mapping[str, Any], settings: Mapping[str, Any], timeout_s: float, token: str) -> Result:
    """What a task does, on whatever node."""
    if "executor" not in KEPT:
        KEPT["executor"] = Executor(WorkerSettings(**settings), timeout_s, _folder_of(token))
    return KEPT["executor"].run(Case.from_json(case))


def _folder_of(token: str) -> Path:
    """This sweep's folder on a node. Nobody else can have made it: the token is drawn for the sweep."""
    folder = Path(tempfile.gettempdir()) / f"bn-bench-{token}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def remove_on_node(token: str) -> None:
    """What the last task on a node does."""
    shutil.rmtree(_folder_of(token), ignore_errors=True)


def _tidy(ray: Any, token: str) -> None:
    """Remove the sweep's folder on every node that can still be reached."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    with contextlib.suppress(ray.exceptions.RayError):
        places = [NodeAffinitySchedulingStrategy(node["NodeID"], soft=False) for node in ray.nodes() if node["Alive"]]
        removing = [ray.remote(num_cpus=0, max_retries=0)(remove_on_node).options(scheduling_strategy=place)
                    for place in places]  # fmt: skip
        ray.wait([task.remote(token) for task in removing], num_returns=len(removing), timeout=TIDYING_S)


def _result(ray: Any, reference: Any, attempt: int) -> Result | None:
    """A task's result; what ended without one is a row after its last attempt, and None before."""
    try:
        found = ray.get(reference)
    except ray.exceptions.OutOfMemoryError as error:
        if attempt < ATTEMPTS_IN_MEMORY:
            return None
        return Result.without(
            "out_of_memory", f"Ray ended its process for memory {attempt} times: {_first_line(error)}"
        )
    except ray.exceptions.RayTaskError as error:
        return Result.without("failed", f"its task failed: {_last_line(error)}")
    except ray.exceptions.RayError as error:
        if attempt < ATTEMPTS:
            return None
        return Result.without("crashed", f"its process or node died {attempt} times: {_first_line(error)}")
    assert isinstance(found, Result)
    return found


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]


def _last_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[-1][:300]


def _room(ray: Any, cluster: Cluster, settings: WorkerSettings) -> tuple[float, int]:
    """Cores that a task holds, and how many tasks are handed to Ray at once."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    largest = max((node.get("CPU", 0.0) for node in nodes), default=0.0)
    cores = largest if cluster.whole_node else float(settings.threads)
    if cores > largest or not cores:
        raise BadConfiguration(
            f"got --threads {settings.threads}, but the largest node of the cluster has {largest:g} cores; no case "
            "would ever start"
        )
    if settings.device == "gpu" and not any(node.get("GPU") for node in nodes):
        raise BadConfiguration("got --device gpu, but no node of the cluster has a GPU; leave --device out")
    slots = sum(int(node.get("CPU", 0.0) // cores) for node in nodes)
    return cores, WAITING_FOR_EACH_CORE * max(1, slots)
