"""Start and break-even, memory, and the machine's limit: by value, from records written by hand."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.report.break_even import Cost, break_even, cheapest, start_difference
from benchmarks.report.document import Bullets, Paragraph, Section, Table, plain
from benchmarks.report.reading import read_run
from benchmarks.report.sections import resources
from benchmarks.report.sections.warnings import warnings
from benchmarks.report.speeds import Speed
from benchmarks.report.view import View, look
from benchmarks.report.wording import DASH
from benchmarks.verdicts.judging import Verdict, verdict_of
from tests.report.synthetic import Json, agreement, record, throughput, write_run

Build = Callable[..., View]
MINIMA = {(number, 0): 100_000.0 for number in range(3)}  # ns per call


def cost(start_s: float, step_s: float) -> Cost:
    """A choice without a record."""
    return Cost(Speed(None, {}, None), start_s, step_s)  # type: ignore[arg-type]


def started(who: str, step_ns: float, import_s: float, **metrics: float) -> Json:
    """A throughput record with a start: 0.12 s of building and 0.8 s of a first call come on top."""
    entry = throughput(who, dict.fromkeys(MINIMA, step_ns))
    entry["metrics"] |= {"start_cpu_s": import_s, "rss_before_mib": 400.0} | metrics
    return entry


def sentences(section: Section) -> list[str]:
    """Every paragraph and list item, without marks."""
    found = [plain(block.text) for block in section.blocks if isinstance(block, Paragraph)]
    return found + [plain(item) for block in section.blocks if isinstance(block, Bullets) for item in block.items]


def rows(section: Section, key: str) -> list[dict[str, str]]:
    """The rows of a table, column title -> text."""
    (table,) = [block for block in section.blocks if isinstance(block, Table) and block.key == key]
    titles = [column.title for column in table.columns]
    return [dict(zip(titles, [cell.text for cell in row], strict=True)) for row in table.rows]


# --- break-even -----------------------------------------------------------------------------------------------------


def told_apart(one: Cost, other: Cost, spread: float = 1.0) -> Verdict:
    """The verdict on two steps whose ratio is known so well."""
    return verdict_of(math.log(one.step_s / other.step_s), math.log(spread), 5, 0.03)


@pytest.mark.parametrize(
    ("one", "other", "steps"),
    [
        (cost(10.0, 0.001), cost(1.0, 0.010), 1001.0),  # 9 s more are 9 ms a step, 1,000 times
        (cost(1.0, 0.010), cost(10.0, 0.001), 1001.0),
        (cost(1.0, 0.001), cost(10.0, 0.010), None),  # better in both
    ],
)
def test_break_even_by_hand(one: Cost, other: Cost, steps: float | None) -> None:
    """After that many steps both have cost the same."""
    found = break_even(one, other, told_apart(one, other))
    assert (found and found.steps) == (None if steps is None else pytest.approx(steps))
    if found is not None:
        assert one.after(found.steps) == pytest.approx(other.after(found.steps))
        assert found.low == pytest.approx(found.high)


def test_the_range_of_a_break_even_is_that_of_the_ratio() -> None:
    """Half the step, 0.4 to 0.625 of it: 10 s more are 5 ms a step saved, or 6, or 3.75."""
    one, other = cost(11.0, 0.005), cost(1.0, 0.010)
    found = break_even(one, other, told_apart(one, other, 1.25))
    assert found is not None
    assert (found.steps, found.low, found.high) == pytest.approx((2001, 1 + 10 / 0.006, 1 + 10 / 0.00375))


def test_starts_are_compared_over_the_rounds_that_both_have() -> None:
    """Everyone starts 4 s quicker in rounds 2 and 3, which the baseline alone has: one start takes 1.0 and 1.2 s more.

    Student's interval of two rounds is 1.1 s ± 12.706 * 0.1 s: no difference, so no break-even. With 1.09 and 1.11 s
    it is 1.1 s ± 0.127 s, and half of 10 ms is saved in each step.
    """
    baseline = replace(cost(7.0, 0.010), import_s=6.25, imports={0: 8.0, 1: 9.0, 2: 4.0, 3: 4.5})

    def against(first: float, second: float) -> tuple[Cost, Verdict]:
        one = replace(cost(10.0, 0.005), import_s=9.25, imports={0: first, 1: second})
        return one, told_apart(one, baseline)

    wide, step = against(9.0, 10.2)
    assert start_difference(wide, baseline).seconds == pytest.approx(1.1)
    assert not start_difference(wide, baseline).told and break_even(wide, baseline, step) is None
    narrow, step = against(9.09, 10.11)
    found = break_even(narrow, baseline, step)
    assert found is not None
    half = 12.7062 * math.sqrt(2) * 0.01 / math.sqrt(2)
    ends = (1 + 1.1 / 0.005, 1 + (1.1 - half) / 0.005, 1 + (1.1 + half) / 0.005)
    assert (found.steps, found.low, found.high) == pytest.approx(ends, rel=1e-4)


def test_starts_that_are_not_told_apart_have_no_break_even(view_of: Build) -> None:
    """Read from the passes: keras was started in a quicker round more, and both alike in the others."""
    view = view_of(
        agreement("keras"), agreement("quick"), started("keras", 200_000, 3.0), started("quick", 100_000, 4.0)
    )
    imports = {"keras": [4.0, 4.2, 3.0], "quick": [4.1, 4.1]}
    case_of = {record.implementation: record.case_id for record in view.run.records if record.axis == "throughput"}
    lines = [
        {"case_id": case_of[who], "kind": "prepared", "round": number, "start_cpu_s": seconds}
        for who, of in imports.items() for number, seconds in enumerate(of)
    ]  # fmt: skip
    (view.run.folder / "passes.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + "{cut")
    told = {row["Implementation"]: row for row in rows(resources.build(view), "start-up-table")}
    assert (told["keras"]["Import"], told["quick"]["Import"]) == ("4.10 s", "4.10 s")
    assert told["quick"]["Break-even, steps"] == DASH
    assert told["quick"]["Which means"] == "none told: starts not told apart, step faster"


@pytest.mark.parametrize("spread", [2.5, 1.01])
def test_there_is_no_break_even_of_steps_that_are_not_told_apart(spread: float) -> None:
    """Undecided, and the same: it may be infinite."""
    one, other = cost(10.0, 0.0099), cost(1.0, 0.0100)
    assert told_apart(one, other, spread).word in ("undecided", "same")
    with pytest.raises(ValueError, match="should be faster or slower"):
        break_even(one, other, told_apart(one, other, spread))
    assert [turn.cost for turn in cheapest([one, other], lambda a, b: told_apart(a, b, spread))] == [other]


def test_the_cheapest_for_every_number_of_steps() -> None:
    """Three take turns; the fourth is never the cheapest, though it is faster than the first."""
    slow, middle, fast, never = cost(0.1, 0.1), cost(1.0, 0.01), cost(10.0, 0.001), cost(9.0, 0.05)
    found = cheapest([never, fast, slow, middle], told_apart)
    assert [turn.cost for turn in found] == [slow, middle, fast]
    begins = [turn.since.steps if turn.since else 1.0 for turn in found]
    assert begins == pytest.approx([1, 11, 1001])
    for steps in (1, 5, 12, 900, 1100, 10**6):
        best = min((never, fast, slow, middle), key=lambda choice: choice.after(steps))
        assert [turn.cost for turn, begin in zip(found, begins, strict=True) if begin <= steps][-1] == best


def test_who_is_not_told_apart_takes_no_turn_and_is_named(view_of: Build) -> None:
    """close starts later than quick, and its rounds are 20 % slower to 20 % faster; keras is twice as slow."""
    noisy = {(number, 0): 100_000.0 * (1 + 0.2 * (number - 1)) for number in range(3)}
    close = throughput("close", noisy)
    close["metrics"] |= {"start_cpu_s": 3.0, "rss_before_mib": 400.0}
    entries = [started("keras", 200_000, 1.0), started("quick", 100_000, 2.0), close]
    section = resources.build(view_of(*(agreement(who) for who in ("keras", "quick", "close")), *entries))
    assert any(
        "cheapest in total is keras (graph) up to 10,001 steps, then quick (graph), not told apart by its step from "
        "close (graph)." in text for text in sentences(section)
    )  # fmt: skip
    told = {row["Implementation"]: row for row in rows(section, "start-up-table")}
    assert (told["close"]["Break-even, steps"], told["close"]["Which means"]) == (DASH, "none told: step undecided")
    assert any("timed once (n = 1)" in text for text in sentences(section))


def test_the_start_is_told_with_its_parts_and_its_break_even(view_of: Build) -> None:
    """keras starts in 3.92 s and takes 100 us; quick starts 2 s sooner and takes 200 us: equal after 20,001 steps."""
    view = view_of(
        agreement("keras"), agreement("quick"), started("keras", 100_000, 3.0), started("quick", 200_000, 1.0)
    )
    section = resources.build(view)
    (_, quick) = sorted(rows(section, "start-up-table"), key=lambda row: row["Implementation"])
    assert (quick["Import"], quick["Build"], quick["First call"]) == ("1.00 s", "120 ms", "800 ms")
    assert quick["Threads busy"] == "2.00"
    assert (quick["Start"], quick["Step"]) == ("1.92 s", "200 µs")
    assert (quick["Break-even, steps"], quick["Which means"]) == ("20,001", "cheaper until then (5.92 s each)")
    assert any("cheapest in total is quick (graph) up to 20,001 steps, then keras (graph)." in text
               for text in sentences(section))  # fmt: skip


def test_no_break_even_of_a_step_that_is_not_to_be_trusted(view_of: Build) -> None:
    """flaky takes three times as long in one round as in the others, and takes no turn."""
    flaky = throughput("flaky", {(0, 0): 1_000.0, (1, 0): 1_100.0, (2, 0): 3_000.0})
    flaky["metrics"] |= {"start_cpu_s": 0.5, "rss_before_mib": 400.0}
    entries = [started("keras", 200_000, 3.0), started("quick", 100_000, 4.0), flaky]
    section = resources.build(view_of(*(agreement(who) for who in ("keras", "quick", "flaky")), *entries))
    told = {row["Implementation"]: row for row in rows(section, "start-up-table")}
    assert (told["flaky"]["Break-even, steps"], told["flaky"]["Which means"]) == (
        DASH, "none told: step not to be trusted"
    )  # fmt: skip
    assert any(
        "is keras (graph) up to 10,001 steps, then quick (graph). Left out, as its speed is not to be trusted: flaky "
        "(graph)." in text for text in sentences(section)
    )  # fmt: skip


def test_a_run_without_recorded_starts_tells_none(view_of: Build) -> None:
    """One of an older version."""
    section = resources.build(view_of(agreement("a"), throughput("a", MINIMA)))
    assert "start-up-table" not in [block.key for block in section.blocks if isinstance(block, Table)]


# --- memory ---------------------------------------------------------------------------------------------------------


def growing(who: str, heap_bytes: int) -> Json:
    """Three passes of 30 steps that leave so much behind."""
    entry = started(who, 100_000, 1.0)
    for line in entry["samples"]["passes"]:
        line |= {"heap_grown_bytes": heap_bytes, "python_blocks_grown": 0}
    return entry


def test_growing_memory_is_a_warning_with_mib_a_step(view_of: Build) -> None:
    """30 MiB in 30 steps; who keeps a kilobyte is not named."""
    view = view_of(agreement("leaky"), agreement("tidy"), growing("leaky", 30 * 2**20), growing("tidy", 1000))
    expected = "Memory of leaky grows with every step: by 1 MiB and 0 Python objects a step in Training: forward and"
    for texts in ([plain(text) for text in warnings(view)], sentences(resources.build(view))):
        (told,) = [text for text in texts if text.startswith("Memory of")]
        assert told.startswith(expected)
    counted = {row["Implementation"]: row["Growing cases"] for row in rows(resources.build(view), "memory-table")}
    assert counted == {"leaky": "1", "tidy": "0"}


def test_the_peak_is_split_into_what_was_there_and_the_case(view_of: Build) -> None:
    """The helper's peak is 512 MiB."""
    (row,) = rows(resources.build(view_of(agreement("a"), started("a", 100_000, 1.0))), "memory-table")
    assert (row["Peak, MiB"], row["Before a case, MiB"]) == ("512", "400")
    assert (row["Largest share of a case, MiB"], row["Growing cases"]) == ("112", DASH)


