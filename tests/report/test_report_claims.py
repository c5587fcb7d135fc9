"""The claims in the report: as the file says them, escaped; a picture only if it is a drawing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.claims.painting import Band, panels_of_bands
from benchmarks.report import draw
from benchmarks.report.claims import not_a_drawing, read_claims
from benchmarks.report.document import Fold, Table
from benchmarks.report.figures import mosaic
from benchmarks.report.figures.canvas import for_page, render
from benchmarks.report.reading import read_run
from benchmarks.report.sections.claims import build
from benchmarks.report.view import look
from tests.report import synthetic

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">'
PICTURE = {"file": "claims/C01.svg", "title": "Curves", "caption": "Over epochs.", "alternative": "It falls."}
ENTRY = {
    "id": "C01",
    "documents": ["000"],
    "statement": "The loss is <b>lower</b>.",
    "experiment": "Two networks.",
    "rule": "Confirmed below 0.",
    "kind": "depends",
    "on": "the learning rate",
    "sentence": "It is 0.1 nats lower.",
    "meaning": "Tune the rate.",
    "figures": {"loss_change_nats": -0.1, "ratio": "NaN"},
    "printed": [{"what": "test accuracy, %", "printed": 97.37, "ours": None, "why": "fewer digits"}],
    "picture": PICTURE,
}


def write(folder: Path, svg: str, **changes: Any) -> Path:
    """A run folder that holds one claim with a picture."""
    run = synthetic.write_run(folder / "run", [])
    (run / "claims").mkdir()
    (run / "claims" / "C01.svg").write_text(svg)
    content = {"schema": 1, "size": "full", "claims": [{**ENTRY, **changes}], **changes.pop("content", {})}
    (run / "claims.json").write_text(json.dumps(content))
    return run


@pytest.fixture(scope="module")
def picture() -> str:
    """A picture as a claim draws it."""
    bands = {"loss": [Band("with", *synthetic_curve()), Band("without", *synthetic_curve(), 1, 1)]}
    return render("claim-C01", "Curves", 2.0, lambda canvas: panels_of_bands(canvas, bands, "epoch"))


def synthetic_curve() -> tuple[Any, Any]:
    """Epochs, and two seeds' values."""
    return np.arange(3), np.array([[3.0, 2.0, 1.0], [3.1, 2.2, np.nan]])


def test_a_claim_is_a_row_and_a_fold_with_its_picture(tmp_path: Path, picture: str) -> None:
    """Verdict, sentence, rule, figures, the document's own ones; nothing of it is markup."""
    run = write(tmp_path, picture)
    section = build(look(read_run(run)))
    table = next(block for block in section.blocks if isinstance(block, Table))
    assert [cell.text for cell in table.rows[0]] == [
        "C01", "000", "The loss is <b>lower</b>.", "depends: the learning rate", "It is 0.1 nats lower.",
    ]  # fmt: skip
    fold = next(block for block in section.blocks if isinstance(block, Fold))
    printed = fold.blocks[-1]
    assert isinstance(printed, Table)
    assert [cell.text for cell in printed.rows[0]] == ["test accuracy, %", "97.37", "\N{EN DASH}", "fewer digits"]
    paths = draw(run)
    page = paths.page.read_text()
    assert "The loss is &lt;b&gt;lower&lt;/b&gt;." in page and "<b>lower" not in page
    assert '<details class="fold" id="claim-C01">' in page
    assert [path.name for path in paths.figures] == ["claim-C01-figure.svg"]
    assert "figures/claim-C01-figure.svg" in paths.markdown.read_text()


def test_further_pictures_stand_below_the_first(tmp_path: Path, picture: str) -> None:
    """In the report, and each as a file of its own; one that is missing takes no other with it."""
    run = write(tmp_path, picture, further_pictures=[{**PICTURE, "file": f"claims/C01-{n}.svg"} for n in (2, 3, 4)])
    for number in (2, 4):
        (run / "claims" / f"C01-{number}.svg").write_text(picture)
    paths = draw(run)
    assert [path.stem for path in paths.figures] == ["claim-C01-figure", "claim-C01-figure-2", "claim-C01-figure-3"]
    assert "C01-3.svg: not read" in paths.page.read_text()


