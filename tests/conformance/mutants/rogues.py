"""Implementations that do what no implementation should: hang, kill, print, reseed, raise, give nonsense."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from bn_impls.interface import Array, Documented, Implementation, Unsupported
from bn_impls.numpy_reference import IMPLEMENTATION as GOOD
from bn_impls.numpy_reference import BatchNorm
from tests.axes.batch_norm_mutants import implementation
from tests.conformance.mutants import forward, memory


class Hangs(BatchNorm):
    """Waits for ever in inference."""

    def inference(self, x: Array) -> Array:
        """As said."""
        time.sleep(3600)
        return x


class Kills(BatchNorm):
    """Ends its process in inference, as a fault in native code does."""

    def inference(self, x: Array) -> Array:
        """As said."""
        os.kill(os.getpid(), signal.SIGSEGV)
        return x


class Exits(BatchNorm):
    """Calls sys.exit in inference."""

    def inference(self, x: Array) -> Array:
        """As said."""
        sys.exit(5)


class Raises(BatchNorm):
    """Raises in inference."""

    def inference(self, x: Array) -> Array:
        """As said."""
        raise RuntimeError("no weights")


class Prints(BatchNorm):
    """Prints something that is no answer, through Python and beside it."""

    def forward(self, x: Array, *, update: bool = True) -> Array:
        """As said."""
        print('{"status": "ok"}')
        os.write(1, b"\xff\xfe garbage \n")
        return super().forward(x, update=update)


class GivesNaN(BatchNorm):
    """Gives NaN in inference."""

    def inference(self, x: Array) -> Array:
        """As said."""
        return np.full_like(x, np.nan)


class WrongShape(BatchNorm):
    """Gives one row too few in inference."""

    def inference(self, x: Array) -> Array:
        """As said."""
        return super().inference(x)[:-1]


class WrongDtype(BatchNorm):
    """Gives float16 in inference."""

    def inference(self, x: Array) -> Array:
        """As said."""
        return super().inference(x).astype(np.float16)


class Changes(BatchNorm):
    """Changes something of the process's in a training call; which, a subclass says."""

    def forward(self, x: Array, *, update: bool = True) -> Array:
        """As said."""
        self.change()
        return super().forward(x, update=update)

    def change(self) -> None:
        """Nothing here."""


class Seeds(Changes):
    """NumPy's seed."""

    def change(self) -> None:
        """As said."""
        np.random.seed(random.SystemRandom().randrange(2**31))


class SilencesErrors(Changes):
    """NumPy's error state."""

    def change(self) -> None:
        """Toggled, so that a second call shows, too."""
        np.seterr(all="ignore" if np.geterr()["over"] == "raise" else "raise")


class SetsVariables(Changes):
    """An environment variable."""

    def change(self) -> None:
        """As said."""
        os.environ["MY_CALLS"] = str(int(os.environ.get("MY_CALLS", "0")) + 1)


class MovesElsewhere(Changes):
    """The working directory."""

    def change(self) -> None:
        """There and back."""
        os.chdir("/" if os.getcwd() != "/" else os.path.dirname(os.path.abspath(__file__)))


class TorchDefaults(Changes):
    """torch's default dtype."""

    def change(self) -> None:
        """There and back."""
        import torch

        other = torch.float64 if torch.get_default_dtype() == torch.float32 else torch.float32
        torch.set_default_dtype(other)


class TorchSeeds(Changes):
    """torch's seed."""

    def change(self) -> None:
        """As said."""
        import torch

        torch.manual_seed(random.SystemRandom().randrange(2**31))


HANGS = implementation(Hangs)
KILLS = implementation(Kills)
EXITS = implementation(Exits)
RAISES = implementation(Raises)
PRINTS = implementation(Prints)
GIVES_NAN = implementation(GivesNaN)
WRONG_SHAPE = implementation(WrongShape)
WRONG_DTYPE = implementation(WrongDtype)
SEEDS = implementation(Seeds)
SILENCES_ERRORS = implementation(SilencesErrors)
SETS_VARIABLES = implementation(SetsVariables)
MOVES_ELSEWHERE = implementation(MovesElsewhere)
TORCH_DEFAULTS = implementation(TorchDefaults)
TORCH_SEEDS = implementation(TorchSeeds)
NO_GRADIENTS = implementation(BatchNorm, training_step_with_gradients=lambda layer: None)
DECLINES = implementation(BatchNorm, training_step_with_gradients=lambda layer: Unsupported("no gradients here"))
DECLINES_AND_KEEPS = implementation(
    memory.CentresInPlace, training_step_with_gradients=lambda layer: Unsupported("no gradients here")
)
NO_IMPLEMENTATION = SimpleNamespace(build=GOOD.build)
BUILDS_NOTHING = replace(GOOD, build=lambda configuration: Unsupported("only on Tuesdays"))


def _incomplete(configuration: Any) -> Any:
    from bn_impls.interface import Layer

    return Layer(configuration=configuration, inference=lambda x: x)  # type: ignore[call-arg]  # the mistake


def _other(configuration: Any) -> Any:
    return SimpleNamespace(inference=lambda x: x)


INCOMPLETE = Implementation(conventions=GOOD.conventions, packages=("numpy",), build=_incomplete)
NO_LAYER = Implementation(conventions=GOOD.conventions, packages=("numpy",), build=_other)


def documenting(implementation: Implementation, **documented: Documented) -> Implementation:
    """The same, with behaviour that it documents."""
    return replace(implementation, documented=documented)


ONE_PASS = Documented("one_pass_variance", "the variance is taken in one pass")
STALE_DOCUMENTATION = documenting(GOOD, update=Documented("decay_swapped", "decay weighs the new value"))
NO_COUNTER = documenting(
    memory.SAVES_NO_COUNTER, checkpoint_counter=Documented("checkpoint_counter", "there is no counter")
)
ANOTHER_COUNT = documenting(
    memory.RESTORES_ANOTHER_COUNT, checkpoint_counter=Documented("checkpoint_counter", "there is no counter")
)
LOSES_GAMMA = documenting(
    memory.RESTORES_A_FRESH_GAMMA, checkpoint=Documented("checkpoint_rounded", "averages are saved as sums")
)
VARIANCE_OF_ONE = documenting(forward.VARIANCE_OF_ONE, mean_100=ONE_PASS, mean_10000=ONE_PASS)
DOCUMENTS_A_SENTENCE = replace(GOOD, documented={"update": "decay weighs the new value"})
DOCUMENTS_NO_CHECK = documenting(GOOD, updates=ONE_PASS)
DOCUMENTS_THE_UNKNOWN = documenting(GOOD, update=Documented("unknown", "it is what it is"))
