"""The README: implementations from the registry, advice and results from the published run, and what our parts cost."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.harness.workers import CHECKOUT
from benchmarks.pages.markers import table
from benchmarks.report.errors import Worst, judged
from benchmarks.report.markdown import inline
from benchmarks.report.reading import read_run
from benchmarks.report.run import Record
from benchmarks.report.sections.advice import advise, sentence
from benchmarks.report.sections.apart import COUNTED
from benchmarks.report.sections.noise import noise_floor
from benchmarks.report.speeds import Group, Speed
from benchmarks.report.view import View, look
from benchmarks.report.wording import percent, ratio, significant
from benchmarks.verdicts.judging import MARGIN
from bn_impls.registry import BUILT_IN

PAGE, PUBLISHED, COSTS = CHECKOUT / "README.md", CHECKOUT / "reports" / "published", CHECKOUT / "reports" / "costs"
FIGURE = "reports/published/figures/{}"
SHOWN_SHAPES = ([256, 256], [32, 56, 56, 64])


def implementations() -> str:
    """The table of implementations, from the registry."""
    rows = [[f"`{d.name}`", d.framework, d.summary, ", ".join(d.styles)] for d in BUILT_IN]
    return table(("name", "framework", "what it is", "call styles"), rows)


def advice() -> str:
    """Which implementation to take in which framework, from the published run."""
    return "\n".join(f"- **{one.framework}**: {inline(sentence(one))}" for one in advise(look(read_run(PUBLISHED))))


def results() -> str:
    """What the published run found, and what our own parts cost."""
    view = look(read_run(PUBLISHED))
    where, planned = view.run.environment, {case.implementation for case in view.run.plan.cases}
    names = [descriptor.name for descriptor in BUILT_IN if descriptor.name in planned]
    versions = " and ".join(f"{name} {where['versions'][key]}" for name, key in VERSIONS.items())
    intro = (
        f"From the records of [one run](reports/published/report.md) on {where['cores']} cores of an "
        f"{where['cpu_model']}, with {versions}{load(view)}; `bn-bench run` makes the same table for your machine. "
        f"Errors are the worst of all float32 cases of {COUNTED}, `numpy-reference`'s too, over what the dtype must "
        "cost; second-order gradients and unusual batches stand apart, in the report. Step times are the report's, the "
        "shortest per call of any process. In brackets stands how many times as long as "
        f"`{view.speeds.baseline}` it takes, a mean over rounds of fresh processes, and so not the quotient of two "
        "shortest times; with the report's 95 % interval, which holds for all rows of a column at once and so is wider "
        "than the advice's, which holds for one framework's choices; and its verdict. Where the report does not trust "
        "a speed, because it differs from round to round or is faster than the machine allows, no ratio is told."
        f"{noisy(view)}"
    )
    head = ["", *(label for label, _ in COLUMNS)]
    rows = [[f"`{name}`", *(cell(view, name) for _, cell in COLUMNS)] for name in names]
    return "\n\n".join((intro, table(head, rows), figure(), costs()))


def load(view: View) -> str:
    """How busy the machine was while it measured, where that was more than half of its cores; else nothing."""
    found, cores = view.drift.median_load, view.run.environment.get("cores")
    if found is None or not isinstance(cores, int) or found <= cores / 2:
        return ""
    return f", at a load average of {significant(found, 2)} (the median while it measured, its own workers included)"


def noisy(view: View) -> str:
    """That half of the comparisons cannot show a small difference, where the report calls the machine too noisy."""
    floor = noise_floor(view)
    if floor is None or floor <= MARGIN:
        return ""
    return (
        f" The noise floor of this run is {percent(floor, 1)}: half of its comparisons cannot show a smaller "
        "difference, so trust what is called faster or slower, and read *undecided* as not known."
    )


def _records(view: View, axis: str, name: str, **parameters: Any) -> list[Record]:
    return [
        record for record in view.run.records if record.axis == axis and record.implementation == name
        and all(record.case.get(key) == value for key, value in parameters.items())
    ]  # fmt: skip


def _agreement(view: View, name: str) -> str:
    records = _records(view, "agreement", name, dtype="float32")
    measured = judged([record for record in records if record.measured])
    if not measured:
        return _unmeasured(records)
    right = sum(record.status == "ok" for record in measured)
    over = max(record.number("worst_error_over_bound") or 0.0 for record in Worst(tuple(measured)).headline)
    return f"{right} of {len(measured)}, {over:.2g}"


def _unmeasured(records: Sequence[Record]) -> str:
    return records[0].status.replace("_", " ") if records else "not planned"


def _speed(work: str, shape: list[int] | None) -> Callable[[View, str], str]:
    parameters: dict[str, Any] = {"work": work} | ({} if shape is None else {"shape": shape})

    def cell(view: View, name: str) -> str:
        shown = speed_of(view.speeds.groups, name, work, shape)
        if shown is None:
            return _unmeasured(_records(view, "throughput", name, **parameters))
        return speed_text(shown, trusted=all(view.trusts(speed) for speed in (shown, _base_of(view, shown))))

    return cell


def speed_of(groups: Sequence[Group], name: str, work: str, shape: list[int] | None) -> Speed | None:
    """What the report shows first of an implementation's speed at some work; None if it shows nothing."""
    found = [
        speed for group in groups if group.work == work and shape in (None, list(group.shape))
        for speed in group.published if speed.record.implementation == name
    ]  # fmt: skip
    return found[0] if found else None


