"""What the tests of the implementations share.

Tests that take ``offer`` run for every registered implementation in every call style that its descriptor declares;
``usual_offer`` is its first style only, ``trainer_offer`` the styles of its networks, ``format_offer`` and
``trainer_format_offer`` its checkpoint formats. An implementation that is not installed is skipped with the reason.
All of it is in this one file because pytest finds fixtures in no other.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from bn_impls.interface import (
    Configuration,
    Conventions,
    Implementation,
    Layer,
    Style,
    Trainer,
    TrainerConfiguration,
    Unsupported,
    build_trainer,
)
from bn_impls.networks.description import (
    Activation,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    He,
    MaxPool,
    Network,
)
from bn_impls.networks.optimizers import SGD, Adam, Optimizer
from bn_impls.numpy_reference import BatchNorm as Reference
from bn_impls.registry import Descriptor, descriptors, load
from bn_impls.state import State

Array = npt.NDArray[Any]

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow greets on stderr
os.environ.setdefault("KERAS_BACKEND", "tensorflow")  # a process has one; test_keras_backends.py sees to the others


@dataclass(frozen=True)
class Offer:
    """An implementation in one of the styles, or with one of the formats, that its descriptor declares."""

    descriptor: Descriptor
    style: Style
    format: str = ""

    def __str__(self) -> str:
        """The test's id."""
        return "-".join(part for part in (self.descriptor.name, self.style, self.format) if part)

    @property
    def name(self) -> str:
        """The implementation's name."""
        return self.descriptor.name

    def implementation(self) -> Implementation:
        """Import it, or skip the test with the reason."""
        if reason := self.descriptor.missing():
            pytest.skip(reason)
        found: Implementation = load(self.descriptor)
        return found

    def configuration(self, **changes: Any) -> Configuration:
        """A small layer with the implementation's own conventions, in this style; ``changes`` replace fields."""
        usual: dict[str, Any] = {
            "input_shape": (8, 3, 2, 4),
            "layout": "channels_last",
            "dtype": self.usual_dtype(),
            "decay": 0.75,  # float32 represents it and 1 - decay
            "epsilon": 1e-3,
            "center": True,
            "scale": True,
            "conventions": self.implementation().conventions,
            "style": self.style,
            "device": "cpu",
        }
        return Configuration(**usual | changes)  # in one go: conventions are settled for one rank and dtype

    def usual_dtype(self) -> str:
        """float64, which shows small mistakes best, or float32 where there is no layer in float64."""
        if self.name not in USUAL_DTYPES:
            implementation = self.implementation()
            USUAL_DTYPES[self.name] = "float64"
            settings = replace(self, style=self.descriptor.styles[0]).configuration()
            if isinstance(implementation.build(settings), Unsupported):
                USUAL_DTYPES[self.name] = "float32"
        return USUAL_DTYPES[self.name]

    def build(self, **changes: Any) -> Layer:
        """A fresh layer."""
        built = self.implementation().build(self.configuration(**changes))
        if isinstance(built, Unsupported):
            pytest.skip(built.reason)  # test_layer_refusals.py sees that not too much is refused
        assert isinstance(built, Layer), built
        without = built.training_step_with_gradients
        if isinstance(without, Unsupported):
            return replace(built, training_step_with_gradients=lambda *_: pytest.skip(without.reason))
        return built

    def trainer_configuration(self, network: Network, optimizer: Optimizer, **changes: Any) -> TrainerConfiguration:
        """A network in training with the implementation's own conventions, in float64 and in this style."""
        settings = TrainerConfiguration(
            network=network,
            optimizer=optimizer,
            conventions=self.implementation().conventions,
            batch_size=BATCH,
            dtype=self.usual_dtype(),
            style=self.style,
            device="cpu",
        )
        return replace(settings, **changes)

    def trainer(self, network: Network, optimizer: Optimizer, **changes: Any) -> Trainer:
        """A fresh trainer with initial weights of seed 3 and the tests' data loaded."""
        built = build_trainer(self.implementation(), self.trainer_configuration(network, optimizer, **changes))
        if isinstance(built, Unsupported):
            pytest.skip(built.reason)
        assert isinstance(built, Trainer), built
        built.import_weights({**built.export_weights(), **network.initial_weights(3)})
        built.load_data(*data_for(network))
        return built