# --- the roofline ---------------------------------------------------------------------------------------------------

MIB = 2**20
MACHINE = {
    "status": "ok",
    "copy": [
        {"working_set_bytes": MIB, "inside_cache": True, "bytes_per_sample": 50_000, "durations_ns": [1000, 2000]},
        {"working_set_bytes": 64 * MIB, "inside_cache": False, "bytes_per_sample": 10_000, "durations_ns": [1000]},
    ],
    "arithmetic": [
        {"dtype": dtype, "operations_per_sample": 1_000_000, "durations_ns": [1000]} for dtype in ("float32", "float64")
    ],
}


def measured_view(tmp_path: Path, machine: Mapping[str, Any] | None, step_ns: float) -> View:
    """A run of one inference of (1024, 1024) float32 on a machine: 8 MiB and 16 KiB, at 50 bytes a ns."""
    case = {"shape": [1024, 1024]}
    minima = dict.fromkeys(MINIMA, step_ns)
    folder = write_run(tmp_path / "run", [agreement("a", case=case), throughput("a", minima, "inference", case)])
    if machine is not None:
        (folder / "machine.json").write_text(json.dumps({"schema": 1, "cpu": machine}))
    return look(read_run(folder))


LIMIT_NS = (8 * MIB + 16 * 1024) / 50


