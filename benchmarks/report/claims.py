"""Claims of a run: what ``bn-bench claims`` judged, as its ``claims.json`` and pictures say it.

Nothing is judged here. What the file lacks is left out and told; a picture is taken only if it is a drawing and
nothing else, since a run folder may come from anywhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from benchmarks.report.run import as_number

FILE, SCHEMA = "claims.json", 1
KINDS = ("confirmed", "refuted", "depends", "undecided")
TEXTS = ("id", "statement", "experiment", "rule", "kind", "on", "sentence", "meaning")
SHAPES = frozenset(("clipPath", "g", "path", "rect", "circle", "line", "use", "image", "text", "tspan"))
DRAWING = SHAPES | {"svg", "title", "defs", "style"}
GEOMETRY = frozenset(("d", "x", "y", "width", "height", "rx", "ry", "cx", "cy", "r", "x1", "x2", "y1", "y2", "viewBox"))
NAMING = frozenset(
    ("xmlns", "role", "aria-labelledby", "id", "class", "style", "clip-path", "transform", "type", "href")
)
PNG = re.compile(r"data:image/png;base64,[A-Za-z0-9+/\s]+={0,2}")
"""The only image that a drawing may hold: it fetches nothing, and the page's content policy allows it."""
MOST_BYTES = 2_000_000


@dataclass(frozen=True)
class Printed:
    """A document's figure beside ours; None where there is none."""

    what: str
    printed: float | None
    ours: float | None
    why: str


@dataclass(frozen=True)
class Drawn:
    """A picture in the report's sentinel colours."""

    title: str
    caption: str
    alternative: str
    svg: str


@dataclass(frozen=True)
class Judged:
    """One claim with its verdict; texts as the file has them."""

    id: str
    documents: tuple[str, ...]
    statement: str
    experiment: str
    rule: str
    kind: str
    on: str
    sentence: str
    meaning: str
    figures: Mapping[str, float | None]
    printed: tuple[Printed, ...]
    pictures: tuple[Drawn, ...]


def read_claims(folder: Path, damage: list[str]) -> tuple[Judged, ...]:
    """The claims of a run folder; none where the run re-tested none.

    Args:
        folder: of the run.
        damage: receives one sentence for whatever could not be read.
    """
    path = folder / FILE
    if not path.is_file():
        return ()
    try:
        content = json.loads(path.read_bytes())
        if content["schema"] != SCHEMA:
            raise ValueError(f"schema {content['schema']!r}, but should be {SCHEMA}")
        entries = content.get("claims", [])
        return tuple(_judged(entry, folder, damage) for entry in entries)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        damage.append(f"{FILE}: not read ({type(error).__name__}: {str(error)[:100]})")
        return ()


def _judged(entry: Mapping[str, Any], folder: Path, damage: list[str]) -> Judged:
    texts = {name: str(entry[name]) for name in TEXTS}
    if texts["kind"] not in KINDS:
        raise ValueError(f"verdict {texts['kind']!r}, but should be one of {', '.join(KINDS)}")
    printed = tuple(
        Printed(str(one["what"]), as_number(one["printed"]), as_number(one["ours"]), str(one["why"]))
        for one in entry["printed"]
    )
    return Judged(
        **texts,
        documents=tuple(map(str, entry["documents"])),
        figures={str(name): as_number(value) for name, value in entry["figures"].items()},
        printed=printed,
        pictures=tuple(drawn for one in pictures_of(entry) if (drawn := _picture(one, folder, damage)) is not None),
    )


def pictures_of(entry: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What an entry of the file says of its pictures, in order."""
    first = entry.get("picture")
    return [*([] if first is None else [first]), *entry.get("further_pictures", [])]


def _picture(entry: Mapping[str, Any], folder: Path, damage: list[str]) -> Drawn | None:
    file = (folder / str(entry["file"])).resolve()
    if not file.is_relative_to(folder.resolve()):
        damage.append(f"{FILE}: a picture lies outside the run folder and was left out")
        return None
    try:
        svg = file.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        damage.append(f"{file.name}: not read ({type(error).__name__})")
        return None
    if wrong := not_a_drawing(svg):
        damage.append(f"{file.name}: left out, {wrong}")
        return None
    return Drawn(str(entry["title"]), str(entry["caption"]), str(entry["alternative"]), svg)


def not_a_drawing(svg: str) -> str | None:
    """Why an SVG may not stand in a page: it holds more than shapes, text and PNGs of its own. None if it may."""
    if len(svg) > MOST_BYTES or "<!" in svg or "<?" in svg:
        return "it is too large, or has declarations"
    try:
        root = ElementTree.fromstring(svg)
    except ElementTree.ParseError as error:
        return f"it is no XML ({error})"
    for element in root.iter():
        if _local(element.tag) not in DRAWING:
            return f"it holds an element {_local(element.tag)}"
        is_image = _local(element.tag) == "image"
        for name, value in element.attrib.items():
            if _local(name) not in GEOMETRY | NAMING:
                return f"it holds an attribute {_local(name)}"
            if _local(name) == "href" and not (PNG.fullmatch(value) if is_image else value.startswith("#")):
                return "its image is no PNG inside it" if is_image else "it links out of itself"
            if outward(value):
                return "it fetches something"
        if _local(element.tag) == "style" and outward(element.text or ""):
            return "its style fetches something"
    return None


def outward(text: str) -> bool:
    """Whether a style names anything but a place in the same file."""
    return bool(re.search(r"url\(\s*[^#\s]|@import|expression\(|javascript:|\\", text, re.I))


def _local(name: str) -> str:
    return name.rpartition("}")[2]
