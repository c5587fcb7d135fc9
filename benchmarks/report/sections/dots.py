"""The figure of the agreement section: every error over its bound."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

from benchmarks.report.document import Figure, link, say
from benchmarks.report.errors import SIXTEEN_BITS, severity
from benchmarks.report.figures import agreement as figure
from benchmarks.report.run import Record
from benchmarks.report.view import View
from benchmarks.report.wording import QUANTITIES, of_bound, significant, visible


def dots(view: View, records: Sequence[Record]) -> list[Figure]:
    """The figure; nothing if no error was recorded."""
    names = list(view.worst)
    drawn = _extremes(view)
    full = [record for record in records if record.text("dtype") not in SIXTEEN_BITS]  # those have their own table
    errors, limits = _errors(full, drawn), _limits(full)
    if not errors:
        return []
    crowded = any(len(values) > figure.MOST_DOTS for of in errors.values() for values in of.values())
    thinned = f"Of more than {figure.MOST_DOTS} dots, the worst, the best and evenly spaced ones between are drawn. "
    left_out = f"Drawn are the {len(drawn)} whose worst errors are the smallest and the largest, of {len(names)}. "
    caption = say(
        "One dot is one case. Left of the solid line the error is within its bound. {limit}{thinned}{left_out}The "
        "table {table} has the numbers.",
        limit=_limit_words(limits),
        thinned=thinned if crowded else "",
        left_out=left_out if len(names) > len(drawn) else "",
        table=link("Errors in ulp", "#agreement-table"),
    )
    title = "Errors over their bounds, by quantity and implementation"
    svg = figure.draw("agreement-errors", title, errors, limits, {who: view.colours[who] for who in drawn})
    words = [
        f"{visible(who)}: worst error {of_bound(over)}."
        for who in drawn
        if (over := view.worst[who].over_bound) is not None
    ]
    return [Figure("agreement-errors", title, caption, " ".join(words), svg)]


def _extremes(view: View) -> list[str]:
    """The implementations with the smallest and with the largest worst error, in the order of the plan."""
    ranked = sorted(view.worst, key=lambda who: severity(view.worst[who].over_bound))
    half = figure.MOST_IMPLEMENTATIONS // 2
    chosen = set(ranked if len(ranked) <= figure.MOST_IMPLEMENTATIONS else [*ranked[:half], *ranked[-half:]])
    return [who for who in view.worst if who in chosen]


def _errors(records: Sequence[Record], drawn: Sequence[str]) -> dict[str, dict[str, list[figure.Dot]]]:
    """Quantity -> implementation -> errors over the bound, and whether they are beyond their limit."""
    errors: dict[str, dict[str, list[figure.Dot]]] = {quantity: defaultdict(list) for quantity in QUANTITIES}
    for record in records:
        for quantity, of in errors.items():
            value = record.number(f"{quantity}_error_over_bound")
            over_limit = record.number(f"{quantity}_error_over_limit")
            if value is not None and record.implementation in drawn:
                of[record.implementation].append(figure.Dot(value, over_limit is not None and not over_limit <= 1))
    return {quantity: of for quantity, of in errors.items() if of}


def _limits(records: Sequence[Record]) -> list[float]:
    """The limits of the cases, over their bounds."""
    limits = {limit for record in records if (limit := record.number("limit_over_bound")) is not None}
    return sorted(limit for limit in limits if limit > 0 and math.isfinite(limit))


def _limit_words(limits: Sequence[float]) -> str:
    ringed = "A ringed dot is beyond its limit: its case disagrees. "
    if not limits:
        return ringed
    ends = list(dict.fromkeys(significant(limit, 2) for limit in (limits[0], limits[-1])))
    if len(ends) == 1:
        return f"The dashed line, {ends[0]} times the bound, is the limit. {ringed}"
    return f"The limit is {' to '.join(ends)} times the bound, by the number of terms in a sum (shaded). {ringed}"
