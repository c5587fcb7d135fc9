"""What can go wrong for reasons that a user can act on.

::

    BnBenchError
    ├── UnknownName            no implementation, data set, axis or format of that name
    ├── BadSpecification       a SPEC that does not import, or is not an implementation
    │   └── NothingThere       one whose module or object does not exist
    ├── BadConfiguration       a configuration that no implementation could take
    ├── BadState               a state whose names, shapes, dtypes or values are wrong
    ├── BadCheckpoint          a checkpoint that cannot be read back
    ├── BadData                a data file that is missing, damaged or not what it should be
    ├── BadTarget              a name or folder that `new` cannot write to
    ├── BadRunFolder           a folder that is no run folder, or one that cannot be written
    ├── BadClock               a machine whose clock gives no duration above 0
    └── NeedsCheckout          a command of the suite outside a checkout

Every message says what was got, what was expected, and the way out. The command line prints it without a traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class BnBenchError(Exception):
    """Base of every error that a user can act on."""


class UnknownName(BnBenchError):
    """A name that nothing answers to."""

    @classmethod
    def among(cls, kind: str, got: str, known: Iterable[str], way_out: str) -> UnknownName:
        """Say which close names exist.

        Args:
            kind: what was looked for, such as ``"implementation"``.
            got: the name that was given.
            known: every name that exists.
            way_out: what to do, as a sentence.

        Returns:
            The error, to be raised.
        """
        names = sorted(known)
        close = difflib.get_close_matches(got, names, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(close)}? " if close else ""
        return cls(f"unknown {kind} {got!r}: {hint}known are {', '.join(names)}. {way_out}")


class BadSpecification(BnBenchError):
    """A ``module:OBJECT`` or entry point that does not lead to an implementation."""


class NothingThere(BadSpecification):
    """A ``module:OBJECT`` whose module or object does not exist."""

    @classmethod
    def among(cls, target: str, what: str, got: str, known: Iterable[str]) -> NothingThere:
        """Say which close names exist.

        Args:
            target: the ``module:OBJECT``.
            what: is missing, as in ``"a module"``.
            got: its name.
            known: names that exist there.

        Returns:
            The error, to be raised.
        """
        names = sorted(known)
        close = difflib.get_close_matches(got, names, n=3, cutoff=0.5) or names[:5]
        hint = f"there is {' and '.join(close)}; " if close else ""
        return cls(
            f"{target} does not import: there is no {what} {got!r}; {hint}give module:OBJECT, importable from the "
            "current folder, with an Implementation as OBJECT (`bn-bench check` also takes a torch.nn.Module or "
            "keras.Layer class), or a name of `bn-bench list`"
        )


class BadConfiguration(BnBenchError):
    """A configuration that contradicts itself."""


class BadState(BnBenchError):
    """A state that does not fit the layer it is imported into."""


class BadCheckpoint(BnBenchError):
    """A checkpoint that is missing, damaged or of another network."""


class BadData(BnBenchError):
    """A data file that cannot be used."""


class BadTarget(BnBenchError):
    """A name that nothing new can have, or a file that would be overwritten."""


class BadRunFolder(BnBenchError):
    """A run folder that cannot be read or written."""


class BadClock(BnBenchError):
    """A clock that stands still or goes backwards."""


class NeedsCheckout(BnBenchError):
    """A command that needs the suite, called where only the wheel is installed."""
