"""Checkpoint records: what came back, as yes, no or by how many ulps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from benchmarks.report.run import Record
from benchmarks.report.wording import MISSING, significant, whole


def is_usual(record: Record) -> bool:
    """Whether a whole network was saved and restored into a new object, by the one that trained it, all of it."""
    return not {"situation", "partial", "export", "damage", "probe", "part", "not_offered", "source"} & set(record.case)


@dataclass(frozen=True)
class Part:
    """One thing that a checkpoint should bring back.

    Attributes:
        title: what it is.
        whole: whether it is the same to the last bit; None where it was not recorded.
        text: what is shown of it.
        value: what it sorts by.
        rounded: whether it differs by rounding alone, which says nothing against the checkpoint.
    """

    title: str
    whole: bool | None
    text: str
    value: float | None
    rounded: bool = False


@lru_cache(maxsize=10_000)  # asked for in every section that speaks of checkpoints
def parts(record: Record) -> tuple[Part, ...]:
    """Everything that should come back: the state itself, then what is computed from it.

    What is computed may differ by rounding in another process. It does by no more where the record is ``ok`` and all of
    the state came back: a record is ``ok`` only if inference and the first resumed losses are close to the saved ones.
    """
    state = (
        _weights(record),
        _statistics(record),
        _counter(record, "num_updates", "num_updates"),
        _optimizer(record),
    )
    sound = record.status == "ok" and all(part.whole is not False for part in state)
    computed = (_inference(record), _resumed(record))
    return (*state, *(replace(part, rounded=sound and part.whole is False) for part in computed))


def lost(record: Record) -> list[str]:
    """The titles of what did not come back."""
    found = [part.title for part in parts(record) if part.whole is False and not part.rounded]
    return found or (["what was saved"] if record.status == "disagrees" else [])


def rounded(record: Record) -> list[Part]:
    """What came back but for rounding."""
    if record.flag("inference_bitwise") and record.flag("resumed_bitwise"):
        return []
    return [part for part in parts(record) if part.rounded]


def unknown(record: Record) -> list[str]:
    """The titles of what was not recorded."""
    return [part.title for part in parts(record) if part.whole is None]


def _ulps(title: str, values: list[float | None]) -> Part:
    present = [value for value in values if value is not None]
    if not present:
        return Part(title, None, MISSING, None)
    worst = max(present, key=lambda value: float("inf") if value != value else value)  # NaN is the worst
    return Part(title, worst == 0, "bitwise" if worst == 0 else f"{significant(worst, 2)} ulp", worst)


def _weights(record: Record) -> Part:
    return _ulps("weights", [record.number("weights_error_ulp")])


def _statistics(record: Record) -> Part:
    names = ("moving_mean_error_ulp", "moving_variance_error_ulp")
    return _ulps("moving statistics", [record.number(metric) for metric in names])


def _counter(record: Record, metric: str, title: str) -> Part:
    saved, restored = record.number(f"{metric}_saved"), record.number(f"{metric}_restored")
    if saved is None:
        return Part(title, None, MISSING, None)
    same = saved == restored
    text = whole(saved) if same else f"{whole(saved)} → {'lost' if restored is None else whole(restored)}"
    return Part(title, same, text, None if restored is None else restored - saved)


def _optimizer(record: Record) -> Part:
    state = _ulps("optimizer", [record.number("optimizer_error_ulp")])
    step = _counter(record, "optimizer_step", "optimizer")
    if step.whole is False:
        return Part("optimizer", False, f"step {step.text}", state.value)
    if state.whole is None:
        return Part("optimizer", step.whole, f"step {step.text}" if step.whole else MISSING, None)
    return state


def _inference(record: Record) -> Part:
    error = record.number("inference_error_ulp")
    if record.flag("inference_bitwise"):
        return Part("inference", True, "bitwise", 0.0)
    found = _ulps("inference", [error])
    if record.flag("inference_bitwise") is False and found.whole is not False:
        return Part("inference", False, "not bitwise", error)
    return found


def _resumed(record: Record) -> Part:
    same = record.flag("resumed_bitwise")
    if same is None:
        return Part("resumed training", None, MISSING, None)
    if same:
        return Part("resumed training", True, "bitwise", 0.0)
    step, by = record.number("resumed_first_difference_step"), record.number("resumed_loss_difference_abs")
    text = "differs" if step is None else f"from step {whole(step)}"
    return Part("resumed training", False, text if by is None else f"{text} by {significant(by, 2)}", by)
