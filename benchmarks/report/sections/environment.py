"""Environment: the machine by its kind, the versions, the settings, and the labels that were verified."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from benchmarks.report.document import (
    Block,
    Bullets,
    Cell,
    Column,
    Heading,
    Rich,
    Section,
    Span,
    Table,
    Terms,
    say,
)
from benchmarks.report.sections.ledger import where_time_went
from benchmarks.report.sections.machine_watch import machine_watch
from benchmarks.report.sections.warnings import unsteady
from benchmarks.report.tables import count_cell, implementation_cell, table, text_cell
from benchmarks.report.view import View
from benchmarks.report.wording import MISSING, listing, shorten, visible

KNOWN = {
    "cpu_model": "Processor",
    "cores": "Cores",
    "memory_gib": "Memory, GiB",
    "gpu": "GPU",
    "gpu_reason": "Why no GPU",
    "operating_system": "Operating system",
    "python": "Python",
    "threads": "Threads",
    "commit": "Commit",
}


def build(view: View) -> Section:
    """The section."""
    blocks: list[Block] = [
        _machine(view),
        *machine_watch(view),
        *_unsteady(view),
        *where_time_went(view),
        Heading("Settings of the run", "environment-settings"),
        _settings(view),
    ]
    data = _data(view)
    if data.items:
        blocks += [Heading("Data", "environment-data"), data]
    versions = _versions(view)
    if versions.rows:
        blocks.append(versions)
    labels = _labels(view)
    if labels.rows:
        blocks.append(labels)
    return Section("environment", "Environment", tuple(blocks))


def _unsteady(view: View) -> list[Block]:
    """Speeds that no answer rests on."""
    found = unsteady(view)
    heading = Heading("Speeds that differ from round to round", "environment-unsteady")
    return [heading, Bullets(tuple(found))] if found else []


def _machine(view: View) -> Terms:
    environment = view.run.environment
    others = [key for key in environment if key not in (*KNOWN, "versions", "sittings")]
    keys = [*KNOWN, *others]
    if environment.get("gpu"):
        keys.remove("gpu_reason")
    terms = [(KNOWN.get(key, _title(key)), _value(environment.get(key), key)) for key in keys]
    if sittings := _resumed(environment.get("sittings")):
        terms.append(("Resumed", sittings))
    return Terms(tuple(terms))


def _resumed(sittings: object) -> Rich:
    """When a run was gone on with, and whether by the same code and versions; nothing where it ran through."""
    held = [one for one in sittings if isinstance(one, Mapping)] if isinstance(sittings, list) else []
    if len(held) < 2:
        return ()
    when = listing([visible(str(one.get("began"))) for one in held], 20)
    changed = [what for what in ("commit", "versions") if any(one.get(what) != held[0].get(what) for one in held)]
    judged = f"; not the same in all: {' and '.join(changed)}" if changed else "; by the same commit and versions"
    return (Span(f"measured in {len(held)} sittings, begun {when}{judged}"),)


def _settings(view: View) -> Terms:
    plan = view.run.plan
    first = (("Run", _value(plan.run or None)), ("Created", _value(plan.created or None)))
    return Terms((*first, *((_title(key), _setting(key, value)) for key, value in plan.settings.items())))


def _setting(key: str, value: object) -> Rich:
    """A setting; no implementation named means all of them."""
    if value is None:
        return (Span("none"),)
    return (Span("all"),) if key == "implementations" and value == [] else _value(value, key)


def _title(key: str) -> str:
    text = shorten(visible(str(key)), 60)
    text = (f"{text[:-2]}, seconds" if text.endswith("_s") else text).replace("_", " ")
    return text[:1].upper() + text[1:]


def _value(value: object, key: str = "") -> Rich:
    """A JSON value in words."""
    if value is None:
        return (Span("none" if key == "gpu" else MISSING),)
    if key.endswith("_dir") and isinstance(value, str):
        return (Span("a folder of the user's"),)  # a page that is published names no paths
    if isinstance(value, bool):
        return (Span("yes" if value else "no"),)
    if isinstance(value, float):
        return (Span(f"{value:g}"),)
    if isinstance(value, Mapping) and not value:
        return (Span("none set"),)
    if isinstance(value, Mapping):
        pairs = "; ".join(f"{name} = {part}" for name, part in value.items())
        return (Span(shorten(visible(pairs), 600) or MISSING),)
    if isinstance(value, list):
        return (Span(shorten(visible(listing([str(part) for part in value], 20)), 600) or "none"),)
    return (Span(shorten(visible(str(value)), 600)),)


def _versions(view: View) -> Table:
    """Package by version; who used it, where the workers differ."""
    users: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    versions = view.run.environment.get("versions")
    for package, version in (versions if isinstance(versions, Mapping) else {}).items():
        users[str(package), str(version)]["the run"] = None
    for record in view.run.records:
        for package, version in record.versions.items():
            users[package, str(version)][record.implementation] = None
    rows = [
        (
            Cell(shorten(visible(package), 80), package.lower()),
            Cell(shorten(visible(version), 80), version),
            Cell(listing([visible(who) for who in who_all], 8), None),
        )
        for (package, version), who_all in sorted(users.items())
    ]
    columns = [Column("Package"), Column("Version"), Column("Recorded by", long=True)]
    return table("versions-table", "Versions", columns, rows)


def _labels(view: View) -> Table:
    """Label by implementation: what was claimed, and what was seen."""
    seen: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for record in view.run.records:
        for label, entry in record.labels.items():
            if isinstance(entry, Mapping):
                seen[label, record.implementation, str(entry.get("claimed"))].append(str(entry.get("observed")))
    rows = [
        (
            text_cell(label),
            implementation_cell(view, who),
            text_cell(claimed),
            _observed(claimed, observed),
            count_cell(len(observed)),
        )
        for (label, who, claimed), observed in sorted(seen.items())
    ]
    columns = [
        Column("Label"),
        Column("Implementation"),
        Column("Claimed"),
        Column("Observed", long=True),
        Column("Records", True),
    ]
    note = say("What a row says of itself was observed while it ran; a claim that was not observed fails the row.")
    return table("labels-table", "Verified labels", columns, rows, note)


def _observed(claimed: str, observed: list[str]) -> Cell:
    distinct = sorted(set(observed))
    same = distinct == [claimed]
    return Cell(listing([shorten(visible(text), 60) for text in distinct], 4), distinct[0], "good" if same else "")


def _data(view: View) -> Terms:
    """The data sets, in their own words."""
    found: dict[str, Rich] = {}
    for record in view.run.records:
        described = record.samples.get("dataset")
        if isinstance(described, Mapping):
            sizes = ", ".join(
                f"{described[key]} for {use}"
                for key, use in (
                    ("train_size", "training"),
                    ("validation_size", "validation"),
                    ("test_size", "testing"),
                )
                if isinstance(described.get(key), int)
            )
            rule = f" Split: {described['split_rule']}." if described.get("split_rule") else ""
            text = f"{described.get('source') or 'source not recorded'} {sizes}.{rule}"
            found[shorten(visible(str(described.get("name"))), 60)] = (Span(shorten(visible(text), 800)),)
    return Terms(tuple(found.items()))
