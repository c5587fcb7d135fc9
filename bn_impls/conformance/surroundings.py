"""What a process shares beyond any one layer, and what changed of it.

Frameworks are looked at only where the implementation has imported them.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import importlib
import importlib.util
import os
import random
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np


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
OF_FRAMEWORKS: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("torch", "torch's default dtype", _torch("get_default_dtype")),
    ("torch", "torch's gradient switch", _torch("is_grad_enabled")),
    ("torch", "torch's random state", _torch("seed")),
    ("torch", "torch's deterministic switch", _torch("are_deterministic_algorithms_enabled")),
    ("tensorflow", "TensorFlow's eager switch", lambda tf: str(tf.executing_eagerly())),
    ("tensorflow", "TensorFlow's global seed", lambda tf: str(_tensorflow_seed())),
    ("keras", "Keras' default dtype (floatx)", lambda keras: str(keras.backend.floatx())),
    ("jax", "JAX's switch to float64", lambda jax: str(jax.config.jax_enable_x64)),
)
"""Module, what is looked at, and how."""


def _tensorflow_seed() -> Any:
    context = sys.modules.get("tensorflow.python.eager.context")
    return None if context is None else context.global_seed()


def seen() -> dict[str, str]:
    """Global state now, by name; environment variables as ``variable NAME``."""
    state = {name: look() for name, look in ALWAYS.items()}
    for module, name, look in OF_FRAMEWORKS:
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
    """Names -> values before and after, where they differ; a framework that was not there before has no value then."""
    of_frameworks = {name for _, name, _ in OF_FRAMEWORKS}
    names = [*before, *(name for name in after if name not in before and name not in of_frameworks)]
    absent = "not there"
    return {
        name: (before.get(name, absent), after.get(name, absent))
        for name in names
        if before.get(name, absent) != after.get(name, absent)
    }


def import_what_it_imports(target: str) -> None:
    """Import what the source of a module imports, so that what a framework's import changes is not taken for its doing.

    Args:
        target: name of the module. What cannot be found or imported here is left to the import that follows.
    """
    with contextlib.suppress(Exception, SystemExit):  # somebody else's code
        found = importlib.util.find_spec(target)
        if found is None or found.origin is None or not found.origin.endswith(".py"):
            return
        for name in _imported_names(Path(found.origin).read_bytes()):
            with contextlib.suppress(Exception, SystemExit):
                importlib.import_module(name)


def _imported_names(source: bytes) -> list[str]:
    names: list[str] = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.append(node.module)
    return names
