"""The sentences that a user of each API needs: what it brings back, and what must be saved beside a part."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from benchmarks.checkpoints.diagnosis import PARTS
from benchmarks.checkpoints.ways import FORMATS, title
from benchmarks.checkpoints.ways import PARTS as WAYS
from benchmarks.report.document import Bullets, Rich, enumerate_spans, name, say, verdict
from benchmarks.report.run import Record
from benchmarks.report.sections.restore_ways import is_refusal, lost_parts, without_effect
from benchmarks.report.wording import shorten, significant, visible

MOST_NAMED = 6


def advice(records: Sequence[Record]) -> Bullets | None:
    """What a user of each API needs to know, in sentences: what it brings back, and what must be saved beside a part.

    Args:
        records: whole networks into a new object.

    Returns:
        One sentence or more for each way, those of an API together; None where only usual formats were measured.
    """
    if max(Counter(record.implementation for record in records).values(), default=0) < 2:
        return None
    told: list[Rich] = []
    for way in FORMATS:
        of = [record for record in records if record.text("format").partition(":")[0] == way]
        told += [*_whole(way, of), *_exported(way, of), *_of_parts(of)]
    return Bullets(tuple(told)) if told else None


def _by_loss(records: Sequence[Record]) -> dict[tuple[str, tuple[str, ...]], list[str]]:
    """(way, parts that it does not bring back) -> implementations."""
    found: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for record in records:
        found.setdefault((record.text("format"), tuple(lost_parts(record))), []).append(record.implementation)
    return found


def _whole(way: str, records: Sequence[Record]) -> list[Rich]:
    """Where everything is saved."""
    of = [record for record in records if record.measured and not {"partial", "export"} & set(record.case)]
    back = [record.implementation for record in of if record.status == "ok" and not lost_parts(record)]
    told = [_comes_back(way, back, len(of))] if back else []
    lost = [record for record in of if lost_parts(record)]
    return told + [_lacks(way, parts, who) for (_, parts), who in _by_loss(lost).items()]


def _comes_back(way: str, who: Sequence[str], tried: int) -> Rich:
    everybody = len(who) == tried > MOST_NAMED
    return say(
        "With {way} {verdict} in {who}.",
        way=name(title(way)),
        verdict=verdict("everything comes back", "good"),
        who=f"all {tried} implementations that offer it"
        if everybody
        else enumerate_spans([name(one) for one in who], MOST_NAMED),
    )


def _lacks(way: str, parts: Sequence[str], who: Sequence[str]) -> Rich:
    return say(
        "With {way} {parts} {verdict} in {who}; the rest does.",
        way=name(title(way)),
        parts=enumerate_spans([PARTS[part] for part in parts]),
        verdict=verdict("must be kept elsewhere: it does not come back", "warn"),
        who=enumerate_spans([name(one) for one in who], MOST_NAMED),
    )


def _exported(way: str, records: Sequence[Record]) -> list[Rich]:
    """Files to infer from."""
    of = [record for record in records if "export" in record.case and record.measured]
    if not of:
        return []
    off = max(record.number("inference_difference_abs") or 0.0 for record in of)
    same = all(record.status == "ok" for record in of)
    return [
        say(
            "From {way} that {who} exported, ONNX Runtime {verdict}: a logit is at most {off} off. Nobody trains on "
            "from it.",
            way=name(title(way)),
            who=enumerate_spans([name(record.implementation) for record in of], MOST_NAMED),
            verdict=verdict("infers the same", "good") if same else verdict("infers something else", "bad"),
            off=significant(off, 2),
        )
    ]


def _of_parts(records: Sequence[Record]) -> list[Rich]:
    """Where a part is saved by itself."""
    partial = [record for record in records if "partial" in record.case]
    lossy = [record for record in partial if record.measured and lost_parts(record)]
    refusals: dict[str, list[Record]] = {}
    for record in partial:
        if is_refusal(record):
            refusals.setdefault(record.text("format"), []).append(record)
    needed = [record for record in lossy if not without_effect(record)]
    counts = [record for record in lossy if without_effect(record)]
    told = [_must_also(way, parts, who) for (way, parts), who in _by_loss(needed).items()]
    told += [_need_not(way, parts, who) for (way, parts), who in _by_loss(counts).items()]
    return told + [_refused(way, of) for way, of in refusals.items()]


def _must_also(way: str, parts: Sequence[str], who: Sequence[str]) -> Rich:
    return say(
        "With {way} ({saved}) you must also {verdict} {parts}: they did not come back in {who}.",
        way=name(title(way)),
        saved=WAYS.get(way, ("", "a part"))[1],
        verdict=verdict("save", "warn"),
        parts=enumerate_spans([PARTS[part] for part in parts]),
        who=enumerate_spans([name(one) for one in who], MOST_NAMED),
    )


def _need_not(way: str, parts: Sequence[str], who: Sequence[str]) -> Rich:
    return say(
        "With {way} ({saved}) {parts} did not come back in {who}; {verdict}: inference and the resumed losses are "
        "bitwise the same.{warm_up}",
        way=name(title(way)),
        saved=WAYS.get(way, ("", "a part"))[1],
        parts=enumerate_spans([PARTS[part] for part in parts]),
        who=enumerate_spans([name(one) for one in who], MOST_NAMED),
        verdict=verdict("no result changed", "good"),
        warm_up=" Save num_updates, too, where the decay warms up by it: the warm-up would start anew."
        if "counters" in parts
        else "",
    )


def _refused(way: str, records: Sequence[Record]) -> Rich:
    return say(
        "{way} ({saved}) is {verdict} in {who}: {why}.",
        way=name(title(way)),
        saved=WAYS.get(way, ("", ""))[1],
        verdict=verdict("refused", "warn"),
        who=enumerate_spans([name(record.implementation) for record in records], 4),
        why=shorten(visible(cause(records[0].reason or "")), 200).rstrip("."),
    )


def cause(reason: str) -> str:
    """What stands in parentheses in a refusal: the framework's own words."""
    found = re.search(r"\((.*)\)(?:; it must come from[^)]*)?$", reason, re.DOTALL)
    return found[1] if found else reason
