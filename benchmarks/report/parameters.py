"""Parameters of cases: as keys to group by, as columns of tables, and in words."""

from __future__ import annotations

import json
from collections.abc import Sequence

from benchmarks.report.run import Record
from benchmarks.report.wording import visible

Key = tuple[str, ...]
TITLES = {
    "shape": "Input",
    "style": "Style",
    "layout": "Layout",
    "dtype": "dtype",
    "device": "Device",
    "network": "Network",
    "batch_size": "Batch size",
    "dataset": "Data",
    "seed": "Seed",
    "format": "Format",
    "optimizer": "Optimizer",
    "learning_rate": "Learning rate",
    "epochs": "Epochs",
    "steps": "Steps",
    "input": "Input values",
    "center": "Adds beta",
    "scale": "Multiplies by gamma",
    "gradients": "Gradients",
    "train_size": "Training examples",
    "steps_before": "Steps before",
    "steps_after": "Steps after",
}
NUMERIC = (
    "batch_size",
    "seed",
    "learning_rate",
    "epochs",
    "steps",
    "train_size",
    "steps_before",
    "steps_after",
)
IN_WORDS = {
    "network": "network {}",
    "batch_size": "batches of {}",
    "epochs": "{} epochs",
    "train_size": "{} training examples",
    "seed": "seed {}",
    "learning_rate": "learning rate {}",
    "input": "{} input",
    "steps": "{} steps",
    "steps_before": "{} steps before",
    "steps_after": "{} steps after",
}


def key_of(record: Record, parameters: Sequence[str]) -> Key:
    """The values of some parameters, comparable and hashable whatever they are."""
    return tuple(_key(record, parameter) for parameter in parameters)


def _key(record: Record, parameter: str) -> str:
    value = record.parameter(parameter)
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)


def values(records: Sequence[Record], parameter: str) -> list[str]:
    """The different values of a parameter, in the order of the records, as text."""
    return list(dict.fromkeys(record.text(parameter) for record in records))


def varying(records: Sequence[Record], parameters: Sequence[str]) -> list[str]:
    """The parameters that need a column, because they are not the same in all records.

    A layout that follows from the number of dimensions (NC for 2, NHWC for 4) needs none.
    """
    return [parameter for parameter in parameters if _varies(records, parameter)]


def _varies(records: Sequence[Record], parameter: str) -> bool:
    if parameter != "layout":
        return len({_key(record, parameter) for record in records}) > 1
    pairs = {(len(record.shape), _key(record, parameter)) for record in records}
    return len(pairs) > len({dimensions for dimensions, _ in pairs})


def shared(records: Sequence[Record], parameters: Sequence[str], lead: str = "All: ") -> str:
    """The parameters that are the same in all records: ``All: float32, cpu.``; empty if there are none."""
    found = [(parameter, values(records, parameter)) for parameter in parameters]
    words = [
        IN_WORDS.get(parameter, "{}").format(visible(texts[0]))
        for parameter, texts in found
        if len(texts) == 1 and texts[0]
    ]
    return f"{lead}{', '.join(words)}. " if words else ""
