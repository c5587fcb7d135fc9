"""A report as JSON, and as text for a person."""

from __future__ import annotations

import textwrap
from collections import Counter
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
    """What ``check`` prints: the failures, each mistake explained once, then the count."""
    return "\n".join([*_lines(report), _summary(report)])


def _lines(report: Report) -> Iterator[str]:
    explained: set[str] = set()
    skipped = Counter(result.message for result in report.results if result.status == "skipped")
    for result in report.results:
        if result.status == "skipped":
            if many := skipped.pop(result.message, 0):  # once for all that have the same reason
                yield f"skipped: {f'{many} checks' if many > MOST_NAMED else _named(report, result)} ({result.message})"
        elif (result.status == "failed" or result.message) and result.cause not in explained:
            yield f"{'failed' if result.status == 'failed' else 'finding'}: {result.name}"
            yield from _wrapped(result.message)
            if result.status == "failed":
                yield from _evidence(result, report)
                explained |= {result.cause} - {UNKNOWN}


MOST_NAMED = 10


def _named(report: Report, like: Result) -> str:
    same = [one.name for one in report.results if (one.status, one.message) == ("skipped", like.message)]
    return ", ".join(same)


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
