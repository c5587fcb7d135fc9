"""The source documents' networks with their training: one record each, so that a case needs a name and overrides."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.networks.describing import convolutional, dense
from benchmarks.networks.options import Options
from bn_impls.errors import BadConfiguration, UnknownName
from bn_impls.networks.description import Network
from bn_impls.networks.optimizers import SGD, Adam, Optimizer

Describe = Callable[[str, tuple[int, ...], int, Options], Network]
TEN_CLASSES = ("mnist-5000", "digits", "mnist", "fashion-mnist")
"""Data sets of ten classes without colour."""
OPTIMIZERS: dict[str, Callable[[float], Optimizer]] = {"adam": Adam, "sgd": SGD}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A network as its document trains it.

    Attributes:
        name: what cases and records call it.
        title: what it is, in a line.
        describe: its shape.
        options: its settings.
        optimizer: ``adam`` or ``sgd``.
        learning_rate: of it.
        batch_size: rows of a step.
        epochs: as the document trains; None where it counts steps.
        steps: as the document trains, where it counts them.
        dataset: the data set of a run with the default data.
        views: what is made of the data set that a run names (:mod:`benchmarks.datasets.views`), in order.
        needs_colour: whether a data set without colour is replaced by :attr:`dataset`.
        differs: what differs from the document on purpose, in a sentence; empty for nothing but the data's size.
    """

    name: str
    title: str
    describe: Describe
    options: Options
    optimizer: str
    learning_rate: float
    batch_size: int
    epochs: int | None
    steps: int | None = None
    dataset: str = "mnist-5000"
    views: tuple[str, ...] = ()
    needs_colour: bool = False
    differs: str = ""

    def network(self, input_shape: tuple[int, ...], classes: int, **overrides: Any) -> Network:
        """Describe the network for a data set.

        Args:
            input_shape: of one example.
            classes: number of classes.
            **overrides: options that differ from the document's; ``batch_norm=False`` leaves the norm out.

        Raises:
            BadConfiguration: an option is unknown or impossible.
        """
        return self.describe(self.name, input_shape, classes, self.options.overridden(overrides))

    def parameters(self) -> dict[str, Any]:
        """The plain values of a case that trains it as the document does: optimizer, rate and batch."""
        return {
            "network": self.name,
            "batch_size": self.batch_size,
            "optimizer": self.optimizer,
            "learning_rate": self.learning_rate,
        }

    def dataset_of(self, chosen: str) -> str:
        """The data set of this network in a run whose data set was chosen, or left at the default.

        Args:
            chosen: name of a data set (:mod:`benchmarks.datasets`), with or without views.

        Returns:
            It with this network's views, or as it is if it names one of them; for a network that needs colour, its own
            where the chosen one has none.
        """
        base, *views = chosen.split("+")
        if self.needs_colour:
            if base == "cifar10":
                return chosen if views else "cifar10+vehicles"
            return self.dataset if base in TEN_CLASSES else chosen
        if base not in TEN_CLASSES and base != "cifar10":
            return chosen  # of one's own: whether it has halves is not known
        if set(views) & set(self.views):
            return chosen  # whoever names one of them says what to take: mnist-5000+small has ten classes
        return "+".join([chosen, *self.views])

    def style_of(self, offered: Sequence[str], device: str) -> str:
        """The call style that it is trained in.

        Args:
            offered: those of an implementation's trainer, the usual one first.
            device: where it is trained.

        Returns:
            The usual one; but on a CPU, convolutions that XLA would compile are left to TensorFlow's graph where there
            is one. A step of document 004's network took 90 ms of processor time in XLA and 19 ms in the graph.
        """
        if self.describe is convolutional and device == "cpu" and offered[0] == "xla" and "graph" in offered:
            return "graph"
        return offered[0]


