"""From records to ``claims.json``: every chosen claim judged, its picture drawn."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, replace
from typing import Any

from benchmarks.claims.cases import DATASET
from benchmarks.claims.model import Claim, Picture, Size, Verdict
from benchmarks.claims.results import Missing, Results
from benchmarks.claims.running import cases_of
from benchmarks.harness.folder import RunFolder
from benchmarks.report.figures.canvas import render
from bn_impls.errors import BadRunFolder
from bn_impls.isolation.lines import decode, encode

FILE, SCHEMA, PICTURES = "claims.json", 1, "claims"
TOLD_TROUBLES = 3


def judge(claim: Claim, results: Results) -> Verdict:
    """A claim's verdict; ``undecided`` where a case that its rule needs has no figures."""
    try:
        return claim.judge(results)
    except Missing as missing:
        troubles = [result.trouble for result in results if not result.ok]
        counted = f"{len(troubles)} of {len(results.results)} cases" if troubles else "a case"
        shown = "; ".join(troubles[:TOLD_TROUBLES]) or str(missing)
        return Verdict(
            kind="undecided",
            on=f"needs the figures of {counted}",
            sentence=f"There is no verdict without the figures of {counted}: {shown}.",
        )


def picture(claim: Claim, results: Results) -> Picture | None:
    """A claim's picture, if it has one and its curves are there."""
    return _made(claim.picture, results)


def further_pictures(claim: Claim, results: Results) -> list[Picture]:
    """The pictures below it whose curves are there."""
    return [found for make in claim.further_pictures if (found := _made(make, results)) is not None]


def _made(make: Callable[[Results], Picture | None], results: Results) -> Picture | None:
    try:
        return make(results)
    except Missing:
        return None


def write(folder: RunFolder, claims: Iterable[Claim], size: Size) -> dict[str, Any]:
    """Judge the claims and write ``claims.json`` with their pictures beside it.

    Args:
        folder: of the run.
        claims: that were chosen.
        size: of the run.

    Returns:
        What the file holds.

    Raises:
        BadRunFolder: the folder cannot be written.
    """
    records, dataset = folder.records(), folder.settings.dataset
    entries = []
    for claim in claims:
        cases = cases_of(claim, size, dataset)
        usual = claim.cases(size)
        other = ", ".join(sorted({case.parameters["dataset"] for case in cases if case not in usual}))
        entries.append(_entry(claim, Results.of(size, cases, records, folder.path), folder, other))
    content: dict[str, Any] = json.loads(
        encode({"schema": SCHEMA, "size": size, "dataset": dataset, "claims": entries})
    )
    folder.write_json(FILE, content)
    return content


def _entry(claim: Claim, results: Results, folder: RunFolder, other: str) -> dict[str, Any]:
    verdict = _on_other_data(judge(claim, results), other)
    return {
        "id": claim.id,
        "documents": list(claim.documents),
        "statement": claim.statement,
        "experiment": claim.experiment,
        "rule": claim.rule,
        **asdict(verdict),
        "meaning": claim.meaning(verdict),
        "cases": len(results.results),
        "ok": sum(result.ok for result in results),
        "picture": None if (first := picture(claim, results)) is None else _drawn(claim.id, first, folder),
        "further_pictures": [
            _drawn(f"{claim.id}-{number}", found, folder)
            for number, found in enumerate(further_pictures(claim, results), start=2)
        ],
    }


def _on_other_data(verdict: Verdict, other: str) -> Verdict:
    """A verdict that says so where it rests on other data than the claim's texts were written for."""
    if not other:
        return verdict
    told = f"on {other}, which the command named"
    return replace(
        verdict,
        sentence=f"{verdict.sentence} (Trained {told}: texts that count digits or epochs mean {DATASET}.)",
        printed=tuple(replace(one, why=f"trained {told}") for one in verdict.printed),
    )


def _drawn(name: str, found: Picture, folder: RunFolder) -> dict[str, str]:
    """Draw a picture in the report's sentinel colours; returns what the report needs to show it."""
    file = folder.path / PICTURES / f"{name}.svg"
    try:
        file.parent.mkdir(exist_ok=True)
        file.write_text(render(f"claim-{name}", found.title, found.height_in, found.paint), encoding="utf-8")
    except OSError as error:
        raise BadRunFolder(f"{file} cannot be written ({error.strerror}); the records are kept") from error
    return {
        "file": f"{PICTURES}/{file.name}",
        "title": found.title,
        "caption": found.caption,
        "alternative": found.alternative,
    }


def read(folder_path: Any) -> Mapping[str, Any]:
    """Read ``claims.json`` of a run folder.

    Raises:
        BadRunFolder: there is none, or it is of another schema.
    """
    path = folder_path / FILE
    try:
        content = decode(path.read_bytes())
        if content["schema"] == SCHEMA:
            return dict(content)
        why = f"it has schema {content['schema']!r}, but should have {SCHEMA}"
    except (OSError, ValueError, KeyError, TypeError) as error:
        why = f"{type(error).__name__}: {error}"
    raise BadRunFolder(f"{path} cannot be read ({why}); `bn-bench claims --resume {folder_path}` writes it anew")
