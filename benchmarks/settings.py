"""What a user can choose of a run, written once for the command line and for pytest."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from bn_impls.errors import BadConfiguration

TOP_UP_MIN = {"quick": 0.0, "default": 2.0, "full": 10.0}
"""Size of a run -> minutes that its top-up round may take, unless ``--budget`` says otherwise."""
USUAL_BASELINE = "keras"
FEWEST_ROUNDS, MOST_ROUNDS = 2, 100  # of --rounds
AXES = ("agreement", "throughput", "convergence", "checkpoint")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The choices of one run; ``plan.json`` keeps them for ``--resume``.

    Attributes:
        axes: which axes run.
        implementations: names or ``module:OBJECT``; empty means every registered one.
        size: ``quick``, ``default`` or ``full``.
        device: where layers compute.
        dataset: name of the data set of convergence and checkpoint.
        networks: networks of the convergence axis; empty means those of the size.
        data_dir: folder with the user's own files of that data set.
        download: whether the data set may be fetched over the network.
        yardsticks: implementations that are shown and not recommended, as their descriptors say.
        baseline: the implementation that ratios are against; empty until a run has chosen it.
        timeout_s: longest time that one case, or one pass, may take in a worker.
        threads: threads that a worker may use.
        rounds: fresh processes of each implementation that are timed; 0 for as many as the size has.
        budget_min: minutes that the top-up round of undecided comparisons may take; 0 for none.
        command: ``run``, ``sweep`` or ``claims``; the one that ``--resume`` belongs to.
        timed: of a sweep: whether each case gets a machine of its own, so that its durations are kept.
    """

    axes: tuple[str, ...] = AXES
    implementations: tuple[str, ...] = ()
    size: str = "default"
    device: str = "cpu"
    dataset: str = "mnist-5000"
    networks: tuple[str, ...] = ()
    data_dir: str | None = None
    download: bool = False
    yardsticks: tuple[str, ...] = ()
    baseline: str = ""
    timeout_s: float = 300.0
    threads: int = 0
    rounds: int = 0
    budget_min: float = 0.0
    command: str = "run"
    timed: bool = False

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Settings:
        """Read back what :meth:`as_json` gave."""
        lists: dict[str, tuple[str, ...]] = {
            name: tuple(stored[name])
            for name in ("axes", "implementations", "networks", "yardsticks")
            if name in stored
        }
        known = {name: value for name, value in stored.items() if name in cls.__dataclass_fields__}
        found = cls(**{**known, **lists})
        return replace(found, command="claims") if found.axes == ("claims",) else found  # older ones say ``run``

    @classmethod
    def from_options(cls, options: argparse.Namespace) -> Settings:
        """Read the options that :func:`add_options` added.

        Raises:
            BadConfiguration: two of them contradict each other, or networks are named that no axis would train.
            BadData: a folder is given for a data set that is read from none.
            UnknownName: there is no such network, or no such view of a data set.
        """
        if options.quick and options.full:
            raise BadConfiguration("got --quick and --full, but should get at most one of them")
        chosen = cls(**given(options))
        if chosen.networks:
            from benchmarks.training_plan import refuse_useless_networks  # NumPy: not for --help

            refuse_useless_networks(chosen.networks, chosen.axes)
        if chosen.data_dir is not None:
            from benchmarks.datasets.loading import refuse_useless_folder  # NumPy: not for --help

            refuse_useless_folder(chosen.dataset, chosen.data_dir)
        return chosen if options.budget is not None else replace(chosen, budget_min=TOP_UP_MIN[chosen.size])

    def refuse_others(self, options: argparse.Namespace) -> None:
        """Of a run that is resumed: its own settings are used, so options must not say something else.

        Args:
            options: what is given beside ``--resume``; what repeats the run's own settings is no contradiction.

        Raises:
            BadConfiguration: an option says something else than the run's plan, or names another folder.
        """
        told = self.contradicted(options, given(options))
        if options.output is not None and Path(options.output).resolve() != Path(options.resume).resolve():
            told.append("--output (the run stays in its folder)")
        if told:
            raise BadConfiguration(
                f"got --resume with {', '.join(told)}, but a resumed run keeps the settings in its plan.json: leave "
                "the others out to finish it, or leave --resume out to begin another run"
            )

    def contradicted(self, options: argparse.Namespace, asked: Mapping[str, Any]) -> list[str]:
        """The options that say something else than this run's settings, each with what the run has.

        Args:
            options: their ``dataset``, without a ``data_dir``, may name a file again as the run names it.
            asked: the settings that they give.
        """
        again = {"data_dir"} if options.dataset == self.dataset and options.data_dir is None else set()
        other = [name for name, value in asked.items() if value != getattr(self, name) and name not in again]
        return [f"{OPTIONS[name]} (the run has {shown(getattr(self, name))})" for name in other]


