"""Which trainings the convergence axis has in a run of each size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.networks import recipe
from bn_impls.errors import BadConfiguration

USUAL = "000"
EPOCHS = {"000": 10, "001": 25, "002": 1, "002-notebook": 1, "003": 20, "004": 20, "ioffe-szegedy": 20}
"""The documents' own, but 20 of the 250 of 004 and of the 758 that make the paper's 50,000 steps; ``bn-bench claims``
trains 004 to the end from every seed (C29, C30) and the paper's network from one (C05)."""
QUICK_EPOCHS = 2
SEEDS, SEEDS_OF_OTHERS = 10, 3
LONGEST = "ioffe-szegedy"
SEEDED_THROUGHOUT = ("numpy-reference", "tf-manual", "keras")
"""The others train the longest network, and every network without batch normalization, from one seed."""


@dataclass(frozen=True)
class Training:
    """One training of every implementation."""

    network: str
    batch_norm: bool
    epochs: int
    seed: int


def trainings(size: str, implementation: str, networks: Sequence[str] = ()) -> Iterator[Training]:
    """The trainings of an implementation in a run.

    Args:
        size: ``quick``, ``default`` or ``full``.
        implementation: its name.
        networks: which were asked for by name; each is then trained with and without batch normalization. None asks
            for those of the size.

    Raises:
        UnknownName: there is no such network.
    """
    full = size == "full"
    for network in networks or (EPOCHS if full else (USUAL,)):
        recipe(network)
        epochs = min(EPOCHS[network], QUICK_EPOCHS) if size == "quick" else EPOCHS[network]
        for batch_norm in (True, False):
            for seed in range(_seeds(network, batch_norm, implementation) if full else 1):
                yield Training(network, batch_norm, epochs, seed)


def refuse_useless_networks(networks: Sequence[str], axes: Sequence[str]) -> None:
    """Whoever names networks wants them trained.

    Args:
        networks: the names that a run was given, at least one.
        axes: of the run.

    Raises:
        BadConfiguration: none of the axes trains them.
        UnknownName: there is no such network.
    """
    for name in networks:
        recipe(name)
    if "convergence" not in axes:
        raise BadConfiguration(
            f"got --networks {','.join(networks)} with --axes {','.join(axes)}, but only convergence trains the "
            f"networks that are named (throughput and checkpoint always take {USUAL}): add convergence to --axes, or "
            "leave --networks out"
        )


def _seeds(network: str, batch_norm: bool, implementation: str) -> int:
    """Seeds of a full run."""
    if implementation not in SEEDED_THROUGHOUT and (network == LONGEST or not batch_norm):
        return 1
    return SEEDS if network == USUAL else SEEDS_OF_OTHERS
