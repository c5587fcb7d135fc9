"""A report as JSON, and as text for a person."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

from bn_impls.conformance.model import UNKNOWN, Result
from bn_impls.conformance.runner import Report

WIDTH = 110


def as_json(report: Report) -> dict[str, Any]:
    """The document that ``check --json`` prints."""
    fields = ("name", "status", "got", "expected", "message", "cause")
    return {
        "implementation": report.implementation,
        "passed": report.passed,
        "checks": [{field: getattr(result, field) for field in fields} for result in report.results],
    }


def headline(report: Report) -> Result | None:
    """The failure that says most: the first whose cause is known, or else the first."""
    wrong = [result for result in report.results if result.status == "failed"]
    return next((result for result in wrong if result.cause != UNKNOWN), wrong[0] if wrong else None)


def as_text(report: Report) -> str:
    """What ``check`` prints: the failures, each mistake explained once, what was skipped, the count and the answer."""
    return "\n".join([*_lines(report), *_skipped(report), _summary(report), *_answer(report)])


def _lines(report: Report) -> Iterator[str]:
    explained: set[str] = set()
    for result in report.results:
        if result.status == "skipped":
            continue
        if (result.status == "failed" or result.message) and result.cause not in explained:
            yield f"{'failed' if result.status == 'failed' else 'finding'}: {result.name}"
            yield from _wrapped(result.message)
            if result.status == "failed":
                yield from _evidence(result, report)
                explained |= {result.cause} - {UNKNOWN}


def _skipped(report: Report) -> Iterator[str]:
    """In one line: all have their reasons in the JSON document."""
    skipped = [result for result in report.results if result.status == "skipped"]
    reasons = {result.message for result in skipped}
    if len(reasons) == 1:
        yield f"skipped: {len(skipped)} checks ({reasons.pop()})"
    elif reasons:
        yield f"skipped: {', '.join(result.name for result in skipped)} (--json gives each reason)"


def _answer(report: Report) -> Iterator[str]:
    """The last lines: what is likely wrong, how many failures that explains, and what to do next."""
    found = headline(report)
    if found is None:
        yield f"next: bn-bench run --quick --implementations {report.implementation} (in a checkout)"
        return
    wrong = [result for result in report.results if result.status == "failed"]
    same = [result for result in wrong if result.cause == found.cause]
    if found.cause == UNKNOWN:
        yield f"likely mistake: none that is known; start with the check {found.name}"
    else:
        yield f"likely mistake, in {len(same)} of {len(wrong)} failures:"
        yield from _wrapped(found.message)
    yield "next: mend it, and give the same command again; --quick leaves out the checks that take longest"


def _evidence(result: Result, report: Report) -> Iterator[str]:
    if result.got:
        yield f"    got {result.got}"
        yield f"    expected {result.expected}"
    yield f"    cause {result.cause or UNKNOWN}"
    same = [one.name for one in report.results if one.cause == result.cause != UNKNOWN and one.name != result.name]
    if same:
        yield from _wrapped(f"the same mistake fails {', '.join(same)}")


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent="    ", subsequent_indent="    ")


def _summary(report: Report) -> str:
    count = {status: sum(r.status == status for r in report.results) for status in ("passed", "failed", "skipped")}
    told = ", ".join(f"{number} {status}" for status, number in count.items() if number)
    verdict = "passed" if report.passed else "failed"
    return f"{report.implementation}: {verdict}; {len(report.results)} checks: {told}"
