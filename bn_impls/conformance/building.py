"""A layer is built, has what the interface asks for, and is what it says it is."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from bn_impls.conformance.calls import offered
from bn_impls.conformance.model import Check, Failure
from bn_impls.conformance.subject import Subject, calls
from bn_impls.interface import Configuration, Format, Layer

NO_CALLABLES = ("configuration", "formats")


def _builds(subject: Subject) -> Failure | None:
    layer: Any = subject.build()
    for field in fields(Layer):
        if field.name not in NO_CALLABLES:
            value = getattr(layer, field.name)
            if value is None or not (callable(value) or type(value).__name__ == "Unsupported"):
                return _lacks(field.name, f"a {type(value).__name__}", "a callable, or Unsupported(reason)")
    if not isinstance(layer.configuration, Configuration) or layer.configuration != subject.configuration():
        return _lacks("configuration", str(layer.configuration), "the configuration that build was given")
    if not all(isinstance(found, Format) for found in layer.formats.values()):
        return _lacks("formats", str(layer.formats), "a mapping from name to Format")
    layer.close()
    return None


def _lacks(name: str, got: str, expected: str) -> Failure:
    return Failure(
        message=f"the layer's {name} is {got}, but should be {expected}", got=got, expected=expected, cause="form"
    )


def _labels(subject: Subject) -> Failure | None:
    layer = subject.build()
    settings = layer.configuration
    (call,) = calls(settings, "training")
    observed = layer.observe(offered(layer.training_step), layer.to_native(call.x))
    for label in ("device", "dtype", "style"):
        expected, seen = getattr(settings, label), observed.get(label)
        got = "nothing" if seen is None else seen.observed
        if got != expected:
            evidence = "" if seen is None else f" ({seen.evidence})"
            return Failure(
                message=f"observe saw the {label} {got}{evidence}, but the configuration says {expected}",
                got=got, expected=expected, cause="label",
            )  # fmt: skip
    return None


CHECKS = (Check("builds", "build gives a complete Layer for a usual configuration", _builds),)
LAST = (Check("labels", "device, dtype and style are observed to be what the configuration says", _labels),)
