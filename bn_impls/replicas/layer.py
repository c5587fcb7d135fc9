"""A layer on two replicas behind the interface: its calls split the batch and ask the processes that hold the parts.

Native tensors are NumPy arrays. Nothing here is ever timed against a layer on one device: a call goes through files.
"""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bn_impls.errors import BadConfiguration
from bn_impls.interface import Array, Configuration, Layer, Observation
from bn_impls.isolation.process import WorkerLost, WorkerProcess
from bn_impls.isolation.variables import environment
from bn_impls.state import State

Strategy = Literal["mirrored", "multi_worker"]
REPLICAS = 2
TIMEOUT_S = 120.0
PARAMETER_GRADIENTS = ("dgamma", "dbeta", "part_dgamma", "part_dbeta")
"""Of each replica: the first two summed over all, the others of its own part."""


@dataclass(frozen=True)
class Replicated:
    """How a layer is spread.

    Attributes:
        name: the implementation's.
        strategy: ``mirrored`` is one process with two logical devices, ``multi_worker`` two processes on loopback.
        synchronized: whether the statistics are taken over all replicas.
    """

    name: str
    strategy: Strategy
    synchronized: bool


class Processes:
    """The processes of one layer, asked all at once: a collective operation waits for every one.

    Attributes:
        updates: training calls since the state was loaded.
        took_ns: of each training call the time of the slowest process, which the others wait for.
        gradients: of the last training call, each of :data:`PARAMETER_GRADIENTS`, shape (replicas, C).
    """

    def __init__(self, spread: Replicated, settings: Configuration, threads: int) -> None:
        """Start them and wait until each has its layer.

        Raises:
            WorkerLost: one failed; its reason is the framework's own error.
        """
        count = REPLICAS if spread.strategy == "multi_worker" else 1
        self.folder, self.updates, self.took_ns = tempfile.TemporaryDirectory(prefix="bn-bench-"), 0, list[int]()
        self.gradients: dict[str, Array] = {}
        self.pool = ThreadPoolExecutor(count)
        part = replace(settings, input_shape=(settings.input_shape[0] // REPLICAS, *settings.input_shape[1:]))
        given = {**asdict(spread), "settings": asdict(part), "addresses": _free_addresses(count)}
        self.processes = [
            WorkerProcess(
                "bn_impls.replicas.server", {**given, "index": index}, environment(threads, "cpu", ()),
                Path(self.folder.name) / f"{index}.log",
            )
            for index in range(count)
        ]  # fmt: skip
        with ExitStack() as stack:
            stack.callback(self.close)
            list(self.pool.map(lambda process: process.started(TIMEOUT_S), self.processes))
            stack.pop_all()

    def ask(self, do: str, given: Mapping[str, Array] | None = None, *, answers: bool = True, **more: str) -> list[Any]:
        """Send one request to all, with arrays for all.

        Returns:
            Of each process the arrays that it answered.

        Raises:
            WorkerLost: one failed; its reason is the framework's own error.
        """
        folder = Path(self.folder.name)
        if given is not None:
            np.savez(folder / "given.npz", allow_pickle=False, **given)
            more["arrays"] = str(folder / "given.npz")

        def one(index: int) -> tuple[Mapping[str, Array], int]:
            results = folder / f"results-{index}.npz"
            where = {"results": str(results)} if answers else {}
            reply = self.processes[index].ask({"do": do, **more, **where}, TIMEOUT_S)
            if reply["status"] != "ok":
                raise WorkerLost(reply["status"], reply["reason"])
            arrays = dict(np.load(results, allow_pickle=False)) if answers else {}
            return arrays, reply.get("took_ns", 0)

        replies = list(self.pool.map(one, range(len(self.processes))))
        if do == "train":
            self.took_ns.append(max(took_ns for _, took_ns in replies))
        return [arrays for arrays, _ in replies]

    def close(self) -> None:
        """End them."""
        for process in self.processes:
            process.close()
        self.pool.shutdown()
        self.folder.cleanup()


def replicated_layer(spread: Replicated, settings: Configuration, threads: int = 1) -> tuple[Layer, Processes]:
    """Build a layer on two replicas.

    Args:
        spread: how.
        settings: of the whole batch, whose size is even.
        threads: that each process may use.

    Returns:
        The layer, and its processes, which know what each replica reads and what is saved.

    Raises:
        WorkerLost: a framework cannot do it; the reason is its own error.
        BadConfiguration: the batch has no two equal parts.
    """
    if settings.input_shape[0] % REPLICAS:
        raise BadConfiguration(f"the batch is {settings.input_shape[0]}, but should be even to be split in two")
    processes = Processes(spread, settings, threads)

    def of_all(found: list[Any], name: str) -> Array:
        return np.concatenate([part for one in found for part in one[name]])

    def step(x: Array, dy: Array) -> tuple[Array, Array, Array, Array]:
        found = processes.ask("train", {"x": x, "dy": dy})
        processes.updates += 1
        processes.gradients = {name: np.concatenate([one[name] for one in found]) for name in PARAMETER_GRADIENTS}
        dgamma, dbeta = processes.gradients["dgamma"][0], processes.gradients["dbeta"][0]
        return of_all(found, "y"), of_all(found, "dx"), dgamma, dbeta

    def export() -> State:
        first = processes.ask("state")[0]
        count = first["num_updates"][0] if "num_updates" in first else processes.updates
        return State(
            gamma=first["gamma"][0], beta=first["beta"][0], moving_mean=first["moving_mean"][0],
            moving_variance=first["moving_variance"][0], num_updates=int(count),
        )  # fmt: skip

    def load(state: State) -> None:
        arrays: Mapping[str, Any] = state
        processes.ask("load", {name: arrays[name] for name in arrays if name != "num_updates"}, answers=False)
        processes.updates = int(state["num_updates"])

    return Layer(
        configuration=settings,
        inference=lambda x: of_all(processes.ask("infer", {"x": x}), "y"),
        training_step=lambda x: step(x, np.zeros_like(x))[0],
        training_step_with_gradients=step,
        to_native=_copied,
        to_numpy=_copied,
        synchronize=lambda _: None,
        export_state=export,
        load_state=load,
        observe=_unobserved,
        formats={},
        close=processes.close,
    ), processes


def _copied(array: Array) -> Array:
    return np.array(array)


def _unobserved(function: Any, *inputs: Any) -> Mapping[str, Observation]:
    return {}


def _free_addresses(count: int) -> list[str]:
    """Loopback addresses that nobody listens on now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]
