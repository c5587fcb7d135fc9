"""The page in a real browser: no request, no error, tables that sort and filter, two colour schemes, a phone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.report import draw
from tests.report import synthetic

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
CHROMEDRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not CHROMIUM or not CHROMEDRIVER, reason="no chromium and chromedriver on the PATH: the page is not tested"
)
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,1000",
)
TEXT_CONTRAST = 4.5  # WCAG 2.2, 1.4.3, for text of normal size
GRAPHIC_CONTRAST = 3.0  # WCAG 2.2, 1.4.11, for what a figure is made of

# Every visible text with its colour and the colour behind it, as [what, foreground, background].
TEXT_COLOURS = """
const seen = new Map();
for (const element of document.body.querySelectorAll("*")) {
  const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  if (!own || !element.getClientRects().length || ["SCRIPT", "STYLE", "title"].includes(element.tagName)) continue;
  const style = getComputedStyle(element);
  let behind = element;
  let ground = "rgba(0, 0, 0, 0)";
  while (behind && ground === "rgba(0, 0, 0, 0)") {
    ground = getComputedStyle(behind).backgroundColor;
    behind = behind.parentElement;
  }
  const drawn = element instanceof SVGElement;
  const colour = drawn ? style.fill : style.color;
  const what = element.tagName + ": " + element.textContent.trim().slice(0, 30);
  seen.set([colour, ground, drawn].join(), [what, colour, ground]);
}
return [...seen.values()];
"""
COLUMN = (
    "return [...document.querySelectorAll(`#${arguments[0]} tbody tr:not([hidden])`)].map((row) => row.cells[%d].%s)"
)


class Browser:
    """A page in Chromium."""

    def __init__(self, driver: Any) -> None:
        """Wrap the driver."""
        self.driver = driver

    def open(self, page: Path, width: int = 1280, scheme: str = "light") -> None:
        """Open a page from disk, on a screen so wide, for a reader who prefers this colour scheme."""
        screen = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": width < 500}
        media = [
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
        self.driver.get_log("performance")
        self.driver.get_log("browser")
        self.driver.get(page.as_uri())
        self.run("try { localStorage.clear(); } catch {} delete document.documentElement.dataset.theme;")

    def run(self, script: str, *arguments: object) -> Any:
        """What a script returns."""
        return self.driver.execute_script(script, *arguments)

    def requests(self) -> list[str]:
        """What the page asked for since it was opened."""
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]

    def errors(self) -> list[str]:
        """What the console holds."""
        return [str(entry["message"]) for entry in self.driver.get_log("browser")]

    def find(self, selector: str) -> Any:
        """The first element."""
        return self.driver.find_element("css selector", selector)

    def header(self, table: str, title: str) -> Any:
        """The button of a column, brought into sight."""
        script = (
            "return [...document.querySelectorAll(`#${arguments[0]} th button`)]"
            ".find((button) => button.textContent.normalize('NFKC') === arguments[1])"
        )
        button = self.run(script, table, title)
        self.run("arguments[0].scrollIntoView({block: 'center', inline: 'center'})", button)
        return button

    def values(self, table: str, column: int) -> list[float]:
        """The numbers that a column sorts by, of the rows that are shown."""
        return [float(value) for value in self.run(COLUMN % (column, "dataset.value"), table) if value]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for all tests, with a profile of its own."""
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    service = webdriver.ChromeService(executable_path=CHROMEDRIVER)
    driver = webdriver.Chrome(options=options, service=service)
    yield Browser(driver)
    driver.quit()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a run that looks like a real one, with a disagreement, damage and a note more."""
    folder = synthetic.realistic(tmp_path_factory.mktemp("browser") / "run")
    with (folder / "records.jsonl").open("a") as file:
        wrong = synthetic.agreement("keras", 31, "disagrees", case={"seed": 9}, reason="variance of another axis")
        file.write(json.dumps(wrong) + "\n{cut off")
    return draw(folder).page


def channels(colour: str) -> tuple[float, float, float, float]:
    """Red, green, blue and opacity of a computed colour."""
    numbers = [float(part) for part in colour[colour.index("(") + 1 : -1].replace("/", ",").split(",")]
    red, green, blue, opacity = [*numbers, 1.0][:4]
    return red, green, blue, opacity


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    parts = [value / 255 for value in channels(colour)[:3]]
    red, green, blue = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio, WCAG 2.2."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_that_of_the_standard() -> None:
    """Black on white is 21, and a known grey passes narrowly."""
    assert contrast("rgb(0, 0, 0)", "rgb(255, 255, 255)") == pytest.approx(21)
    assert contrast("rgb(118, 118, 118)", "rgb(255, 255, 255)") == pytest.approx(4.54, abs=0.01)


def test_the_page_asks_for_nothing_but_itself(browser: Browser, page: Path) -> None:
    """From disk, with the network log of the browser."""
    browser.open(page)
    browser.run("window.scrollTo(0, document.body.scrollHeight)")
    assert [url for url in browser.requests() if not url.startswith("data:")] == [page.as_uri()]


def test_the_console_stays_empty(browser: Browser, page: Path) -> None:
    """Also after every button was used; the policy refuses nothing that the page needs."""
    browser.open(page)
    browser.run("document.querySelectorAll('button').forEach((button) => button.click())")
    assert browser.errors() == []


def test_the_policy_refuses_other_scripts(browser: Browser, page: Path) -> None:
    """Should escaping ever fail, a script that was smuggled in does not run."""
    browser.open(page)
    browser.run(
        "const script = document.createElement('script'); script.textContent = 'window.smuggled = 1';"
        "document.body.append(script);"
        "document.body.insertAdjacentHTML('beforeend', '<b onclick=\"window.smuggled = 1\" id=trap>b</b>');"
        "document.getElementById('trap').click();"
    )
    assert browser.run("return window.smuggled") is None


@pytest.mark.parametrize("width", [1280, 360])
def test_a_click_sorts_by_value(browser: Browser, page: Path, width: int) -> None:
    """Microseconds and milliseconds in one column: by time, not by text; a second click turns it round."""
    browser.open(page, width)
    before = browser.values("throughput-0-table", 3)
    button = browser.header("throughput-0-table", "Step time")
    button.click()
    assert browser.values("throughput-0-table", 3) == sorted(before) != before
    assert browser.find("#throughput-0-table th[aria-sort]").get_attribute("aria-sort") == "ascending"
    button.click()
    assert browser.values("throughput-0-table", 3) == sorted(before, reverse=True)
    assert browser.find("#throughput-0-table th[aria-sort]").get_attribute("aria-sort") == "descending"


@pytest.mark.parametrize("key", ["\ue007", " "], ids=["enter", "space"])
def test_the_keyboard_sorts_too(browser: Browser, page: Path, key: str) -> None:
    """A header is a button that can be focused, and shows that it is."""
    browser.open(page)
    button = browser.header("throughput-0-table", "Ratio")
    before = browser.values("throughput-0-table", 4)
    browser.run("arguments[0].focus()", button)
    button.send_keys(key)
    assert browser.values("throughput-0-table", 4) == sorted(before) != before
    assert browser.run("return document.activeElement === arguments[0]", button)
    assert browser.run("return getComputedStyle(arguments[0]).outlineStyle", button) != "none"


def test_empty_cells_sort_last_both_ways(browser: Browser, page: Path) -> None:
    """A baseline has no interval, whichever way the intervals are sorted."""
    browser.open(page)
    button = browser.header("throughput-0-table", "95 % from")
    for _ in range(2):
        button.click()
        values = browser.run(COLUMN % (5, "dataset.value ?? ''"), "throughput-0-table")
        assert values[-1] == ""
        assert "" not in values[: len(values) - values.count("")]


def test_the_filter_narrows_rows_and_counts_them(browser: Browser, page: Path) -> None:
    """All words must be in a row; the count is announced; clearing brings every row back."""
    browser.open(page)
    box, status = browser.find("#throughput-0-table input"), browser.find("#throughput-0-table .rows")
    assert (status.text, status.get_attribute("role")) == ("20 rows", "status")
    box.send_keys("keras 256")
    names = browser.run(COLUMN % (1, "textContent"), "throughput-0-table")
    assert names == ["keras", "keras"]
    assert status.text == "2 of 20 rows"
    box.send_keys("\ue009a\ue009", "\ue017")  # select all, delete
    assert status.text == "20 rows"
    box.send_keys("no such thing")
    assert status.text == "0 of 20 rows"


def test_light_and_dark_really_differ(browser: Browser, page: Path) -> None:
    """By the reader's preference."""
    grounds = {}
    for scheme in ("light", "dark"):
        browser.open(page, scheme=scheme)
        grounds[scheme] = luminance(browser.run("return getComputedStyle(document.body).backgroundColor"))
    assert grounds["light"] > 0.9
    assert grounds["dark"] < 0.05