def _base_of(view: View, speed: Speed) -> Speed:
    """The baseline of a speed's ratio."""
    (group,) = [group for group in view.speeds.groups if any(one is speed for one in group.published)]
    return group.baseline or speed


def speed_text(speed: Speed, *, trusted: bool = True) -> str:
    """``127 µs (1.00, 0.84 to 1.19, undecided)``: the report's step time, ratio, interval and verdict.

    Args:
        speed: that is shown.
        trusted: whether the report trusts it and its baseline; if not, no ratio is told.
    """
    microseconds, verdict = speed.step_ns / 1e3, speed.verdict
    text = f"{microseconds:,.0f} µs" if microseconds < 10_000 else f"{microseconds / 1e3:,.1f} ms"
    if not trusted:
        return f"{text} (not to be trusted)"
    if speed.is_baseline or verdict is None:
        return text
    if verdict.low is None or verdict.high is None:
        return f"{text} ({ratio(verdict.ratio)}, one round)"
    return f"{text} ({ratio(verdict.ratio)}, {ratio(verdict.low)} to {ratio(verdict.high)}, {verdict.word})"


def _restored(view: View, name: str) -> str:
    records = _records(view, "checkpoint", name)
    if not records or records[0].status != "ok":
        return _unmeasured(records)
    exact = records[0].flag("inference_bitwise") and records[0].flag("resumed_bitwise")
    return f"`{records[0].case['format']}`, {'bit for bit' if exact else 'within rounding'}"


VERSIONS = {"TensorFlow": "tensorflow", "Keras": "keras"}
COLUMNS: tuple[tuple[str, Callable[[View, str], str]], ...] = (
    ("float32 cases that agree, worst error", _agreement),
    *(
        (f"training forward + backward, {'x'.join(map(str, shape))}", _speed("training_forward_backward", shape))
        for shape in SHOWN_SHAPES
    ),
    ("training step of a small network", _speed("network_training_step", None)),
    ("what a checkpoint brings back", _restored),
)


def figure() -> str:
    """One figure of the published run."""
    chosen = sorted((PUBLISHED / "figures").glob("throughput*.svg"))[0]
    return f"![Speed ratios with intervals, from the published run]({FIGURE.format(chosen.name)})"


def costs() -> str:
    """What the interface and the training loop cost, from their own measurements."""
    loop, interface = (json.loads((COSTS / f"{name}.json").read_text()) for name in ("training_loop", "interface_cost"))
    speedups = loop["networks"]["000"]["speedup"]
    trained, fitted, called, shares = [], [], [], []
    for name in ("tf-manual", "keras"):
        document, fit = (speedups[f"{name} over {other}"]["mean"] for other in ("document", "fit"))
        trained.append(f"{document:.1f} (`{name}`)")
        fitted.append(f"{fit:.1f} (`{name}`)")
        extra = interface[name]["small"]["extra_ns"]
        mean, low, high = (_signed(extra[key] / 1e3) for key in ("mean", "low", "high"))
        called.append(f"{mean} µs for `{name}` (95 % interval {low} to {high})")
        share = interface[name]["millisecond"]["extra_percent"]
        mean, low, high = (_signed(share[key]) for key in ("mean", "low", "high"))
        shares.append(f"{mean} % for `{name}` ({low} to {high})")
    return (
        "What the suite itself costs ([records](reports/costs)): against the TF1 session loop of the tutorial that the "
        f"network comes from, its training loop is faster by a factor of {' and '.join(trained)}; against "
        f"`keras.Model.fit`, by {' and '.join(fitted)}. A call of the smallest layer through the interface costs, over "
        f"the same code by hand, {' and '.join(called)}; a step of about a millisecond, {' and '.join(shares)}."
    )


def _signed(value: float) -> str:
    return f"{value:+.2f}"


BLOCKS = {"advice": advice, "implementations": implementations, "results": results}