def test_a_row_is_a_fraction_of_its_limit(tmp_path: Path) -> None:
    """Four times the limit is 25 % of it; the rates are those of the fastest samples."""
    section = resources.build(measured_view(tmp_path, MACHINE, 4 * LIMIT_NS))
    (row,) = rows(section, "roofline-table")
    assert (row["Of the limit, %"], row["Limited by"], row["GB/s"]) == ("25.0", "cache", "12.5")
    assert (row["Limit"], row["Step"]) == ("168 µs", "672 µs")
    texts = sentences(section)
    assert any("copying reaches 50.0 GB/s within 1.00 MiB" in text and "10.0 GB/s within 64.0 MiB" in text
               for text in texts)  # fmt: skip
    assert any("8.02 MiB must be moved and 2,102,272 operations done" in text for text in texts)
    assert any("a (graph) comes closest with 25.0 % of that limit" in text for text in texts)


@pytest.mark.parametrize(
    ("shares", "told"),
    [
        ({}, None),
        ({"others_share": 0.04, "steal_share": None}, None),
        ({"others_share": 0.3, "steal_share": 0.01}, "other programs took 30.0 %"),
        ({"others_share": 0.3, "steal_share": 0.2}, "other programs took 30.0 % and the host gave to others 20.0 %"),
    ],
)
def test_rates_of_a_machine_that_others_used_are_told(tmp_path: Path, shares: Any, told: str | None) -> None:
    """From 5 % on, beside the rates; nothing where it was not recorded."""
    section = resources.build(measured_view(tmp_path, {**MACHINE, **shares}, 4 * LIMIT_NS))
    expected = f"While the rates of cpu were measured, {told} of the processor time"
    assert [text.split(":")[0] for text in sentences(section) if "of the processor time" in text] == (
        [expected] if told else []
    )