USUAL_DTYPES: dict[str, str] = {}


def _testable() -> list[Descriptor]:
    """The implementations that do not need another environment than this process was started with."""
    return [
        descriptor
        for descriptor in descriptors().values()
        if all(os.environ.get(variable) == value for variable, value in descriptor.environment)
    ]


def _offers(*fields: str) -> list[Offer]:
    """One offer for each combination of the descriptor's fields: of styles, and of formats."""
    found = []
    for descriptor in _testable():
        styles = getattr(descriptor, fields[0])
        if len(fields) == 1:
            found += [Offer(descriptor, style) for style in styles]
        else:  # a checkpoint does not depend on the style
            found += [Offer(descriptor, _quick(descriptor.name, styles), name) for name in descriptor.formats]
    return found


def _quick(name: str, styles: Sequence[Style]) -> Style:
    """The style that costs the least: Inductor and XLA compile for seconds."""
    return "graph" if "graph" in styles and name != "torch" else styles[0]


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark of these tests."""
    config.addinivalue_line("markers", "in_float64: compares formulas; not for implementations without float64")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrize from the registry, so that a new implementation is tested without an edit here."""
    makers: dict[str, Callable[[], list[Any]]] = {
        "offer": lambda: _offers("styles"),
        "usual_offer": lambda: [Offer(d, d.styles[0]) for d in _testable()],
        "format_offer": lambda: _offers("styles", "formats"),
        "trainer_offer": lambda: _offers("trainer_styles"),
        "usual_trainer_offer": lambda: [Offer(d, _quick(d.name, d.trainer_styles)) for d in _testable()],
        "trainer_format_offer": lambda: _offers("trainer_styles", "formats"),
    }
    for name, make in makers.items():
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, [_param(offer, network="trainer" in name) for offer in make()])


SHARED_BUILDER = (
    "haiku", "keras-jax", "sonnet", "keras-torch", "tf-fused", "tf-keras", "tf1-layers", "tf1-manual-two-call",
)  # fmt: skip
"""Their networks come of a builder that another implementation's tests go through: each compiles for seconds."""
SLOW_NETWORKS = {("flax", "eager"), ("torch", "graph")}
"""Another style of the same network is tested; these take the longest of all."""
SLOW_LAYERS = {("haiku", "eager"), ("sonnet", "xla"), ("tf-keras", "xla"), ("tf-fused", "xla")}
"""Another layer of the same framework is tested in this style; these compile or trace for seconds."""
TRACED_WHEN_SAVED = ("tf-manual", "graph")
"""A layer is traced anew for each SavedModel, for a second: of TensorFlow 2 this one stands for all."""
FEATURES = ("maps-scale-only", "maps-center-only")
"""Shapes of test_layer_results: in another than the usual style their graphs are built of the same lines again."""


def _param(offer: Offer, *, network: bool) -> Any:
    one = offer.name, offer.style
    slow = one in SLOW_NETWORKS or offer.name in SHARED_BUILDER if network else one in SLOW_LAYERS
    if not network and offer.format == "saved-model":
        slow = offer.style != "session" and one != TRACED_WHEN_SAVED
    return pytest.param(offer, id=str(offer), marks=[pytest.mark.slow] if slow else [])


