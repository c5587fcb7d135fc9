"""Keeps what the README states in step with its source: ``python -m benchmarks.readme`` rewrites, ``--check`` compares.

The table of implementations comes from the registry; the results come from the records of the published run and from
the measurements of our own costs beside it. Nothing between the markers is written by hand.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence

from benchmarks.harness.workers import CHECKOUT
from benchmarks.report.errors import Worst, judged
from benchmarks.report.reading import read_run
from benchmarks.report.run import Record, Run
from benchmarks.report.statistics import compare, pass_minima
from bn_impls.registry import BUILT_IN

README, PUBLISHED, COSTS = CHECKOUT / "README.md", CHECKOUT / "reports" / "published", CHECKOUT / "reports" / "costs"
FIGURE = "reports/published/figures/{}"
SHOWN_SHAPES = ([256, 256], [32, 56, 56, 64])


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def implementations() -> str:
    """The table of implementations, from the registry."""
    rows = [[f"`{d.name}`", d.framework, d.summary, ", ".join(d.styles)] for d in BUILT_IN]
    return table(("name", "framework", "what it is", "call styles"), rows)


def results() -> str:
    """What the published run found, and what our own parts cost."""
    run = read_run(PUBLISHED)
    names = sorted({record.implementation for record in run.records})
    where = run.environment
    machine = f"{where['cores']} cores of an {where['cpu_model']}"
    versions = f"TensorFlow {where['versions']['tensorflow']}, Keras {where['versions']['keras']}"
    intro = (
        f"From the records of [one run](reports/published/report.md) on {machine}, with {versions}; `bn-bench run` "
        "makes the same table for your machine. Ratios are step times over those of `keras`, with 95 % intervals over "
        "fresh processes."
    )
    head = ["", *(f"`{name}`" for name in names)]
    rows = [[label, *(cell(run, name) for name in names)] for label, cell in RESULT_ROWS]
    return "\n\n".join((intro, table(head, rows), figure(), costs()))


def _agreement(run: Run, name: str) -> str:
    records = judged([r for r in run.records if r.axis == "agreement" and r.implementation == name and r.measured])
    right = sum(record.status == "ok" for record in records)
    worst = max(Worst(tuple(records)).headline, key=lambda record: record.number("worst_error_over_bound") or 0.0)
    shape = "x".join(map(str, worst.shape))
    over = worst.number("worst_error_over_bound")
    return f"{right} of {len(records)} cases agree; worst {over:.2g} times the bound ({shape})"


def _timed(run: Run, name: str, work: str, shape: list[int] | None) -> Record | None:
    found = [r for r in run.records if r.axis == "throughput" and r.implementation == name and r.case["work"] == work]
    return next((r for r in found if shape is None or r.case["shape"] == shape), None)


def _speed(work: str, shape: list[int] | None) -> Callable[[Run, str], str]:
    def cell(run: Run, name: str) -> str:
        own, baseline = (_timed(run, who, work, shape) for who in (name, "keras"))
        if own is None or own.status != "ok":
            return f"not measured: {own.reason if own else 'not planned'}"
        microseconds = (own.number("step_ns_min") or 0.0) / 1e3
        text = f"{microseconds:,.0f} µs" if microseconds < 10_000 else f"{microseconds / 1e3:,.1f} ms"
        ratio = (
            compare(pass_minima(own.samples), pass_minima(baseline.samples)) if baseline and name != "keras" else None
        )
        return f"{text} (ratio {ratio.ratio:.2f}, {ratio.low:.2f} to {ratio.high:.2f})" if ratio else text

    return cell


def _trained(run: Run, name: str, batch_norm: bool) -> Record:
    found = [r for r in run.records if r.axis == "convergence" and r.implementation == name]
    return next(record for record in found if record.case["batch_norm"] is batch_norm)


def _accuracy(run: Run, name: str) -> str:
    shares = [_trained(run, name, batch_norm).number("final_test_accuracy") or 0.0 for batch_norm in (True, False)]
    return f"{100 * shares[0]:.1f} % with, {100 * shares[1]:.1f} % without"


def _split(run: Run, name: str) -> str:
    record = _trained(run, name, True)
    step = record.number("first_split_step")
    return "never" if step is None else f"step {step:.0f} of {record.number('steps'):.0f}"


def _restored(run: Run, name: str) -> str:
    record = next(r for r in run.records if r.axis == "checkpoint" and r.implementation == name)
    if record.status != "ok":
        return f"{record.status}: {record.reason}"
    exact = record.flag("inference_bitwise") and record.flag("resumed_bitwise")
    return f"`{record.case['format']}`: {'all of it, bit for bit' if exact else 'within rounding'}"


RESULT_ROWS: tuple[tuple[str, Callable[[Run, str], str]], ...] = (
    ("does it compute the same?", _agreement),
    *(
        (f"training forward + backward, {'x'.join(map(str, shape))}", _speed("training_forward_backward", shape))
        for shape in SHOWN_SHAPES
    ),
    ("a training step of a small network", _speed("network_training_step", None)),
    ("test accuracy of that network, with and without batch norm", _accuracy),
    ("its loss leaves the float64 reference's by 0.1 %", _split),
    ("a checkpoint in its usual format brings back", _restored),
)


def figure() -> str:
    """One figure of the published run."""
    chosen = sorted((PUBLISHED / "figures").glob("throughput*.svg"))[0]
    return f"![Speed ratios with intervals, from the published run]({FIGURE.format(chosen.name)})"


def costs() -> str:
    """What the interface and the training loop cost, from their own measurements."""
    loop, interface = (json.loads((COSTS / f"{name}.json").read_text()) for name in ("training_loop", "interface_cost"))
    trained, fitted, called = [], [], []
    for name in ("tf-manual", "keras"):
        document, fit = (loop["speedup"][f"{name} over {other}"]["mean"] for other in ("document", "fit"))
        trained.append(f"{document:.1f} (`{name}`)")
        fitted.append(f"{fit:.1f} (`{name}`)")
        extra = interface[name]["small"]["extra_ns"]
        mean, low, high = (_signed(extra[key] / 1e3) for key in ("mean", "low", "high"))
        called.append(f"{mean} µs for `{name}` (95 % interval {low} to {high})")
    return (
        "What the suite itself costs ([records](reports/costs)): against the TF1 session loop of the tutorial that the "
        f"network comes from, its training loop is faster by a factor of {' and '.join(trained)}; against "
        f"`keras.Model.fit`, by {' and '.join(fitted)}. A call of the smallest layer through the interface costs, over "
        f"the same code by hand, {' and '.join(called)}."
    )


def _signed(value: float) -> str:
    return f"{value:+.2f}"


def rewritten(text: str) -> str:
    """A README with every block between markers made anew."""
    blocks: dict[str, Callable[[], str]] = {"implementations": implementations, "results": results}
    for name, make in blocks.items():
        begin, end = f"<!-- begin: {name} -->\n", f"<!-- end: {name} -->"
        if text.count(begin) != 1 or text.count(end) != 1:
            raise ValueError(f"README.md should have the block {begin.strip()} ... {end} once")
        before, rest = text.split(begin)
        text = f"{before}{begin}{make()}\n{end}{rest.split(end)[1]}"
    return text


def main() -> int:
    """Rewrite or check; 1 if the README differs from its sources."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if something differs")
    options = parser.parse_args()
    old = README.read_text(encoding="utf-8")
    new = rewritten(old)
    if options.check:
        return int(new != old)
    README.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