def test_the_toggle_turns_the_scheme_and_is_remembered(browser: Browser, page: Path) -> None:
    """Whatever the system prefers; and back."""
    background = "return getComputedStyle(document.body).backgroundColor"
    browser.open(page, scheme="dark")
    dark = browser.run(background)
    browser.find(".theme").click()
    assert luminance(browser.run(background)) > 0.9
    browser.driver.refresh()
    assert luminance(browser.run(background)) > 0.9
    browser.find(".theme").click()
    assert browser.run(background) == dark


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_contrast(browser: Browser, page: Path, scheme: str) -> None:
    """All texts of the page and of the figures, computed from what the browser paints."""
    browser.open(page, scheme=scheme)
    texts = browser.run(TEXT_COLOURS)
    assert len(texts) >= 8
    assert any(what.startswith("text:") for what, _, _ in texts)
    low = [(what, fore, back) for what, fore, back in texts if contrast(fore, back) < TEXT_CONTRAST]
    assert low == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_series_has_contrast(browser: Browser, page: Path, scheme: str) -> None:
    """The colours of implementations against the page."""
    browser.open(page, scheme=scheme)
    script = (
        "const probe = document.createElement('p'); document.body.append(probe);"
        "return [...Array(8).keys()].map((n) => { probe.style.color = `var(--s${n})`;"
        "return getComputedStyle(probe).color; });"
    )
    ground = browser.run("return getComputedStyle(document.body).backgroundColor")
    colours = browser.run(script)
    assert len(set(colours)) == 8
    assert [colour for colour in colours if contrast(colour, ground) < GRAPHIC_CONTRAST] == []


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_no_width_scrolls_sideways(browser: Browser, page: Path, width: int) -> None:
    """Tables and figures scroll in their own frames."""
    browser.open(page, width)
    assert browser.run("return document.documentElement.scrollWidth") <= width