def test_who_is_faster_than_the_machine_is_not_believed(tmp_path: Path) -> None:
    """Half of the shortest possible time: the work was not done. At the limit itself nothing is said."""
    told = [plain(text) for text in warnings(measured_view(tmp_path, MACHINE, LIMIT_NS / 2))]
    assert any(text.startswith("a (graph) is too fast at Inference, dense 1024") and "2.00 times" in text
               for text in told)  # fmt: skip
    told = [plain(text) for text in warnings(measured_view(tmp_path, MACHINE, LIMIT_NS))]
    assert not any("too fast" in text for text in told)


@pytest.mark.parametrize(
    ("small_ns", "large_ns", "verdict"),
    [
        (LIMIT_NS / 2, 2 * LIMIT_NS, "grows"),
        (LIMIT_NS / 2, LIMIT_NS / 2, "left out"),  # the same time for 1,024 times the values
        (LIMIT_NS, LIMIT_NS, "cannot be told"),  # a call costs so much that the work may hide in it
        (LIMIT_NS, 4 * LIMIT_NS, "cannot be told"),
    ],
)
def test_work_that_grows_with_the_size_is_told_from_work_that_is_left_out(
    tmp_path: Path, small_ns: float, large_ns: float, verdict: str
) -> None:
    """Proved where the machine cannot do the largest shape's work in the smallest one's time."""
    times = {(32, 32): small_ns, (1024, 1024): large_ns}
    cases = {shape: {"shape": list(shape)} for shape in times}
    records = [agreement("a", case=case) for case in cases.values()]
    speeds = [throughput("a", dict.fromkeys(MINIMA, ns), "inference", cases[shape]) for shape, ns in times.items()]
    folder = write_run(tmp_path / "run", [*records, *speeds])
    (folder / "machine.json").write_text(json.dumps({"schema": 1, "cpu": MACHINE}))
    section = resources.build(look(read_run(folder)))
    (row,) = rows(section, "scaling-table")
    assert (row["Its work"], row["Values, times"]) == (verdict, "1,024")
    assert float(row["Time, times"]) == pytest.approx(large_ns / small_ns)
    (told,) = [text for text in sentences(section) if text.startswith("Of 1 callables")]
    assert (f"the work of {int(verdict == 'grows')} is proved" in told) and ("None took less" in told) == (
        verdict != "left out"
    )