def test_our_own_pictures_are_drawings(picture: str) -> None:
    """Or none would ever be shown; a mosaic of images too, which the page's policy lets a browser show."""
    images = np.arange(2 * 3 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 3, 4, 4, 3)
    shown = render("mosaic", "Images", 2.0, lambda canvas: mosaic.paint(canvas, images, ("cat", "dog")))
    assert ">dog<" in shown and 'href="data:image/png;base64,' in shown
    tiles = mosaic.tiled(images)
    assert tiles.shape == (2 * 4 + mosaic.GAP, 3 * 4 + 2 * mosaic.GAP, 4)
    np.testing.assert_array_equal(tiles[6:10, 12:16, :3], images[1, 2])
    assert not tiles[4:6].any() and (tiles[:4, :4, 3] == 255).all()
    assert [not_a_drawing(svg) for svg in (picture, shown, for_page(shown))] == [None] * 3


@pytest.mark.parametrize(
    ("svg", "why"),
    [
        (f"{HEAD}<script>alert(1)</script></svg>", "an element script"),
        (f"{HEAD}<foreignObject/></svg>", "an element foreignObject"),
        (f'{HEAD}<image href="#x"/></svg>', "no PNG inside it"),
        (f'{HEAD}<image href="https://example.org/x.png"/></svg>', "no PNG inside it"),
        (f'{HEAD}<image href="data:image/svg+xml;base64,PHN2Zy8+"/></svg>', "no PNG inside it"),
        (f'{HEAD}<use href="data:image/png;base64,AAAA"/></svg>', "links out of itself"),
        (f'{HEAD}<g onload="x()"/></svg>', "an attribute onload"),
        (f'{HEAD}<use href="https://example.org/x.svg#a"/></svg>', "links out of itself"),
        (f'{HEAD}<path style="fill: url(https://example.org/x)"/></svg>', "fetches something"),
        (f"{HEAD}<style>@import 'x.css';</style></svg>", "its style fetches"),
        (f"<!DOCTYPE svg>{HEAD}</svg>", "declarations"),
        (HEAD, "no XML"),
    ],
)
def test_a_picture_that_is_more_than_a_drawing_is_left_out(svg: str, why: str, tmp_path: Path) -> None:
    """And the report says so; the verdict is there all the same."""
    damage: list[str] = []
    found = read_claims(write(tmp_path, svg), damage)
    assert [(claim.kind, claim.pictures) for claim in found] == [("depends", ())]
    assert len(damage) == 1 and why in damage[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "perhaps"},
        {"content": {"schema": 2}},
        {"content": {"claims": [{"id": "C01"}]}},
        {"content": {"claims": "none"}},
    ],
)
def test_a_file_that_cannot_be_used_is_told(changes: dict[str, Any], tmp_path: Path) -> None:
    """The rest of the report is drawn."""
    damage: list[str] = []
    assert read_claims(write(tmp_path, HEAD, **changes), damage) == ()
    assert len(damage) == 1 and damage[0].startswith("claims.json: not read")


def test_a_picture_outside_the_run_is_left_out(tmp_path: Path, picture: str) -> None:
    """A path that climbs."""
    (tmp_path / "other.svg").write_text(picture)
    damage: list[str] = []
    entry = {**PICTURE, "file": "../other.svg"}
    assert read_claims(write(tmp_path, picture, picture=entry), damage)[0].pictures == ()
    assert "outside" in damage[0]


def test_a_run_without_claims_says_how_to_test_them(tmp_path: Path) -> None:
    """One sentence."""
    section = build(look(read_run(synthetic.write_run(tmp_path / "run", []))))
    assert len(section.blocks) == 1
