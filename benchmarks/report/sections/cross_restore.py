"""Cross-restore: train with one implementation, infer and go on with another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from benchmarks.report.crossings import ROUNDING, Crossing, matrix
from benchmarks.report.document import Block, Cell, Column, Figure, Paragraph, Rich, Section, say, strong, verdict
from benchmarks.report.figures import heat_map
from benchmarks.report.figures.heat_map import Tile
from benchmarks.report.parameters import shared
from benchmarks.report.sections import own_files
from benchmarks.report.sections.sentences import bullets
from benchmarks.report.tables import BLANK, first_rows, implementation_cell, table, text_cell
from benchmarks.report.view import View
from benchmarks.report.wording import DASH, count, percent, significant, whole

KEY, TITLE = "cross-restore", "Cross-restore"
NOT_MEASURED, UNEXPLAINED, EXACT = DASH, "?", "="
DETAILS = ("network", "dataset", "batch_size", "optimizer", "dtype", "device", "steps_before", "steps_after", "seed")
MARKS = (
    f"{EXACT} exact; {ROUNDING} within rounding; w warm-up of the decay; d debiased averages; u when the updates run; "
    f"f rounding of the decay; {NOT_MEASURED} not measured; {UNEXPLAINED} unexplained"
)
COLUMNS = (
    Column("Trained by"),
    Column("Taken up by"),
    Column("Inference", help="at once, by the state as it is, beside the source's own"),
    Column("Losses", help="of the resumed training, beside the uninterrupted one"),
    Column("First step over bound", True, help="bound: what rounding, as this training amplifies it, explains"),
    Column("Inference later", True, help="after the resumed training: largest difference of a logit"),
    Column("Of the largest logit", True),
    Column("Reason", long=True),
)


def build(view: View) -> Section:
    """The section."""
    cells = matrix(view.crossings)
    files = own_files.blocks(view, [record for record in view.crossings if "file" in record.case])
    if not cells and not files:
        nothing = say("No network was handed from one implementation to another in this run.")
        return Section(KEY, TITLE, (Paragraph(nothing, "note"),))
    lead = say(
        "Trained with one implementation, taken up by another through the canonical state: the same inference at once, "
        "and the same training after it? Where it is not the same, the reason is a convention that was swapped in the "
        "reference, or rounding."
    )
    measured = [cell for cell in cells if cell.record.measured]
    blocks: list[Block] = [Paragraph(lead)]
    if measured:
        blocks += [bullets(_sentences(measured)), *_figures(cells)]
    tables = [_table(view, cells)] if cells else []
    return Section(KEY, TITLE, (*blocks, *tables, *files))


def _sentences(cells: Sequence[Crossing]) -> list[tuple[int, Rich]]:
    """Each with how grave it is."""
    said = (_at_once(cells), _losses(cells), _later(cells), _converted(cells))
    return [sentence for sentence in said if sentence is not None]


def _at_once(every: Sequence[Crossing]) -> tuple[int, Rich] | None:
    cells = [cell for cell in every if cell.source != cell.target]
    if not cells:
        return None
    bitwise = sum(bool(cell.record.flag("inference_bitwise")) for cell in cells)
    over = [cell for cell in cells if _is_over(cell)]
    pairs, worst = count(len(cells), "pair"), max((cell.inference[0] or 0.0 for cell in cells), default=0.0)
    if over:
        return len(over), say(
            "Inference by a state from elsewhere {verdict} rounding explains in {some} of {pairs}.",
            verdict=verdict("is further off than", "bad"),
            some=len(over),
            pairs=pairs,
        )
    return 0, say(
        "Inference by a state from elsewhere is {verdict} in {pairs}: {bitwise} bit by bit, the others within "
        "rounding, a logit at most {worst} off.",
        verdict=verdict("the same", "good"),
        pairs=pairs,
        bitwise=bitwise,
        worst=significant(worst, 2),
    )


def _is_over(cell: Crossing) -> bool:
    """Whether the inference at once is further off than rounding explains; without a bound nothing explains it."""
    bound = cell.inference[1]
    return bound is None or not bound <= 1


def _losses(cells: Sequence[Crossing]) -> tuple[int, Rich] | None:
    trained = [cell for cell in cells if cell.trained_on]
    if not trained:
        return None
    over = [cell for cell in trained if cell.record.number("resumed_first_step_over_bound") is not None]
    bitwise = sum(bool(cell.record.flag("resumed_bitwise")) for cell in trained)
    return len(over), say(
        "Training goes on with {verdict} in {good} of {all}, {bitwise} of them bit by bit: it normalizes by the batch, "
        "so no convention of the moving statistics reaches the losses.",
        verdict=verdict("the same losses", "bad" if over else "good"), good=len(trained) - len(over),
        all=count(len(trained), "pair"), bitwise=bitwise,
    )  # fmt: skip


def _later(cells: Sequence[Crossing]) -> tuple[int, Rich] | None:
    trained = [cell for cell in cells if cell.trained_on]
    moved = [cell for cell in trained if cell.reasons]
    broken = [cell for cell in cells if not cell.explained]
    if not trained:
        return None
    causes = Counter(reason.field for cell in moved for reason in cell.reasons)
    named = ", ".join(f"{field.replace('_', ' ')} in {number}" for field, number in causes.most_common())
    worst = max((cell.share or 0.0 for cell in moved), default=0.0)
    tail = (
        say("nothing explains it in {bad}", bad=verdict(count(len(broken), "pair"), "bad"))
        if broken
        else strong("every difference is explained")
    )
    return len(broken), say(
        "The inference after that ends elsewhere in {moved} of {all} ({named}; by up to {worst} of the largest logit), "
        "because their moving statistics go on by other conventions; {tail}.",
        moved=len(moved), all=count(len(trained), "pair"), named=named or "no convention", worst=percent(worst, 2),
        tail=tail,
    )  # fmt: skip


def _converted(cells: Sequence[Crossing]) -> tuple[int, Rich] | None:
    converted = [reason for cell in cells if (reason := cell.conversion) is not None]
    if not converted:
        return None
    worst = max(reason.size for reason in converted)
    return 0, say(
        "The moving variance was converted to the target's ddof before training went on in {some}; without that, a "
        "logit would be up to {worst} off.",
        some=count(len(converted), "pair"), worst=significant(worst, 2),
    )  # fmt: skip


def _figures(cells: Sequence[Crossing]) -> list[Figure]:
    names = list(dict.fromkeys([cell.source for cell in cells] + [cell.target for cell in cells]))
    found = []
    for key, title, tile, what in (
        ("at-once", "Inference at once", _tile_at_once, "inference by the source's state, beside the source's own"),
        ("later", "Inference after the resumed training", _tile_later, "inference after the target trained on, beside "
         "the source that was never interrupted"),
    ):  # fmt: skip
        svg = heat_map.draw(f"{KEY}-{key}", title, names, {(cell.source, cell.target): tile(cell) for cell in cells})
        caption = say("{what}; the darker, the further off, by decades of the largest logit. {marks}.",
                      what=what[0].upper() + what[1:], marks=MARKS)  # fmt: skip
        found.append(Figure(f"{KEY}-{key}", title, caption, _in_words(cells, tile), svg))
    return found


def _in_words(cells: Sequence[Crossing], tile: object) -> str:
    marks = Counter((tile(cell).mark for cell in cells) if callable(tile) else ())
    return (
        "; ".join(f"{mark}: {count(number, 'pair')}" for mark, number in marks.most_common()) + ". The table has all."
    )


def _tile_at_once(cell: Crossing) -> Tile:
    off = cell.inference[0]
    if not cell.record.measured or off is None:
        return Tile(None, NOT_MEASURED)
    bad = _is_over(cell)
    scale = cell.record.number("continued_inference_scale") or 1.0
    return Tile(off / scale, UNEXPLAINED if bad else ROUNDING if off else EXACT, bad)


def _tile_later(cell: Crossing) -> Tile:
    if not cell.record.measured or cell.share is None:
        return Tile(None, NOT_MEASURED)
    if not cell.explained:
        return Tile(cell.share, UNEXPLAINED, True)
    letters = "".join(dict.fromkeys(reason.letter for reason in cell.reasons))
    return Tile(cell.share, letters or (ROUNDING if cell.share else EXACT))


def _table(view: View, cells: Sequence[Crossing]) -> Block:
    records = [cell.record for cell in cells]
    note = say("{shared}“bitwise”: the same to the last bit.", shared=shared(records, DETAILS))
    rows = [_row(view, Crossing(record)) for record in first_rows(records, lambda one: one.status != "ok")]
    return table(f"{KEY}-table", "What became of each hand-over", COLUMNS, rows, note, len(records))


def _row(view: View, cell: Crossing) -> tuple[Cell, ...]:
    record = cell.record
    first = record.number("resumed_first_step_over_bound")
    tone = "" if cell.explained or not record.measured else "bad"
    return (
        implementation_cell(view, cell.source),
        implementation_cell(view, cell.target),
        _same(record.flag("inference_bitwise"), cell.inference[0]),
        _same(record.flag("resumed_bitwise"), record.number("resumed_loss_difference_abs")),
        Cell(whole(first), first, "bad") if first is not None else BLANK,
        BLANK if cell.continued[0] is None else Cell(significant(cell.continued[0], 2), cell.continued[0], tone),
        BLANK if cell.share is None else Cell(percent(cell.share, 2), cell.share),
        text_cell(cell.why, 300, tone),
    )


def _same(bitwise: bool | None, off: float | None) -> Cell:
    if bitwise:
        return Cell("bitwise", 0.0, "good")
    return BLANK if off is None else Cell(f"{significant(off, 2)} off", off)