OPTIONS = {
    "axes": "--axes",
    "implementations": "--implementations",
    "size": "--quick or --full",
    "device": "--device",
    "dataset": "--dataset",
    "networks": "--networks",
    "data_dir": "--data-dir",
    "download": "--download",
    "baseline": "--baseline",
    "timeout_s": "--timeout",
    "threads": "--threads",
    "rounds": "--rounds",
    "budget_min": "--budget",
}
"""Field of the settings -> the option that gives it."""


def shown(value: Any) -> str:
    """A setting in words."""
    if isinstance(value, tuple):
        return ",".join(value) or "all"
    return "none" if value is None or value is False or value == "" else str(value)


def given(options: argparse.Namespace) -> dict[str, Any]:
    """The settings that the options name, as fields of :class:`Settings`; what is left out is not among them."""
    from benchmarks.datasets.placing import placed  # NumPy: not for --help

    size = "quick" if options.quick else "full" if options.full else None
    values = {
        "axes": options.axes and tuple(axis for axis in AXES if axis in options.axes),
        "implementations": options.implementations and tuple(options.implementations),
        "size": size,
        "device": options.device,
        "networks": options.networks and tuple(options.networks),
        **placed(options.dataset, options.data_dir),
        "download": options.download or None,
        "baseline": options.baseline,
        "timeout_s": options.timeout,
        "threads": options.threads,
        "rounds": options.rounds,
        "budget_min": options.budget,
    }
    return {name: value for name, value in values.items() if value is not None}


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def _implementations(text: str) -> list[str]:
    if not _names(text):
        raise argparse.ArgumentTypeError(
            f"got {text!r}, but should be names with commas between; `bn-bench list` has them"
        )
    return _names(text)


def _networks(text: str) -> list[str]:
    if not _names(text):
        raise argparse.ArgumentTypeError(f"got {text!r}, but should be networks with commas between, as 000,004")
    return _names(text)


def _axes(text: str) -> list[str]:
    wrong = [name for name in _names(text) if name not in AXES]
    if wrong or not _names(text):
        raise argparse.ArgumentTypeError(f"got {text!r}, but should be some of {','.join(AXES)}, with commas between")
    return _names(text)


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):  # NaN neither
        raise argparse.ArgumentTypeError(f"got {text!r}, but should be a number of seconds above 0")
    return value


def _minutes(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):  # NaN neither
        raise argparse.ArgumentTypeError(f"got {text!r}, but should be a number of minutes, 0 for no top-up round")
    return value


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"got {text!r}, but should be a whole number of threads, 0 for all cores")
    return int(text)


def _rounds(text: str) -> int:
    if not (text.isdecimal() and FEWEST_ROUNDS <= int(text) <= MOST_ROUNDS):
        raise argparse.ArgumentTypeError(
            f"got {text!r}, but should be a whole number of rounds, {FEWEST_ROUNDS} to {MOST_ROUNDS}"
        )
    return int(text)


def add_options(add: Callable[..., Any]) -> None:
    """Add every option of a run.

    Args:
        add: ``add_argument`` of a parser, or ``addoption`` of a pytest group.
    """
    add("--axes", type=_axes, metavar="A,B", help=f"axes to run, of {','.join(AXES)}; default: all")
    add(
        "--implementations",
        type=_implementations,
        metavar="X,Y",
        help="implementations to compare, as names or package.module:OBJECT; default: all that are registered",
    )
    add("--quick", action="store_true", help="small grid, few passes: a look in a minute and a half")
    add("--full", action="store_true", help="every shape and call style; all implementations take hours")
    add("--device", choices=("cpu", "gpu"), help="where layers compute; default: cpu")
    add(
        "--dataset",
        metavar="NAME",
        help="mnist-5000 (default), digits, photographs, mnist, fashion-mnist, cifar10, or an HDF5 file with x and y",
    )
    add(
        "--networks",
        type=_networks,
        metavar="X,Y",
        help="networks to train, as 000,004; default: 000, in a full run all seven; see docs/networks.md",
    )
    add(
        "--data-dir",
        metavar="DIR",
        help="folder with the files of --dataset (IDX, NPZ, CIFAR-10's binary edition, HDF5)",
    )
    add("--download", action="store_true", help="allow fetching the data set; checked by sha256 and cached")
    add("--output", metavar="DIR", help="run folder to write; default: reports/run-DATE")
    add("--resume", metavar="DIR", help="finish an interrupted run, with its own settings")
    add(
        "--baseline",
        metavar="NAME",
        help=f"implementation that speed ratios are against; default: {USUAL_BASELINE}, or the first that is measured",
    )
    add("--timeout", type=_positive, metavar="S", help="seconds a case may take; default: 300")
    add(
        "--rounds",
        type=_rounds,
        metavar="N",
        help="rounds of fresh processes for speeds, also of slow cases; default: 5, with --quick 3",
    )
    add(
        "--budget",
        type=_minutes,
        metavar="MIN",
        help="minutes for one top-up round of what is undecided; default: 2, with --quick 0, with --full 10",
    )
    add("--threads", type=_count, metavar="N", help="threads a worker may use; default: 0, which is all cores")
