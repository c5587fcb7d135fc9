"""Is there a Ray cluster at an address? Asked with deadlines, and before anything is written."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from typing import Any

from benchmarks.harness.workers import CHECKOUT
from bn_impls.errors import BadConfiguration

REACHABLE_S, JOINED_S = 5.0, 90.0  # longest waits for a port, and for Ray to join a cluster
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing is sent anywhere unasked
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # a task without a GPU leaves the variables alone
}
NOT_SENT = [".git", "reports", "docs", "tests", "**/__pycache__", "*.npz", ".tox", ".venv", "build", "dist"]
JOIN = """
import sys, ray
try:
    ray.init(address=sys.argv[1], log_to_driver=False, logging_level="ERROR")
except Exception as error:
    sys.exit((str(error).splitlines() or [type(error).__name__])[0][:300])
ray.shutdown()
"""
_START = "`ray start --head` starts one and prints its address, and without --ray the sweep runs on this machine"


def find(address: str) -> Any:
    """Ray, if it is installed and the address answers; Ray itself would try a dead one for a minute.

    Raises:
        BadConfiguration: it is not, or nothing answers there.
    """
    try:
        import ray
        import ray.exceptions
    except ModuleNotFoundError as error:
        raise BadConfiguration(
            "got --ray, but Ray is not installed here; `pip install -e '.[cluster]'` in the repository brings it, and "
            "without --ray the sweep runs on this machine"
        ) from error
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    try:
        if colon:
            socket.create_connection((host, int(port)), REACHABLE_S).close()
    except (OSError, ValueError, OverflowError) as error:
        raise BadConfiguration(
            f"got --ray {address}, but nothing answers there ({error}); it should be auto, HOST:PORT or "
            f"ray://HOST:PORT of a running cluster; {_START}"
        ) from error
    return ray


def reach(address: str) -> None:
    """Join the cluster and leave it, in a process that is ended if that takes long: Ray would try for minutes.

    Raises:
        BadConfiguration: no cluster answers.
    """
    command = [sys.executable, "-P", "-c", JOIN, address]
    try:
        ended = subprocess.run(
            command, env={**os.environ, **QUIET}, timeout=JOINED_S, text=True, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise _nobody(address, f"what listens there did not answer as Ray within {JOINED_S:g} s") from error
    if ended.returncode:
        raise _nobody(address, (ended.stderr.strip().splitlines() or [f"exit code {ended.returncode}"])[-1])


def connected(address: str) -> Any:
    """Ray, connected to the cluster; our code travels with the job.

    Raises:
        BadConfiguration: no Ray is installed, or no cluster answers.
    """
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    ray = find(address)
    packed = {"working_dir": str(CHECKOUT), "excludes": NOT_SENT}
    try:
        ray.init(address=address, runtime_env=packed, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise _nobody(address, (str(error).splitlines() or [type(error).__name__])[0][:300]) from error
    return ray


def _nobody(address: str, why: str) -> BadConfiguration:
    return BadConfiguration(f"no Ray cluster answers at {address}: {why}; {_START}")
