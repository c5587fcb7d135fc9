"""What was not regular about the timing of one case, for its row."""

from __future__ import annotations

from benchmarks.report.run import Record
from benchmarks.report.wording import count


def irregularities(record: Record) -> list[str]:
    """Short remarks on a throughput record; none if all was regular."""
    left_out, refused, collections = (
        int(record.number(metric) or 0) for metric in ("passes_left_out", "samples_refused", "collections")
    )
    told = {
        f"slow: {count(left_out, 'planned pass', 'planned passes')} left out": left_out,
        f"{count(refused, 'sample')} without a duration refused": refused,
        f"collected garbage {count(collections, 'time')} while timed": collections,
        "flushes denormals": record.flag("denormals_flushed"),
    }
    return [remark for remark, found in told.items() if found]
