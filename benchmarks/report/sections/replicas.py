"""Layers on two replicas, in the agreement section: how far from the whole batch, and what is saved."""

from __future__ import annotations

from benchmarks.report.document import Block, Cell, Column, Heading, Paragraph

from benchmarks.report.document import say  # isort: skip
from benchmarks.report.run import Record
from benchmarks.report.tables import implementation_cell, number_cell, table
from benchmarks.report.view import View

STRATEGIES = {"mirrored": "MirroredStrategy, one process", "multi_worker": "MultiWorkerMirroredStrategy, two processes"}
COLUMNS = (
    Column("Implementation"),
    Column("Strategy"),
    Column("Statistics of"),
    Column("Verdict"),
    Column("Output, whole batch", True, "worst error of the training output against one device with the whole batch"),
    Column("Moving mean", True, "the same of the moving mean"),
    Column("Moving variance", True, "the same of the moving variance"),
    Column("Replicas differ by", True, "the largest difference between the replicas' moving means; 0 if synchronized"),
    Column(
        "Over the part's bound", True, "worst error of a part, of what rounding explains, beside one device with it"
    ),
    Column("A checkpoint holds"),
    Column(
        "ms a step",
        True,
        "the fastest training call with gradients, which ends with the slower process; both share the cores",
    ),
)


def replicas(view: View) -> list[Block]:
    """Heading, sentence and table; nothing where no such case was run."""
    if not view.replicas:
        return []
    lead = say(
        "The batch is split in two. A synchronized layer must compute what one device computes with the whole batch, "
        "the same to the bit on both replicas, and is judged by the same bounds; one that is not must compute on each "
        "part what one device computes with it, and is judged by that. Its distance from the whole batch is no error "
        "but a difference that its user must know of."
    )
    rows = [_row(view, record) for record in view.replicas]
    return [
        Heading("On two replicas", "replicas"),
        Paragraph(lead),
        table("replicas-table", "Two replicas under tf.distribute", list(COLUMNS), rows),
    ]


def _row(view: View, record: Record) -> tuple[Cell, ...]:
    whole = record.text("synchronized") == "True"
    first = (
        implementation_cell(view, record.implementation),
        Cell(STRATEGIES.get(record.text("strategy"), record.text("strategy"))),
        Cell("the whole batch" if whole else "each part"),
    )
    if not record.measured:
        return (*first, Cell(f"{record.status}: {record.reason}"), *(Cell("") for _ in COLUMNS[4:]))
    nanoseconds = record.number("step_ns_min")
    return (
        *first,
        _verdict(record, whole),
        number_cell(record.number("output_training_error_abs"), 2),
        number_cell(record.number("moving_mean_error_abs"), 2),
        number_cell(record.number("moving_variance_error_abs"), 2),
        number_cell(record.number("moving_mean_replicas_differ_abs"), 2),
        number_cell(record.number("part_worst_error_over_bound"), 2),
        Cell(f"{record.metrics.get('saved')} statistics"),
        number_cell(None if nanoseconds is None else nanoseconds / 1e6, 2),
    )


def _verdict(record: Record, whole: bool) -> Cell:
    if record.status == "disagrees":
        return Cell("wrong", "c", "bad")
    return Cell("agrees", "a", "good") if whole else Cell("another batch norm, as declared", "b")