def test_one_size_proves_nothing(tmp_path: Path) -> None:
    """No table then."""
    blocks = resources.build(measured_view(tmp_path, MACHINE, LIMIT_NS)).blocks
    assert "scaling-table" not in [block.key for block in blocks if isinstance(block, Table)]


@pytest.mark.parametrize(
    ("machine", "why"),
    [
        (None, "the run did not measure the machine"),
        ({"status": "no_device", "reason": "PyTorch sees no GPU"}, "PyTorch sees no GPU"),
        ({"status": "ok", "copy": "<b>"}, "machine.json holds no usable durations"),
    ],
)
def test_without_rates_the_reason_stands_there(tmp_path: Path, machine: Any, why: str) -> None:
    """Instead of the table."""
    section = resources.build(measured_view(tmp_path, machine, 1000))
    assert f"No limit can be told on cpu: {why}." in sentences(section)
    assert "roofline-table" not in [block.key for block in section.blocks if isinstance(block, Table)]


def test_a_damaged_machine_file_is_damage(tmp_path: Path) -> None:
    """Reported, and the report is drawn."""
    view = measured_view(tmp_path, MACHINE, 1000)
    (view.run.folder / "machine.json").write_text("{")
    assert read_run(view.run.folder).damage == ["machine.json: not read (JSONDecodeError)"]


def test_a_run_without_speeds_says_so(view_of: Build) -> None:
    """Nothing to tell is told."""
    section = resources.build(view_of(record("agreement", "a", {"shape": [2, 2]}, "unsupported", reason="no")))
    assert sentences(section) == ["No speed was measured in this run, so there is nothing to tell."]


def test_a_yardstick_is_never_the_cheapest_to_start(view_of: Build) -> None:
    """kernel is the cheapest of all, and among the others quick is."""
    names = ("keras", "quick", "kernel")
    entries = [started("keras", 200_000, 3.0), started("quick", 100_000, 2.0), started("kernel", 10_000, 1.0)]
    section = resources.build(view_of(*map(agreement, names), *entries, settings={"yardsticks": ["kernel"]}))
    (told,) = [text for text in sentences(section) if "cheapest in total" in text]
    assert told.endswith("cheapest in total is quick (graph).")
    assert "kernel" in {row["Implementation"] for row in rows(section, "start-up-table")}