@pytest.hookimpl(tryfirst=True)  # before pytest takes out what is slow
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out, where that is wanted, what another combination of parameters covers."""
    for item in items:
        chosen = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        offer = chosen.get("offer")
        if isinstance(offer, Offer) and offer.style != offer.descriptor.styles[0] and chosen.get("shape") in FEATURES:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def float64_where_a_test_needs_it(request: pytest.FixtureRequest) -> None:
    """A test marked ``in_float64`` compares formulas, to a precision that only float64 has."""
    if request.node.get_closest_marker("in_float64") is None:
        return
    for value in request.node.callspec.params.values():
        if isinstance(value, Offer) and value.usual_dtype() != "float64":
            pytest.skip(f"formulas are compared in float64; {value.name} computes in {value.usual_dtype()}")


@pytest.fixture(scope="session")
def named_offer() -> Callable[[str], Offer]:
    """An implementation by name, in its first style."""

    def find(name: str) -> Offer:
        descriptor = descriptors()[name]
        return Offer(descriptor, descriptor.styles[0])

    return find


# ---- layers ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Drawn:
    """Input, gradient of the output and a state for a layer, representable in its dtype."""

    x: Array
    dy: Array
    state: State


def draw(settings: Configuration, seed: int = 0, num_updates: int = 0) -> Drawn:
    """Draw for a layer: channels of different means around 0 and different deviations around 1.

    A layer that does not scale or has no offset gets gamma 1 or beta 0, the only values it takes.
    """
    generator = np.random.default_rng(seed)
    wide = settings.parameter_shape
    means = generator.normal(0.0, 0.5, settings.channels).reshape(wide)
    deviations = generator.uniform(0.5, 2.0, settings.channels).reshape(wide)
    x = (means + deviations * generator.standard_normal(settings.input_shape)).astype(settings.dtype)
    dy = generator.standard_normal(settings.input_shape).astype(settings.dtype)
    gamma = generator.normal(1.0, 0.5, settings.channels).astype(settings.dtype)
    beta = generator.normal(0.0, 0.5, settings.channels).astype(settings.dtype)
    state = State(
        gamma=gamma if settings.scale else np.ones_like(gamma),
        beta=beta if settings.center else np.zeros_like(beta),
        moving_mean=generator.normal(0.0, 1.0, settings.channels).astype(settings.dtype),
        moving_variance=generator.uniform(0.5, 2.0, settings.channels).astype(settings.dtype),
        num_updates=num_updates,
    )
    return Drawn(x, dy, state)


def exact_layer(settings: Configuration, state: State) -> Reference:
    """The float64 reference with a layer's settings, conventions and state."""
    reference = Reference(replace(settings, dtype="float64", style="eager", device="cpu"))
    reference.load_state(state)
    return reference


@dataclass(frozen=True)
class LayerKit:
    """The helpers above and a cache of built layers, for tests that import a state of their own first."""

    built: Callable[..., Layer]
    draw: Callable[..., Drawn]
    exact: Callable[[Configuration, State], Reference]


@pytest.fixture(scope="session")
def layers() -> Iterator[LayerKit]:
    """Draw inputs and states, build layers once (compiling takes a while), and ask the exact reference."""
    made: list[Layer] = []

    @cache
    def built(offer: Offer, **changes: Any) -> Layer:
        made.append(offer.build(**changes))
        return made[-1]

    yield LayerKit(built, draw, exact_layer)
    for layer in made:
        layer.close()


# ---- networks -------------------------------------------------------------------------------------------------------

BATCH, EXAMPLES, CLASSES, STEPS = 16, 64, 3, 30
ON = BatchNorm(decay=0.75, epsilon=1e-3, center=True, scale=True)
OFF = BatchNorm(decay=0.75, epsilon=1e-3, center=False, scale=False)
EVERY_LAYER = (
    Conv(4, 3),
    ON,
    Activation("elu"),
    MaxPool(2),  # of 5 x 5: the last row and column are dropped
    Conv(3, 3),
    OFF,
    Activation("tanh"),
    Flatten(),
    Dropout(0.25),
    Dense(6),
    ON,
    Activation("sigmoid"),
    Dropout(0.5),
    Dense(6),
    Activation("relu"),
    Dense(CLASSES),
)


@cache
def data_for(network: Network) -> tuple[Array, Array]:
    """The tests' inputs (64, ...) and labels (64,)."""
    generator = np.random.default_rng(11)
    inputs = generator.normal(size=(EXAMPLES, *network.input_shape)).astype(np.float32)
    return inputs, generator.integers(0, CLASSES, EXAMPLES)


@cache
def batches_for(network: Network, steps: int = STEPS) -> tuple[Array, dict[str, Array]]:
    """Row indices (steps, batch) and dropout masks."""
    generator = np.random.default_rng(12)
    rows = generator.integers(0, EXAMPLES, (steps, BATCH)).astype(np.int32)
    return rows, dict(network.dropout_masks(generator, steps, BATCH))


def numpy_trainer(network: Network, optimizer: Optimizer, conventions: Conventions, dtype: str = "float64") -> Trainer:
    """The NumPy network around the reference, with another implementation's conventions."""
    reference = Offer(descriptors()["numpy-reference"], "eager")
    return reference.trainer(network, optimizer, conventions=conventions, dtype=dtype)


