"""The study: every candidate and every rule of others on the same trials, drawn from one pool."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.calibration.choosing import choose, targets
from benchmarks.calibration.other_rules import OTHERS
from benchmarks.calibration.pool import Pool, Unit
from benchmarks.calibration.rates import Tally, half_pool_upper, too_small_to_halve
from benchmarks.calibration.rules import UNPAIRED, Design, Rule, Verdicts, log_ratios
from benchmarks.calibration.trials import Trials, draw
from benchmarks.calibration.workers import SLOWDOWNS
from benchmarks.harness import top_up
from benchmarks.verdicts.judging import MARGIN, judge
from benchmarks.verdicts.passes import STATISTICS, Array
from benchmarks.verdicts.ratios import WITHIN_ROUND
from bn_impls.errors import BadRunFolder

DEFAULT = Design(top_up=top_up.ROUNDS)
"""What a run of the default size does: 5 rounds of 5 passes, and more of what is undecided."""
SPLITS = ((3, 8), (5, 5), (10, 3))
"""Rounds and passes of about the same measuring time; a round also costs the start of its processes."""
RECORDED = "recorded"
TRIALS = 1000
"""Of each slowdown and unit."""


def candidates(passes: int) -> Iterator[Design]:
    """Every design that is tried, the default one first; those with more passes than the pool has are left out."""
    yield DEFAULT
    for statistic in STATISTICS:
        for within in (*WITHIN_ROUND, UNPAIRED):
            planned = [Design(statistic, within, *split) for split in SPLITS]
            designs = [*planned, Design(statistic, within, top_up=top_up.ROUNDS)]
            yield from (design for design in designs if design != DEFAULT and design.passes <= passes)


def study(
    pool: Pool, seed: int = 0, count: int = TRIALS, show: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Draw and judge all trials.

    Args:
        pool: recorded passes.
        seed: of random numbers.
        count: trials of each slowdown and unit.
        show: is told what is done.

    Returns:
        Plain values: the fields that :mod:`benchmarks.calibration.rendering` shows.

    Raises:
        BadRunFolder: the pool is too small for the default design.
    """
    _check(pool)
    default = Verdicts(DEFAULT)
    mine, others, left_out = _feasible(pool)
    tallies = _judged(pool, [*mine, *others], seed, count, show)
    rows = [_described(rule.design) | _total(tallies[rule.name]).as_json() for rule in mine]
    units = [
        {"name": unit.name, "rounds": len(unit.rounds)} | tally.as_json()
        for unit, tally in zip(pool.units, tallies[default.name], strict=True)
    ]
    show("drawing from halves of the pool")
    return {
        "pool": _pool(pool),
        "candidates": rows,
        "left_out": left_out,
        "others": [{"name": rule.name} | _total(tallies[rule.name]).as_json() for rule in others],
        "units": units,
        "injected": [fact for unit in pool.units for fact in injected(unit)],
        "noise_floor": noise_floor(pool.units, seed, count),
        "half_pool_upper": half_pool_upper({unit: log_ratios(unit, DEFAULT) for unit in pool.units}, default, seed),
        "not_halved": too_small_to_halve(pool.units, default),
        "choice": choose(rows)["name"],
        "choice_of_default_size": choose([row for row in rows if row["top_up"]])["name"],
        "targets": targets(rows[0], units),
        "margin": MARGIN,
    }


def _feasible(pool: Pool) -> tuple[list[Verdicts], list[Rule], list[str]]:
    """Our designs and the rules of others for which every unit has rounds and passes enough; names of the rest."""
    whole = min(len(unit.rounds) for unit in pool.units)
    passes = min(unit.durations.shape[2] for unit in pool.units)
    mine = [Verdicts(design) for design in candidates(passes)]
    rules: list[Rule] = [*mine, *OTHERS]
    left_out = [rule.name for rule in rules if rule.rounds > whole]
    return [rule for rule in mine if rule.rounds <= whole], [rule for rule in OTHERS if rule.rounds <= whole], left_out


