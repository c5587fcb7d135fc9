"""What a process shares beyond any one layer, and what changed of it.

Frameworks are looked at only where the implementation has imported them; nothing is imported here.
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

FRAMEWORK_VARIABLES = ("TF", "KERAS", "XLA", "JAX", "TORCH", "PYTORCH", "KMP", "CUDA", "NCCL", "OMP", "GRPC", "TRITON")
"""Beginnings of variables that frameworks set for themselves when they are imported."""


def _digest(value: Any) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()[:12]


def _numpy_seed() -> str:
    kind, keys, *rest = np.random.get_state()
    return _digest((kind, np.asarray(keys).tobytes(), rest))


def _torch(ask: str) -> Callable[[Any], str]:
    def look(torch: Any) -> str:
        if ask == "seed":
            return _digest(torch.get_rng_state().numpy().tobytes())
        return str(getattr(torch, ask)())

    return look


ALWAYS: Mapping[str, Callable[[], str]] = {
    "NumPy's random state": _numpy_seed,
    "NumPy's error state (np.seterr)": lambda: str(np.geterr()),
    "Python's random state": lambda: _digest(random.getstate()),
    "the working directory": os.getcwd,
    "the recursion limit": lambda: str(sys.getrecursionlimit()),
    "the handler of SIGINT": lambda: str(signal.getsignal(signal.SIGINT)),
}
OF_FRAMEWORKS: tuple[tuple[str, str, str | None, Callable[[Any], str]], ...] = (
    ("torch", "torch's default dtype", "torch.float32", _torch("get_default_dtype")),
    ("torch", "torch's gradient switch", "True", _torch("is_grad_enabled")),
    ("torch", "torch's random state", None, _torch("seed")),
    ("torch", "torch's deterministic switch", "False", _torch("are_deterministic_algorithms_enabled")),
    ("tensorflow", "TensorFlow's eager switch", "True", lambda tf: str(tf.executing_eagerly())),
    ("tensorflow", "TensorFlow's global seed", "None", lambda tf: str(_tensorflow_seed())),
    ("keras", "Keras' default dtype (floatx)", "float32", lambda keras: str(keras.backend.floatx())),
)
"""Module, what is looked at, its value in a fresh process (None where that varies), and how to look."""


def _tensorflow_seed() -> Any:
    context = sys.modules.get("tensorflow.python.eager.context")
    return None if context is None else context.global_seed()


def seen() -> dict[str, str]:
    """Global state now, by name; environment variables as ``variable NAME``."""
    state = {name: look() for name, look in ALWAYS.items()}
    for module, name, _, look in OF_FRAMEWORKS:
        loaded = sys.modules.get(module)
        if loaded is not None:
            state[name] = _looked(look, loaded)
    return state | {f"the environment variable {name}": value for name, value in os.environ.items()}


def _looked(look: Callable[[Any], str], module: Any) -> str:
    try:
        return look(module)
    except AttributeError:  # a module of that name which is another one, or of another version
        return "cannot be asked"


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Names -> values before and after, where they differ."""
    names = [*before, *(name for name in after if name not in before)]
    absent = "not there"
    return {
        name: (before.get(name, absent), after.get(name, absent))
        for name in names
        if before.get(name, absent) != after.get(name, absent)
    }


def changed_by_import(before: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """What an import changed. A framework that it imported is compared with a fresh process.

    Args:
        before: the state before the import.

    Returns:
        As :func:`differences`; variables that frameworks set for themselves are left out.
    """
    usual = {name: value for _, name, value, _ in OF_FRAMEWORKS if value is not None}
    framework = {name for _, name, _, _ in OF_FRAMEWORKS}
    now = seen()
    expected = {**before, **{name: value for name, value in usual.items() if name in now}}
    ours = {name for name in now if name not in framework or name in usual}
    found = differences(expected, {name: now[name] for name in now if name in ours})
    own = tuple(f"the environment variable {prefix}" for prefix in FRAMEWORK_VARIABLES)
    return {name: values for name, values in found.items() if not (values[0] == "not there" and name.startswith(own))}