@dataclass(frozen=True)
class Trained:
    """A trainer after 30 steps, what it left, and with what it began."""

    trainer: Trainer
    losses: Array
    weights: dict[str, Array]
    slots: dict[str, Array]
    beginning: tuple[dict[str, Array], dict[str, Array]]

    @contextmanager
    def again(self) -> Iterator[Trainer]:
        """The trainer, already compiled, set back to its beginning; afterwards it is as it was."""
        try:
            self._set(*self.beginning)
            yield self.trainer
        finally:
            self._set(self.weights, self.slots)

    def _set(self, weights: dict[str, Array], slots: dict[str, Array]) -> None:
        self.trainer.import_weights(weights)
        self.trainer.import_optimizer(slots)


@dataclass(frozen=True)
class NetworkKit:
    """Networks, data and batches; what ``trained`` and ``numpy_trained`` give is shared and stays as it is."""

    every_layer: Network
    data: Callable[[Network], tuple[Array, Array]]
    batches: Callable[..., tuple[Array, dict[str, Array]]]
    numpy_trainer: Callable[..., Trainer]
    trained: Callable[..., Trained]
    numpy_trained: Callable[..., Trained]
    everything: Callable[[Trainer], dict[str, Array]]


def everything(trainer: Trainer) -> dict[str, Array]:
    """Weights, statistics, counters, optimizer slots and step, by name."""
    slots = {f"optimizer/{name}": array for name, array in trainer.export_optimizer().items()}
    return trainer.export_weights() | slots


def _after_training(trainer: Trainer) -> Trained:
    beginning = trainer.export_weights(), trainer.export_optimizer()
    losses = trainer.train(*batches_for(trainer.configuration.network))
    return Trained(trainer, losses, trainer.export_weights(), trainer.export_optimizer(), beginning)


@pytest.fixture(scope="session")
def networks() -> Iterator[NetworkKit]:
    """Everything that tests of networks in training share."""
    network = Network("every-layer", (5, 5, 2), EVERY_LAYER, He())
    optimizers: dict[str, Optimizer] = {"adam": Adam(0.01), "sgd": SGD(0.1)}
    made: list[Trainer] = []

    @cache
    def trained(offer: Offer, optimizer: str) -> Trained:
        made.append(offer.trainer(network, optimizers[optimizer]))
        return _after_training(made[-1])

    @cache
    def numpy_trained(conventions: Conventions, optimizer: str) -> Trained:
        return _after_training(numpy_trainer(network, optimizers[optimizer], conventions))

    yield NetworkKit(network, data_for, batches_for, numpy_trainer, trained, numpy_trained, everything)
    for trainer in made:
        trainer.close()


@dataclass(frozen=True)
class Numbers:
    """Comparisons that say where they fail."""

    assert_within: Callable[[Array, Array, Array | float], None]
    assert_same: Callable[[Any, Any], None]
    ulps: Callable[[Array, Array], float]


def assert_within(got: Array, expected: Array, tolerance: Array | float) -> None:
    """Every element is within its absolute tolerance, and the shapes are the same."""
    assert got.shape == expected.shape
    error = np.abs(got.astype(np.float64) - expected)
    allowed = np.broadcast_to(tolerance, error.shape)
    worst = np.unravel_index(np.argmax(error - allowed), error.shape)
    if not np.all(error <= allowed):  # NaN is not within anything
        pytest.fail(f"element {worst} is {got[worst]!r}, but should be {expected[worst]!r} within {allowed[worst]:.3g}")


def assert_same(got: Any, expected: Any) -> None:
    """Two mappings of arrays have the same names, dtypes and bits (NaN equals NaN)."""
    assert set(got) == set(expected)
    for name, value in expected.items():
        left, right = np.asarray(got[name]), np.asarray(value)
        assert left.dtype == right.dtype, f"{name} has dtype {left.dtype}, but should be {right.dtype}"
        np.testing.assert_array_equal(left, right, err_msg=name, strict=True)


def ulps(got: Array, expected: Array) -> float:
    """The largest error in float64 ulps of the largest expected value."""
    scale = np.spacing(np.max(np.abs(expected)))
    return float(np.max(np.abs(got - expected)) / scale) if math.prod(expected.shape) else 0.0


@pytest.fixture(scope="session")
def numbers() -> Numbers:
    """Compare numbers."""
    return Numbers(assert_within, assert_same, ulps)