RECIPES: Mapping[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="000",
            title="document 000: 32-32, ReLU, Adam 0.01; the defaults of tf.layers",
            describe=dense,
            options=Options(hidden=(32, 32)),
            optimizer="adam",
            learning_rate=0.01,
            batch_size=32,
            epochs=10,
        ),
        Recipe(
            name="001",
            title="document 001: 300-100, ELU, gradient descent 0.01, decay 0.9",
            describe=dense,
            options=Options(hidden=(300, 100), activation="elu", decay=0.9),
            optimizer="sgd",
            learning_rate=0.01,
            batch_size=250,
            epochs=25,
            differs="the batch normalization of the logits, which no loss reads, is left out unless asked for",
        ),
        Recipe(
            name="002",
            title="document 002: 256-256, ReLU, Adam 0.001; the defaults of tf.keras",
            describe=dense,
            options=Options(hidden=(256, 256)),
            optimizer="adam",
            learning_rate=0.001,
            batch_size=128,
            epochs=1,
        ),
        Recipe(
            name="002-notebook",
            title="document 002's notebook: four layers of 512, ReLU, Adam 0.001",
            describe=dense,
            options=Options(hidden=(512, 512, 512, 512)),
            optimizer="adam",
            learning_rate=0.001,
            batch_size=128,
            epochs=1,
        ),
        Recipe(
            name="003",
            title="document 003: 100, tanh, Adam 0.001, weights and biases from N(0, 0.05)",
            describe=dense,
            options=Options(hidden=(100,), activation="tanh", kernels=0.05, bias_deviation=0.05),
            optimizer="adam",
            learning_rate=0.001,
            batch_size=64,
            epochs=20,
            dataset="photographs",
            needs_colour=True,
            differs="the document trains it without batch normalization and swaps the loss's arguments; "
            "a partial last batch is dropped",
        ),
        Recipe(
            name="004",
            title="document 004: four convolutions and two dense layers of 128, ReLU, dropout, Adam 1e-4",
            describe=convolutional,
            options=Options(hidden=(128, 128), dropout=0.5, kernels=1e-3, decay=0.99, epsilon=1e-5),
            optimizer="adam",
            learning_rate=1e-4,
            batch_size=100,
            epochs=250,
            views=("small", "halves"),
            differs="its private radar images are replaced by digits, 0 to 4 against 5 to 9",
        ),
        Recipe(
            name="ioffe-szegedy",
            title="Ioffe and Szegedy (2015), section 4.1: 100-100-100, sigmoid",
            describe=dense,
            options=Options(hidden=(100, 100, 100), activation="sigmoid", kernels=0.1),
            optimizer="sgd",
            learning_rate=0.1,
            batch_size=60,
            epochs=None,
            steps=50_000,
            views=("binary",),
            differs="the paper names neither optimizer, rate nor the deviation of its small Gaussian weights; "
            "gradient descent at 0.1 and N(0, 0.1) are ours",
        ),
    )
}


def recipe(name: str) -> Recipe:
    """Find a network.

    Raises:
        UnknownName: there is no such network.
    """
    if name not in RECIPES:
        raise UnknownName.among("network", name, RECIPES, "They are named after the source documents.")
    return RECIPES[name]


def network(name: str, input_shape: tuple[int, ...], classes: int, **overrides: Any) -> Network:
    """Describe a document's network for a data set; see :meth:`Recipe.network`.

    Raises:
        UnknownName: there is no such network.
        BadConfiguration: an option is unknown or impossible.
    """
    return recipe(name).network(input_shape, classes, **overrides)


def optimizer(parameters: Mapping[str, Any]) -> Optimizer:
    """The optimizer that a case names by ``optimizer`` and ``learning_rate``.

    Raises:
        BadConfiguration: there is no such optimizer.
    """
    name = parameters["optimizer"]
    if name not in OPTIMIZERS:
        raise BadConfiguration(f"optimizer is {name!r}, but should be one of {', '.join(OPTIMIZERS)}")
    return OPTIMIZERS[name](float(parameters["learning_rate"]))
