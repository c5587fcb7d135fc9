"""What ``docs/networks.md`` states of measurements: the training loops' speeds, and document 000 on complete MNIST."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.costs.interleave import interval
from benchmarks.harness.workers import CHECKOUT
from benchmarks.pages.lockstep import lockstep
from benchmarks.pages.markers import table
from benchmarks.report.reading import read_run
from benchmarks.report.run import Record

PAGE = CHECKOUT / "docs" / "networks.md"
LOOPS, MNIST = CHECKOUT / "reports" / "costs" / "training_loop.json", CHECKOUT / "reports" / "mnist-000"
USUAL = ("tf-manual", "keras")
PUBLISHED_PERCENT: Mapping[bool, float] = {True: 97.37, False: 95.13}
"""With batch normalization or without -> the test accuracy that document 000's own run printed."""
WITHIN_POINTS = 0.5


def loops(path: Path = LOOPS) -> str:
    """Speeds of the documents' loops and ours, and where the time goes."""
    networks = json.loads(path.read_text(encoding="utf-8"))["networks"]
    speeds = table(
        ("network", "the document's loop", "steps/s", *(f"`{name}`, steps/s (times)" for name in USUAL), "its own API"),
        [_speeds(name, found) for name, found in networks.items()],
    )
    parted = {name: found for name, found in networks.items() if "parts_ns" in found}
    if not parted:
        return speeds
    shares = table(
        ("network", "loop", "µs a step", "feeding", "call", "computing", "fetching the loss", "logging, ms an epoch"),
        [row for name, found in parted.items() for row in _shares(name, found)],
    )
    return f"{speeds}\n\n{shares}"


def _speeds(network: str, found: Mapping[str, Any]) -> list[str]:
    cells = [_ours(found, name) for name in (*USUAL, found["own"])]
    cells[-1] = "not measured" if cells[-1] is None else f"`{found['own']}`: {cells[-1]}"
    return [f"`{network}`", found["style"], _per_second(found["steps_ns"]["document"]), *(cell or "" for cell in cells)]


def _ours(found: Mapping[str, Any], name: str) -> str | None:
    if name not in found["steps_ns"]:
        return None
    ratio = found["speedup"][f"{name} over document"]
    return f"{_per_second(found['steps_ns'][name])} ({ratio['mean']:.1f}, {ratio['low']:.1f} to {ratio['high']:.1f})"


def _per_second(nanoseconds: float) -> str:
    return f"{1e9 / nanoseconds:,.0f}"


def _shares(network: str, found: Mapping[str, Any]) -> list[list[str]]:
    rows = []
    for who, parts in found["parts_ns"].items():
        logged = found["logging_ns"].get("document" if who == "document" else "ours")
        spent = [parts[name] for name in ("feeding", "call", "compute", "loss")]
        cells = [_microseconds(value) for value in (found["steps_ns"][who], *spent)]
        loop = "the document's" if who == "document" else f"`{who}`"
        rows.append([f"`{network}`", loop, *cells, f"{logged / 1e6:,.1f}" if logged is not None else "none"])
    return rows


def _microseconds(value: float | None) -> str:
    return "" if value is None else f"{value / 1e3:,.0f}"


def mnist() -> str:
    """Document 000 on 55,000 digits, from the published run."""
    return beside_the_printed(read_run(MNIST).records)


def beside_the_printed(records: Sequence[Record]) -> str:
    """Test accuracy over seeds beside what document 000 printed, and what batch normalization makes of it."""
    accuracy = _accuracy(records)
    names = list(dict.fromkeys(name for name, _ in accuracy))
    rows = [
        [f"`{name}`", "with" if batch_norm else "without", _listed(values), _mean(values), f"{printed:.2f} %",
         _decision(values, printed)]
        for name in names
        for batch_norm, printed in PUBLISHED_PERCENT.items()
        for values in [list(accuracy[name, batch_norm].values())]
    ]  # fmt: skip
    head = ("implementation", "BN", "test accuracy of each seed, %", "mean (95 % interval)", "printed", "")
    return "\n\n".join((table(head, rows), " ".join(_ordering(name, accuracy) for name in names)))


def _accuracy(records: Sequence[Record]) -> dict[tuple[str, bool], dict[int, float]]:
    """(Implementation, batch normalization) -> seed -> percent."""
    found: dict[tuple[str, bool], dict[int, float]] = {}
    for record in records:
        share = record.number("final_test_accuracy")
        if share is not None:
            key = record.implementation, bool(record.case["batch_norm"])
            found.setdefault(key, {})[int(record.case["seed"])] = 100 * share
    return found


def _listed(values: list[float]) -> str:
    return " ".join(f"{value:.2f}" for value in values)


def _mean(values: list[float]) -> str:
    found = interval(values)
    return f"{found['mean']:.2f} ({found['low']:.2f} to {found['high']:.2f})"


def _decision(values: list[float], printed: float) -> str:
    """Whether the mean is within :data:`WITHIN_POINTS` of what was printed, as far as its interval says."""
    found = interval(values)
    low, high = found["low"], found["high"]
    if printed - WITHIN_POINTS <= low and high <= printed + WITHIN_POINTS:
        return f"within {WITHIN_POINTS} points"
    outside = high < printed - WITHIN_POINTS or low > printed + WITHIN_POINTS
    return f"not within {WITHIN_POINTS} points" if outside else f"undecided whether within {WITHIN_POINTS} points"


def _ordering(name: str, accuracy: Mapping[tuple[str, bool], Mapping[int, float]]) -> str:
    """The paired difference that batch normalization makes."""
    with_it, without = accuracy[name, True], accuracy[name, False]
    differences = [with_it[seed] - without[seed] for seed in with_it if seed in without]
    higher = sum(difference > 0 for difference in differences)
    return (
        f"With `{name}` the accuracy is higher with batch normalization in {higher} of {len(differences)} seeds; the "
        f"mean paired difference is {_mean(differences)} points."
    )


BLOCKS = {"lock-step": lockstep, "training loops": loops, "document 000": mnist}