def test_names_without_a_space_do_not_widen_a_phone(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Four hundred letters in a row, everywhere."""
    name = "x" * 400
    folder = tmp_path_factory.mktemp("long") / "run"
    records = [
        synthetic.agreement(name),
        synthetic.throughput(name, {(0, 0): 1.0}),
        synthetic.convergence(name, folder, {"validation_loss_moving": [1.0]}, dataset=name),
        synthetic.checkpoint(name, {"optimizer_step_restored": 0}, format=name),
        synthetic.record("agreement", name, {"shape": [1]}, "failed", reason=name),
    ]
    browser.open(draw(synthetic.write_run(folder, records, {"note": name}, environment={"cpu_model": name})).page, 360)
    assert browser.run("return document.documentElement.scrollWidth") == 360


def test_the_keyboard_reaches_the_answer_first(browser: Browser, page: Path) -> None:
    """The first stop is a link that skips the navigation, and it becomes visible."""
    browser.open(page)
    browser.find("body").send_keys("\ue004")
    focused = browser.driver.switch_to.active_element
    assert focused.text == "Skip to the answer"
    assert browser.run("return arguments[0].getBoundingClientRect().left", focused) >= 0


def test_headers_stay_while_a_table_scrolls(browser: Browser, page: Path) -> None:
    """In the frame of the table."""
    browser.open(page)
    browser.run("document.querySelector('#agreement-table .scroll').style.maxHeight = '200px'")
    browser.run("document.querySelector('#agreement-table .scroll').scrollTop = 150")
    top = "return document.querySelector('#agreement-table %s').getBoundingClientRect().top"
    assert browser.run(top % "th") == pytest.approx(browser.run(top % ".scroll"), abs=2)


def test_on_a_phone_the_first_column_stays_and_marks_are_in_sight(browser: Browser, page: Path) -> None:
    """While a table scrolls sideways; and a ratio figure shows its labels and the line at 1 at once."""
    browser.open(page, 390)
    left = "return document.querySelector('#agreement-table %s').getBoundingClientRect().left"
    browser.run("document.querySelector('#agreement-table .scroll').scrollLeft = 200")
    assert browser.run(left % "tbody td") == pytest.approx(browser.run(left % ".scroll"), abs=2)
    ends = browser.run(
        "return [...document.querySelectorAll('#throughput-0-ratios svg text')]"
        ".filter((text) => text.textContent === '1\N{MULTIPLICATION SIGN}')"
        ".map((text) => text.getBoundingClientRect().right)"
    )
    assert ends
    assert max(ends) <= 390


def test_the_bar_holds_every_section_on_a_screen(browser: Browser, page: Path) -> None:
    """None is cut at its end."""
    browser.open(page)
    assert browser.run("const nav = document.querySelector('nav'); return nav.scrollWidth - nav.clientWidth") <= 0


def test_printed_the_whole_table_is_there(browser: Browser, page: Path) -> None:
    """On paper nothing scrolls, and there is nothing to click."""
    browser.open(page)
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    frame = browser.run("return getComputedStyle(document.querySelector('.table .scroll')).maxHeight")
    bar = browser.run("return getComputedStyle(document.querySelector('.bar')).display")
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert (frame, bar) == ("none", "none")
