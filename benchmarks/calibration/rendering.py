"""A calibration as Markdown tables, for the terminal and for the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.readme import table

Row = Mapping[str, Any]
HEAD = (
    "rule", "false alarms, A/A", "found, 2 %", "5 %", "10 %", "20 %", "A/A same", "A/A undecided", "5 % undecided",
    "wrong direction",
)  # fmt: skip


def percent(share: Mapping[str, Any] | None, *, bound: bool = False) -> str:
    """A rate, with its upper bound if asked for."""
    if not share or share["rate"] is None:
        return "not tried"
    shown = f"{100 * share['rate']:.{_digits(share['rate'])}f} %"
    return f"{shown} (≤ {100 * share['upper']:.{_digits(share['upper'])}f} %)" if bound else shown


def _digits(value: float) -> int:
    return 1 if value >= 0.001 or value == 0 else 3


def rates(row: Row, name: str, *, verdicts: bool = True) -> list[str]:
    """The cells of a rule."""
    found = [percent(row["detected"].get(key)) for key in ("2", "5", "10", "20")]
    same = percent(row["same"]["0"]) if verdicts else "no such verdict"
    undecided = [percent(row["undecided"].get(key)) for key in ("0", "5")]
    wrong = percent(row["wrong_direction"], bound=True)
    return [name, percent(row["false_alarm"], bound=True), *found, same, *undecided, wrong]


def candidates(study: Row, limit: int | None = None) -> str:
    """Our rule in every design, best first by the written rule's two figures; the rules of others below."""
    rows = study["candidates"]
    order = sorted(rows, key=lambda row: (row["false_alarm"]["upper"] >= 0.02, -row["detected"]["5"]["rate"]))
    shown = [row for row in order[:limit] if row is not rows[0]]
    cells = [rates(rows[0], f"**{rows[0]['name']}** (what runs use)"), *(rates(row, row["name"]) for row in shown)]
    others = [rates(row, row["name"], verdicts=False) for row in study["others"]]
    return table(HEAD, [*cells, *others])


def units(study: Row) -> str:
    """The default on each implementation and workload."""
    return table(HEAD, [rates(row, f"{row['name']}, {row['rounds']} rounds") for row in study["units"]])


def injected(study: Row) -> str:
    """What was injected and what the pool shows."""
    rows = [
        [fact["unit"], f"{100 * fact['injected']:.0f} %", _interval(fact)] for fact in study["injected"]
    ]  # fmt: skip
    return table(("workers", "injected", "observed (95 % interval over rounds)"), rows)


def _interval(fact: Row) -> str:
    return f"{100 * fact['observed']:.1f} % ({100 * fact['low']:.1f} to {100 * fact['high']:.1f})"


def targets(study: Row) -> str:
    """What must be reached."""
    rows = [
        [
            goal["what"],
            f"{goal['bound']} {100 * goal['target']:g} %",
            "not tried" if goal["value"] is None else f"{100 * goal['value']:.2f} %",
            "yes" if goal["reached"] else "**no**",
        ]
        for goal in study["targets"]
    ]
    return table(("what", "target", "found", "reached"), rows)


def live(confirmed: Row) -> str:
    """The live trials."""
    return table(HEAD, [rates(confirmed, f"{confirmed['trials']} live trials")])


def summary(calibration: Row) -> str:
    """The first sentences."""
    study, machine = calibration["study"], calibration["machine"]
    alarm = study["candidates"][0]["false_alarm"]
    half = study["half_pool_upper"]
    pool = ", ".join(f"{count} of {name}" for name, count in study["pool"]["rounds"].items())
    bound = "" if half is None else f"; the 95 % quantile over random halves of the pool is {100 * half:.1f} %"
    return (
        f"On {machine['cores']} cores of an {machine['cpu_model']}: of {alarm['trials']:,} pairs of identical workers, "
        f"{alarm['count']:,} were called faster or slower ({percent(alarm, bound=True)}{bound}). 95 % of such pairs "
        f"differ by less than {100 * calibration['noise_floor']:.1f} % after a run's planned rounds: the noise floor. "
        f"The pool has {study['pool']['passes']:,} passes in rounds of fresh processes: {pool}.\n\n"
        f"By the written rule the default would be: {study['choice']}; of the designs of the default size: "
        f"{study['choice_of_default_size']}."
    )


def text(calibration: Row, limit: int = 12) -> str:
    """Everything, for a terminal."""
    study = calibration["study"]
    parts: Sequence[str] = [
        summary(calibration),
        targets(study),
        candidates(study, limit),
        units(study),
        injected(study),
    ]
    confirmed = calibration["live"]
    return "\n\n".join([*parts, *([live(confirmed)] if confirmed else []), *study["pool"]["damage"]])
