"""What a document's loop is given, and the pieces that it is timed in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.datasets import Dataset
from bn_impls.interface import Array
from bn_impls.networks.description import Network


@dataclass(frozen=True)
class Task:
    """What a document's loop and ours are given alike.

    Attributes:
        data: whose training examples fill whole batches.
        network: the network.
        weights: its initial weights by ``layer/parameter``, in the order of the layers.
        batch_size: rows of a step.
        learning_rate: of the document's optimizer.
    """

    data: Dataset
    network: Network
    weights: Mapping[str, Array]
    batch_size: int
    learning_rate: float


@dataclass(frozen=True, kw_only=True)
class DocumentLoop:
    """A document's training in pieces: an epoch is ``for x, y in batches(): step(x, y)``.

    Attributes:
        batches: the batches of an epoch, drawn as the document draws them.
        step: a training step on a batch, as the document calls it.
        checked: the same step on inputs (batch, ...) and class numbers (batch,) with dropout off; returns the loss
            before the update, so that one sees that both loops do the same work.
        unfetched: the same step without the loss; None where the document fetches none.
        called: the same call with the same values fed and nothing computed; None where a step is no single call.
        log_step: what the document evaluates after each step, on its batch; None for nothing.
        log_epoch: what it evaluates after each epoch; None for nothing.
    """

    batches: Callable[[], Iterator[tuple[Any, Any]]]
    step: Callable[[Any, Any], Any]
    checked: Callable[[Array, Array], float]
    unfetched: Callable[[Any, Any], Any] | None = None
    called: Callable[[Any, Any], Any] | None = None
    log_step: Callable[[Any, Any], Any] | None = None
    log_epoch: Callable[[], Any] | None = None
