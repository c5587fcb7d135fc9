"""Which checkpoint cases a run has, as labels and parameters."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.checkpoints.situations import NEW, SITUATIONS, changes
from benchmarks.checkpoints.ways import FORMATS, not_offered
from bn_impls.registry import Descriptor

Planned = tuple[str, dict[str, Any]]
LAYER_SITUATIONS = ("unbuilt",)  # which frameworks decide layer by layer
INFERENCE_FORMATS = ("onnx",)  # whoever usually saves in one of them trains no network
OWN_FORMAT = "npz"  # every implementation's state can be saved in it
UNSAVED = ("situation", "into", "format", "partial", "export", "probe", "damage", "specification", "not_offered")
"""Parameters that change nothing in what is trained before it is saved."""


def cases(descriptor: Descriptor, common: Mapping[str, Any], *, full: bool) -> Iterator[Planned]:
    """The cases of one implementation.

    Args:
        descriptor: the implementation.
        common: parameters that all of them share: network, data, training constants, dtype, device.
        full: every format, situation and damage; otherwise the usual format in a new object.

    Yields:
        Label and parameters.
    """
    style = descriptor.trainer_styles[0]
    common = {**common, "style": style}
    end = f"{style}-{common['device']}"
    formats = tuple(dict.fromkeys((*descriptor.formats, OWN_FORMAT)))
    for chosen in formats if full else descriptor.formats[:1]:
        yield f"000-{chosen}-{end}", {"format": chosen, **common}
    if not full:
        return
    for part in descriptor.partial_formats:
        yield f"000-{part}-{end}", {"format": part, "partial": True, **common}
    for exported in descriptor.exports:
        yield f"000-{exported}-{end}", {"format": exported, "export": True, **common}
    for absent in (name for name in FORMATS if name not in (*formats, *descriptor.exports)):
        why = not_offered(absent, descriptor.name, descriptor.framework)
        yield f"000-{absent}-{end}", {"format": absent, "not_offered": why, **common}
    for probe in descriptor.checkpoint_probes:
        parameters = {"format": descriptor.formats[0], "probe": probe, **common}
        yield f"probe-{probe}-{end}", parameters
    layer = {**common, "part": "layer", "layer_style": descriptor.styles[0]}
    layer_end = f"{descriptor.styles[0]}-{common['device']}"
    for chosen in formats:
        yield f"layer-{chosen}-{layer_end}", {"format": chosen, **layer}
    for chosen in descriptor.formats:
        damaged = {"format": chosen, "damage": "all", "specification": descriptor.name, **layer}
        if "eager" in descriptor.styles:  # a layer is built anew after each refusal; tracing it would take longest
            damaged["layer_style"] = "eager"
        yield f"layer-{chosen}-{layer_end}-damaged", damaged
    for situation in SITUATIONS:
        of_layer = situation in LAYER_SITUATIONS or descriptor.formats[0] in INFERENCE_FORMATS
        for chosen in () if situation == NEW else formats:
            if of_layer:
                into = changes(situation, layer, descriptor.styles, "layer_style")
                what, whose, place = "layer", layer, layer_end
            else:
                into = changes(situation, common, descriptor.trainer_styles)
                what, whose, place = "000", common, end
            parameters = {"format": chosen, "situation": situation, "into": into, **whose}
            yield f"{what}-{chosen}-{place}-into_{situation}", parameters


def trained_key(parameters: Mapping[str, Any]) -> str:
    """The same for cases that restore what one training has saved."""
    return json.dumps({name: value for name, value in parameters.items() if name not in UNSAVED}, sort_keys=True)
