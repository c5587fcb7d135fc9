"""A calibration in sentences and tables, which the terminal and the page of the docs both show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.calibration.choosing import MOST_FALSE_ALARMS, most_sensitive
from benchmarks.pages.markers import table
from benchmarks.report.wording import listing

Row = Mapping[str, Any]
RATES = (
    "A/A false\nalarms", "found,\n2 %", "5 %", "10 %", "20 %", "A/A\nsame", "5 % un-\ndecided",
    "wrong\ndirection",
)  # fmt: skip
SHOWN = 8


@dataclass(frozen=True)
class Sheet:
    """A table with what it shows."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        """As on a page."""
        heads = [head.replace("-\n", "").replace("\n", " ") for head in self.head]
        return f"**{self.title}**\n\n{table(heads, self.rows)}"

    def terminal(self) -> Table:
        """As in a terminal."""
        drawn = Table(title=self.title, title_justify="left", box=None, pad_edge=False)
        for place, head in enumerate(self.head):
            drawn.add_column(head, justify="right" if place else "left")
        for row in self.rows:
            drawn.add_row(*row)
        return drawn


def share(found: Row | None, *, bound: bool = False) -> str:
    """A rate in percent, with its upper bound if asked for."""
    if not found or found["rate"] is None:
        return "-"
    shown = _percent(found["rate"])
    return f"{shown} (≤ {_percent(found['upper'])})" if bound else shown


def _percent(value: float) -> str:
    return f"{100 * value:.2f}" if 0 < value < 0.01 else f"{100 * value:.1f}"


def rates(row: Row, name: str, *, verdicts: bool = True) -> list[str]:
    """The cells of a rule, which has our verdicts or no ``same``."""
    found = [share(row["detected"].get(key)) for key in ("2", "5", "10", "20")]
    rest = [row["same"]["0"] if verdicts else None, row["undecided"].get("5")]
    wrong = share(row["wrong_direction"], bound=True)
    return [name, share(row["false_alarm"], bound=True), *found, *map(share, rest), wrong]


def targets(study: Row) -> Sheet:
    """What must be reached."""
    rows = [
        [
            goal["what"],
            f"{goal['bound']} {100 * goal['target']:g}",
            "-" if goal["value"] is None else _percent(goal["value"]),
            "yes" if goal["reached"] else "no",
        ]
        for goal in study["targets"]
    ]
    return Sheet("What runs use, against what it must reach (%)", ("what", "target", "found", "reached"), rows)


def rules(study: Row, shown: int = SHOWN) -> Sheet:
    """What runs use, then our rule in other designs, best first, then the rules of others."""
    first, *rest = study["candidates"]
    rest.sort(key=lambda row: (row["false_alarm"]["upper"] >= MOST_FALSE_ALARMS, -row["detected"]["5"]["rate"]))
    rows = [rates(first, f"{first['name']} (what runs use)"), *(rates(row, row["name"]) for row in rest[:shown])]
    others = [rates(row, row["name"], verdicts=False) for row in study["others"]]
    title = f"The same trials by {min(shown, len(rest)) + 1} of {len(study['candidates'])} designs and by others' rules"
    return Sheet(f"{title} (%)", ("rule", *RATES), [*rows, *others])


def units(study: Row) -> Sheet:
    """What runs use, on each implementation and workload."""
    rows = [rates(row, f"{row['name']} ({row['rounds']} rounds)") for row in study["units"]]
    return Sheet("What runs use, by implementation and workload (%)", ("implementation, workload", *RATES), rows)


def injected(study: Row) -> Sheet:
    """What was injected and what the pool shows."""
    facts = study["injected"]
    percents = sorted({fact["injected"] for fact in facts})
    rows = [
        [unit, *(_interval(fact) for percent in percents for fact in facts if _is(fact, unit, percent))]
        for unit in dict.fromkeys(fact["unit"] for fact in facts)
    ]
    head = ("implementation, workload", *(f"{100 * percent:g} % injected" for percent in percents))
    return Sheet("Slowdowns that the pool shows, with 95 % intervals over rounds (%)", head, rows)


def _is(fact: Row, unit: str, percent: float) -> bool:
    return bool(fact["unit"] == unit and fact["injected"] == percent)


def _interval(fact: Row) -> str:
    low, high = (f"{100 * fact[end]:.1f}" for end in ("low", "high"))
    return f"{100 * fact['observed']:.1f} ({low} to {high})"


def live(confirmed: Row) -> Sheet:
    """The live trials."""
    runs = ", ".join(f"{count} of {name}" for name, count in confirmed["runs"].items())
    row = rates(confirmed, f"{confirmed['trials']} trials; runs: {runs}")
    return Sheet("Live trials (%)", ("what", *RATES), [row])


def summary(calibration: Row) -> list[str]:
    """What came out, in paragraphs."""
    study, machine = calibration["study"], calibration["machine"]
    first = study["candidates"][0]
    alarm, half = first["false_alarm"], study["half_pool_upper"]
    pool = ", ".join(f"{count} of {name}" for name, count in study["pool"]["rounds"].items())
    within = (
        f"{listing(study['not_halved'])} {'has' if len(study['not_halved']) == 1 else 'have'} too few rounds to be "
        "halved, so how far another pool might differ is not known"
        if half is None
        else f"in 95 % of random halves of the pool the share is at most {_percent(half)} %"
    )
    floor = calibration["noise_floor"]
    claims = f" This machine, as it was, is too noisy for claims below {_percent(floor)} %."
    noisy = claims if floor > study["margin"] else ""
    return [
        f"{machine['cpu_model']}, {machine['cores']} cores. {alarm['count']:,} of {alarm['trials']:,} pairs of "
        f"identical workers were called faster or slower: {_percent(alarm['rate'])} %, at most "
        f"{_percent(alarm['upper'])} % by these trials' 95 % interval; {within}.",
        f"Noise floor: 95 % of the pairs differ by less than {_percent(floor)} % after the planned rounds; `same` "
        f"means within {100 * study['margin']:g} %.{noisy}",
        f"The pool: {study['pool']['passes']:,} passes; rounds of fresh processes: {pool}. The written rule (false "
        f"alarms surely below {100 * MOST_FALSE_ALARMS:g} %, then most 5 % slowdowns found, and what runs use where "
        f"the trials cannot tell it from the best) picks {_choice(study)}.",
        *study["pool"]["damage"],
    ]


def _choice(study: Row) -> str:
    """What the rule picks, and how far what runs use is from the best."""
    first = study["candidates"][0]
    if study["choice"] != first["name"]:
        return f"another design, {study['choice']}; of the designs with a top-up, {study['choice_of_default_size']}"
    trusted = [row for row in study["candidates"] if row["false_alarm"]["upper"] < MOST_FALSE_ALARMS]
    best = most_sensitive(trusted or [first])
    if best["name"] == first["name"]:
        return "what runs use, which found most by itself"
    mine, most = first["detected"]["5"], best["detected"]["5"]
    return (
        f"what runs use: it found {_percent(mine['rate'])} % of the 5 % slowdowns, and the best, {best['name']}, "
        f"{_percent(most['rate'])} %, which is not beyond the upper bound of the former, {_percent(mine['upper'])} %"
    )


def sheets(calibration: Row, shown: int = SHOWN) -> Iterator[Sheet]:
    """Every table."""
    study = calibration["study"]
    yield from (targets(study), rules(study, shown), units(study), injected(study))
    if calibration["live"]:
        yield live(calibration["live"])


def markdown(calibration: Row) -> str:
    """All of it, for a page."""
    return "\n\n".join([*summary(calibration), *(sheet.markdown() for sheet in sheets(calibration))])


def show(calibration: Row, console: Console) -> None:
    """All of it, in a terminal."""
    for paragraph in summary(calibration):
        console.print(paragraph, markup=False, highlight=False)
    for sheet in sheets(calibration):
        console.print()
        console.print(sheet.terminal(), markup=False)
    console.print()