def _check(pool: Pool) -> None:
    need = DEFAULT.rounds + DEFAULT.top_up
    for unit in pool.units:
        visits = unit.durations.shape[2]
        if len(unit.rounds) < need or visits < DEFAULT.passes:
            raise BadRunFolder(
                f"the pool of {unit.name} has {len(unit.rounds)} whole rounds of {visits} passes, but should have at "
                f"least {need} of {DEFAULT.passes}; the same command with more --minutes goes on recording"
            )


def _judged(
    pool: Pool, rules: Sequence[Rule], seed: int, count: int, show: Callable[[str], None]
) -> dict[str, list[Tally]]:
    """The tally of every rule on every unit; rules that need as many rounds judge the same trials."""
    tallies: dict[str, list[Tally]] = {rule.name: [] for rule in rules}
    for number, unit in enumerate(pool.units):
        show(f"drawing trials: {unit.name}")
        drawn: dict[tuple[int, int], Trials] = {}
        for percent in (0, *SLOWDOWNS):
            for rounds in {rule.rounds for rule in rules}:
                generator = np.random.default_rng([seed, number, percent, rounds])
                drawn[percent, rounds] = draw(unit, percent, rounds, count, generator)
        for rule in rules:
            tally, words = Tally(), rule.judge(unit)
            for percent in (0, *SLOWDOWNS):
                tally.add(percent, words(drawn[percent, rule.rounds]))
            tallies[rule.name].append(tally)
    return tallies


def _total(tallies: Sequence[Tally]) -> Tally:
    return tallies[0].merged(tallies[1:])


def _described(design: Design) -> dict[str, Any]:
    fields = ("name", "statistic", "within", "rounds", "passes", "top_up")
    return {name: getattr(design, name) for name in fields}


def _pool(pool: Pool) -> dict[str, Any]:
    return {
        "passes": int(sum(unit.durations.shape[0] * len(unit.rounds) * unit.durations.shape[2] for unit in pool.units)),
        "rounds": {unit.implementation: len(unit.rounds) for unit in pool.units},
        "cut_rounds": pool.cut,
        "damage": list(pool.damage),
    }


def injected(unit: Unit) -> Iterator[dict[str, Any]]:
    """The slowdown that the pool shows of each slowed worker, with a 95 % interval over rounds.

    A round's figure is the mean log ratio to all equal workers; fractions, 0.05 for 5 %.
    """
    ratios = log_ratios(unit, DEFAULT)
    for percent in SLOWDOWNS:
        per_round = ratios[unit.places(percent)][:, unit.places(0)].mean(axis=(0, 1))
        found = judge(per_round)
        assert found is not None and found.low is not None and found.high is not None
        observed = {"observed": found.ratio - 1, "low": found.low - 1, "high": found.high - 1}
        yield {"unit": unit.name, "injected": percent / 100, **observed}


def noise_floor(units: Sequence[Unit], seed: int, count: int) -> float:
    """The relative difference that 95 % of pairs of identical workers stay below after a run's planned rounds."""
    found: list[Array] = []
    for number, unit in enumerate(units):
        trials = draw(unit, 0, DEFAULT.rounds, count, np.random.default_rng([seed, number]))
        found.append(np.abs(log_ratios(unit, DEFAULT)[trials.first, trials.second, trials.rounds].mean(axis=1)))
    return float(np.expm1(np.quantile(np.concatenate(found), 0.95)))


def calibration(
    found: Mapping[str, Any], confirmed: Mapping[str, Any] | None, machine: Mapping[str, Any]
) -> dict[str, Any]:
    """What ``calibration.json`` holds: the rates of the rule that runs use now, and the study behind them."""
    row = found["candidates"][0]
    alarm = row["false_alarm"]
    return {
        "schema": 1,
        "statistic": row["statistic"],
        "within": row["within"],
        "rounds": row["rounds"],
        "passes": row["passes"],
        "top_up": row["top_up"],
        "false_alarm_rate": alarm["rate"],
        "false_alarm_upper": max(alarm["upper"], found["half_pool_upper"] or 0.0),
        "noise_floor": found["noise_floor"],
        "trials": alarm["trials"],
        "machine": {name: value for name, value in machine.items() if name != RECORDED},
        RECORDED: machine.get(RECORDED),
        "study": dict(found),
        "live": None if confirmed is None else dict(confirmed),
    }
